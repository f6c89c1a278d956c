// Finds everything that is known of an address: one pass over the routes, one look at the tables.

import type { Path, RefusedPath } from '../../bgp/index.js'
import type { PrefixView } from '../../evpn/index.js'
import type { MacState, NeighbourState } from '../../fib/index.js'
import {
  type Ip,
  ipFamily,
  type Mac,
  parsePrefix,
  prefixContains,
  splitPrefix,
} from '../../net/index.js'
import type { EvpnRoute, MacIpRoute, PrefixRoute } from '../../wire/index.js'
import type { Network } from '../config/schema.js'
import type { PacketPath } from '../packet-path.js'
import type { Probe } from '../probe/index.js'
import type { StateSource } from '../state/index.js'
import { isMac, type KnownRoute, type Subject } from './subject.js'

export interface Asked {
  readonly address: Mac | Ip
  /** Only in this one. */
  readonly network: Network | undefined
}

export interface Surroundings {
  readonly source: StateSource
  readonly path: Pick<PacketPath, 'settled' | 'readAside'>
  readonly probe: Probe | undefined
  readonly now: number
}

interface Found {
  readonly routes: readonly KnownRoute[]
  readonly own: readonly Path[]
  readonly refused: readonly RefusedPath[]
}

/** One subject for each network that has to do with the address; one without a network where none has. */
export async function gather(asked: Asked, around: Surroundings): Promise<readonly Subject[]> {
  const { source } = around
  const tables = await readTables(asked.address, around)
  const found = routesAbout(asked.address, source)
  const all = asked.network === undefined ? source.effective.config.networks : [asked.network]
  const make = (network: Network | undefined): Subject[] =>
    subjectsIn(network, asked.address, found, tables, around)
  const subjects = all.flatMap(make).filter(isConcerned)
  if (subjects.length > 0) return subjects
  const routed = asked.network === undefined ? prefixSubjects(asked.address, around) : []
  if (routed.length > 0) return routed
  const vtep = vtepSubject(asked.address, around)
  if (vtep !== undefined) return [vtep]
  if (asked.network !== undefined) return make(asked.network).slice(0, 1)
  const near = all.filter((network) => hasSubnet(network, asked.address))
  const only = near.length > 0 ? near : all.length === 1 ? all : [undefined]
  return only.flatMap(make)
}

const isAbout = (nlri: EvpnRoute, address: Mac | Ip): nlri is MacIpRoute =>
  nlri.type === 'macIp' && (nlri.mac === address || nlri.ip === address)

function routesAbout(address: Mac | Ip, { speaker, evpn, effective }: StateSource): Found {
  const routes: KnownRoute[] = []
  const own: Path[] = []
  for (const entry of speaker.locRib('evpn')) {
    if (!isAbout(entry.nlri as EvpnRoute, address)) continue
    const nlri = entry.nlri as MacIpRoute
    own.push(...entry.paths.filter(({ peer }) => peer === ''))
    if (entry.best.nextHop === effective.config.vtep.address) continue
    routes.push({ entry, account: evpn.account.route(entry.key), label: nlri.label })
  }
  const refused = [...speaker.refusedPaths('evpn')].filter(({ path }) =>
    isAbout(path.nlri as EvpnRoute, address),
  )
  return { routes, own, refused }
}

interface Tables {
  readonly macs: readonly MacState[]
  readonly neighbours: readonly NeighbourState[]
}

/** So many rows are made at once. */
const PAGE = 4096

/** Rows of the address; of an IP address also those of the MACs that it is at. */
async function readTables(address: Mac | Ip, { path, source }: Surroundings): Promise<Tables> {
  if (source.uplink === undefined) return { macs: [], neighbours: [] }
  await path.settled()
  const neighbours: NeighbourState[] = []
  const macs: MacState[] = []
  if (!isMac(address)) {
    const rows = await path.readAside('neighbours')
    for (let at = 0; at < (rows?.length ?? 0); at += PAGE)
      neighbours.push(...rows!.slice(at, at + PAGE).filter(({ ip }) => ip === address))
  }
  const wanted = new Set(isMac(address) ? [address] : neighbours.map(({ mac }) => mac))
  for (const { mac } of macsAt(address, source)) wanted.add(mac)
  const rows = await path.readAside('macs')
  for (let at = 0; at < (rows?.length ?? 0); at += PAGE)
    macs.push(...rows!.slice(at, at + PAGE).filter(({ mac }) => wanted.has(mac)))
  return { macs, neighbours }
}

/** MACs that have, or had, the address as far as EVPN knows. */
function* macsAt(address: Mac | Ip, { evpn, effective }: StateSource) {
  for (const { vni } of effective.config.networks) {
    if (isMac(address)) {
      if (evpn.account.mac(vni, address) !== undefined) yield { vni, mac: address }
      continue
    }
    const holder = evpn.holderOf(vni, address)
    if (holder !== undefined) yield { vni, mac: holder }
    const row = evpn.image.networks.get(vni)?.neighbours.get(address)
    if (row !== undefined && row.mac !== holder) yield { vni, mac: row.mac }
  }
}

/** The MACs of the address in a network: mostly one, with two at a conflict. */
function subjectsIn(
  network: Network | undefined,
  address: Mac | Ip,
  found: Found,
  tables: Tables,
  around: Surroundings,
): Subject[] {
  const vni = network?.vni
  const inNetwork = ({ label, account }: KnownRoute): boolean =>
    label === vni || account?.uses.some((use) => use.kind === 'network' && use.vni === vni) === true
  const near = found.routes.filter(inNetwork)
  // Without a network, and where none of ours is meant, whatever there is may be the answer.
  const isForeign = near.length === 0 && found.routes.length > 0
  const foreign = isForeign ? found.routes.filter((route) => !isOurs(route, around.source)) : []
  const routes = near.length > 0 ? near : foreign
  const macs = new Set<Mac | undefined>()
  if (isMac(address)) macs.add(address)
  else {
    for (const one of macsAt(address, around.source)) if (one.vni === vni) macs.add(one.mac)
    for (const { entry } of routes) macs.add((entry.nlri as MacIpRoute).mac)
    for (const row of tables.neighbours) if (row.vni === vni && !row.gateway) macs.add(row.mac)
    if (macs.size === 0) macs.add(undefined)
  }
  return [...macs].map((mac) => {
    const ofMac = routes.filter(({ entry }) => (entry.nlri as MacIpRoute).mac === mac)
    return subjectOf(network, mac, address, { ...found, routes: ofMac }, tables, around)
  })
}

/** Some network here takes it, or has its VNI. */
function isOurs({ label, account }: KnownRoute, { effective }: StateSource): boolean {
  return (
    effective.config.networks.some(({ vni }) => vni === label) || (account?.uses.length ?? 0) > 0
  )
}

function subjectOf(
  network: Network | undefined,
  mac: Mac | undefined,
  address: Mac | Ip,
  { routes, own, refused }: Found,
  tables: Tables,
  { source, probe, now }: Surroundings,
): Subject {
  const { evpn } = source
  const vni = network?.vni
  const known = mac === undefined || vni === undefined ? undefined : { mac, vni }
  const view = known && evpn.mac(known.vni, known.mac)
  const image = vni === undefined ? undefined : evpn.image.networks.get(vni)
  const wantedRow = mac === undefined ? undefined : image?.macs.get(mac)
  const ofNetwork = refused.filter(({ path }) => {
    const { label } = path.nlri as MacIpRoute
    return label === vni || !source.effective.config.networks.some((one) => one.vni === label)
  })
  const ips = new Set([...(view?.ips ?? []), ...(isMac(address) ? [] : [address])])
  return {
    kind: 'host',
    address,
    source,
    probe,
    now,
    network,
    vni,
    vrf: undefined,
    mac,
    ips: [...ips],
    view,
    account: known && evpn.account.mac(known.vni, known.mac),
    // The one that decides first: the MAC's own before those of its addresses, but for what was asked.
    routes: [...routes].sort((a, b) => rank(a, address) - rank(b, address)),
    own: own.filter(({ nlri }) => {
      const route = nlri as MacIpRoute
      return route.mac === mac && route.label === vni
    }),
    refused: ofNetwork,
    remotes: remotesOf(view?.dst, image, wantedRow, routes),
    image,
    wantedRow,
    row: tables.macs.find((row) => row.vni === vni && row.mac === mac),
    ports: source.portStates(),
    remoteStates: new Map(source.remoteStates().map((state) => [state.address, state])),
  }
}

function rank({ entry }: KnownRoute, address: Mac | Ip): number {
  const { ip } = entry.nlri as MacIpRoute
  return ip === (isMac(address) ? undefined : address) ? 0 : 1
}

function remotesOf(
  dst: Ip | undefined,
  image: Subject['image'],
  row: Subject['wantedRow'],
  routes: readonly KnownRoute[],
): readonly Ip[] {
  if (row?.op === 'macSetGroup') {
    for (const group of image?.macGroups.values() ?? [])
      if (group.esi === row.esi && group.via === row.via) return group.remotes
    return []
  }
  if (row?.op === 'macSetPeer' || row?.op === 'macSetLocal') return []
  const remote = dst ?? routes[0]?.entry.best.nextHop
  return remote === undefined ? [] : [remote]
}

/** Anything at all has to do with it. */
function isConcerned({ view, account, routes, own, refused, row }: Subject): boolean {
  const parts = [routes, own, refused].some((list) => list.length > 0)
  return view !== undefined || account !== undefined || row !== undefined || parts
}

function hasSubnet({ gateway }: Network, address: Mac | Ip): boolean {
  return !isMac(address) && gateway.some((one) => prefixContains(parsePrefix(one), address))
}

/** The address of a VTEP: one of the fabric's, or at least one of the underlay that a peer has. */
function vtepSubject(address: Mac | Ip, { source, probe, now }: Surroundings): Subject | undefined {
  if (isMac(address) || ipFamily(address) !== ipFamily(source.effective.config.vtep.address))
    return undefined
  const remoteStates = new Map(source.remoteStates().map((state) => [state.address, state]))
  const { networks } = source.effective.config
  const isInside = networks.some((network) => hasSubnet(network, address))
  const isKnown =
    remoteStates.has(address) || source.speaker.peers().some((peer) => peer.address === address)
  if (!isKnown && (isInside || !isUnderlay(address, source))) return undefined
  return { ...bare(address, source), kind: 'vtep', probe, now, remotes: [address], remoteStates }
}

/** IP-VRFs that route the address to a VTEP, by the longest prefix of each. */
function prefixSubjects(address: Mac | Ip, { source, probe, now }: Surroundings): Subject[] {
  if (isMac(address)) return []
  const best = new Map<string, PrefixView>()
  for (const row of source.evpn.prefixes()) {
    if (!prefixContains(row.prefix, address)) continue
    const before = best.get(row.vrfName)
    if (before === undefined || lengthOf(row) > lengthOf(before)) best.set(row.vrfName, row)
  }
  const remoteStates = new Map(source.remoteStates().map((state) => [state.address, state]))
  return [...best.values()].flatMap((row) => {
    if (row.kind !== 'remote') return []
    const { vrfName: vrf, prefix, via, vni } = row
    const routes = [...source.speaker.locRib('evpn')].flatMap((entry): KnownRoute[] => {
      const account = source.evpn.account.route(entry.key)
      const isOne =
        (entry.nlri as EvpnRoute).type === 'prefix' &&
        (entry.nlri as PrefixRoute).prefix === prefix &&
        account?.uses.some((use) => use.kind === 'vrf' && use.name === vrf) === true
      return isOne ? [{ entry, account, label: vni }] : []
    })
    const common = { ...bare(address, source), kind: 'prefix', probe, now, vrf, vni } as const
    return [{ ...common, routes, remotes: [via], remoteStates }]
  })
}

const lengthOf = ({ prefix }: PrefixView): number => splitPrefix(prefix).length

/** Of what belongs to no network. */
function bare(address: Ip, source: StateSource) {
  return {
    address,
    source,
    network: undefined,
    vni: undefined,
    vrf: undefined,
    mac: undefined,
    ips: [address],
    view: undefined,
    account: undefined,
    routes: [],
    own: [],
    refused: [],
    image: undefined,
    wantedRow: undefined,
    row: undefined,
    ports: source.portStates(),
  }
}

/** It looks like one of the fabric: it begins as ours and those that we know do. */
function isUnderlay(address: Ip, { effective }: StateSource): boolean {
  const { address: own } = effective.config.vtep
  const length = ipFamily(own) === 4 ? 16 : 48
  return prefixContains(parsePrefix(`${own}/${length}`), address)
}
