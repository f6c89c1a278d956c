// One configuration out of an frr.conf and the kernel's devices.

import {
  esiFromSystem,
  ParseError,
  parseEsi,
  parseIp,
  parseMac,
  parsePrefix,
  parseRouteDistinguisher,
  parseRouteTarget,
} from '../../net/index.js'
import { textFormats } from '../config/text.js'
import type { Kernel, KernelNetwork } from './bridging.js'
import type { Statement } from './frr-lines.js'
import {
  DEFAULT_VRF,
  type Family,
  type FrrModel,
  type FrrPeer,
  type NeighborDraft,
  type TargetsDraft,
} from './frr-model.js'
import type { ImportNote } from './notes.js'

type Plain = Record<string, unknown>

export interface Built {
  /** What the file will say. */
  readonly document: Plain
  readonly notes: readonly ImportNote[]
}

const EVERYWHERE = { evpn: 'evpn', ipv4: 'ipv4', ipv6: 'ipv6' } as const

export class Builder {
  readonly #frr: FrrModel | undefined
  readonly #kernel: Kernel | undefined
  readonly #notes: ImportNote[]
  #address: string | undefined

  constructor(frr: FrrModel | undefined, kernel: Kernel | undefined, notes: readonly ImportNote[]) {
    this.#frr = frr
    this.#kernel = kernel
    this.#notes = [...notes]
  }

  build(): Built {
    const frr = this.#frr
    const asn = frr?.asn
    if (asn === undefined)
      this.#lost(
        frr?.file ?? 'frr.conf',
        'no `router bgp`',
        'without an AS number nothing is spoken: write asn',
      )
    this.#address = this.#vtepAddress()
    const vrfs = this.#vrfs()
    const networks = this.#networks(vrfs.map(({ name }) => String(name)))
    const document: Plain = {
      ...given({ asn, routerId: this.#routerId() }),
      vtep: this.#vtep(networks),
      bgp: this.#bgp(),
      ...given({ profile: frr?.profile }),
      ...filled('duplicateDetection', frr?.duplicateDetection ?? {}),
      ...filled('vrfs', vrfs),
      networks: networks.map(({ plain }) => plain),
    }
    return { document, notes: [...byLine(frr?.notes ?? []), ...this.#notes] }
  }

  #lost(where: string, what: string, why: string): void {
    this.#notes.push({ kind: 'lost', where, what, why })
  }

  /** As the devices have it; else what is announced, or spoken from; else the router ID. */
  #vtepAddress(): string | undefined {
    const { locals = [], addresses = [] } = this.#kernel ?? {}
    if (locals.length > 1)
      this.#lost(
        'vxlan devices',
        `local ${locals.join(', ')}`,
        `a host has one VTEP address: ${locals[0]} is taken`,
      )
    const announced = this.#frr?.prefixes
      .map(({ prefix }) => prefix)
      .filter((prefix) => /\/(?:32|128)$/.test(prefix))
      .map((prefix) => prefix.slice(0, prefix.indexOf('/')))
    const id = this.#frr?.routerId
    const candidates = [...locals, ...(announced ?? []), ...(id === undefined ? [] : [id])]
    const isHere = (one: string): boolean => addresses.length === 0 || addresses.includes(one)
    const found = candidates.find(isHere) ?? candidates[0]
    if (found === undefined)
      this.#lost(
        'vxlan devices',
        'no local address',
        'write vtep.address: the address that tunnels end at',
      )
    return found
  }

  #routerId(): string | undefined {
    const id = this.#frr?.routerId
    return id === this.#address ? undefined : id
  }

  #vtep(networks: readonly BuiltNetwork[]): Plain {
    const ports = this.#kernel?.udpPorts ?? []
    if (ports.length > 1)
      this.#lost(
        'vxlan devices',
        `UDP ports ${ports.join(', ')}`,
        `VXLAN has one UDP port here: ${ports[0]} is taken`,
      )
    const macs = [...new Set(networks.flatMap(({ gatewayMac }) => gatewayMac ?? []))]
    if (macs.length > 1)
      this.#lost(
        'gateways',
        `MACs ${macs.join(', ')}`,
        'all gateways of a fabric have one MAC: vtep.gatewayMac',
      )
    return given({
      address: this.#address,
      udpPort: ports[0] === 4789 ? undefined : ports[0],
      gatewayMac: macs.length === 1 ? macs[0] : undefined,
    })
  }

  // ---- BGP

  #bgp(): Plain {
    const frr = this.#frr
    if (frr === undefined) return { neighbors: [] }
    return {
      listen: hasSix(frr) ? { address: '::' } : {},
      ...given({ announceVtep: this.#announcesVtep(frr) || undefined, clusterId: frr.clusterId }),
      ...filled('gracefulRestart', frr.gracefulRestart),
      neighbors: this.#neighbors(frr),
    }
  }

  #announcesVtep(frr: FrrModel): boolean {
    let isAnnounced = false
    const isRouted = frr.vrfs.get(DEFAULT_VRF)?.l3Vni !== undefined
    const subnets = (this.#kernel?.networks ?? []).flatMap(({ gateway }) =>
      gateway.map(parsePrefix),
    )
    for (const { prefix, statement } of frr.prefixes) {
      if (prefix.slice(0, prefix.indexOf('/')) === this.#address) isAnnounced = true
      else if (isRouted && subnets.includes(readable(parsePrefix, prefix) ?? ''))
        frr.note('nothing', statement, 'subnets of a VRF are announced')
      else frr.note('lost', statement, 'of the underlay only the VTEP address is announced')
    }
    for (const statement of frr.redistributions) {
      isAnnounced = true
      frr.note(
        'lost',
        statement,
        'of connected networks only the VTEP address is announced (bgp.announceVtep)',
      )
    }
    for (const statement of frr.advertisements) {
      if (isRouted) frr.note('nothing', statement, 'subnets and routes of a VRF are announced')
      else frr.note('lost', statement, 'the underlay does not go into EVPN; VRFs do')
    }
    return isAnnounced
  }

  #neighbors(frr: FrrModel): Plain[] {
    const peers = [...frr.peers.values()]
    const groups = new Set(peers.filter(({ isGroup }) => isGroup).map(({ name }) => name))
    const named = peers.filter(({ name }) => !groups.has(name))
    const ranged = frr.ranges.map(
      ({ prefix, group, statement }): FrrPeer => ({
        name: prefix,
        statement,
        isGroup: false,
        isInterface: false,
        group,
        draft: {},
        families: new Map(),
        policies: [],
      }),
    )
    return [...named, ...ranged].flatMap((peer) => this.#neighbor(frr, peer, ranged.includes(peer)))
  }

  #neighbor(frr: FrrModel, peer: FrrPeer, isRange: boolean): Plain[] {
    const group = peer.group === undefined ? undefined : frr.peers.get(peer.group)
    const draft: NeighborDraft = { ...group?.draft, ...peer.draft }
    const at = (statement: Statement, why: string): [] => {
      this.#lost(`${frr.file}:${statement.line}`, statement.text, why)
      return []
    }
    if (draft.asn === undefined) return at(peer.statement, 'the neighbour has no remote-as')
    if (draft.shutdown !== undefined)
      return at(draft.shutdown, `neighbour ${peer.name} is shut down, and left out`)
    const families = (Object.keys(EVERYWHERE) as Family[]).filter(
      (family) =>
        peer.families.get(family) ??
        group?.families.get(family) ??
        (family === 'ipv4' && frr.activatesIpv4),
    )
    if (families.length === 0)
      return at(
        peer.statement,
        `neighbour ${peer.name} has no family that is spoken, and is left out`,
      )
    const limits = Object.fromEntries(
      Object.entries({ ...group?.draft.maximumRoutes, ...peer.draft.maximumRoutes }).filter(
        ([family]) => families.includes(family as Family),
      ),
    )
    const named = this.#named(peer, isRange, at)
    if (named === undefined) return []
    return [
      given({
        ...named,
        asn: draft.asn,
        families,
        port: draft.port,
        passive: draft.passive,
        holdTimeSeconds: draft.holdTimeSeconds ?? frr.holdTimeSeconds,
        updateSource: isRange || peer.isInterface ? undefined : this.#source(draft, peer, at),
        password: draft.password,
        bfd: this.#bfd(frr, peer, draft, at),
        multihop: draft.ttlSecurity === undefined ? draft.multihop : undefined,
        ttlSecurity: draft.ttlSecurity,
        nextHopSelf: draft.nextHopSelf,
        maximumRoutes: Object.keys(limits).length === 0 ? undefined : limits,
        allowAsIn: draft.allowAsIn,
        asOverride: draft.asOverride,
        siteOfOrigin: draft.siteOfOrigin,
        role: draft.role,
        strictRole: draft.strictRole,
        addPath: draft.addPathSend === true ? { send: true } : undefined,
        routeReflectorClient: draft.routeReflectorClient,
        description: draft.description,
      }),
    ]
  }

  #named(
    { name, isInterface, statement }: FrrPeer,
    isRange: boolean,
    at: (statement: Statement, why: string) => [],
  ): Plain | undefined {
    if (isInterface) return { interface: name }
    const value = isRange ? readable(parsePrefix, name) : readable(parseIp, name)
    if (value !== undefined) return isRange ? { range: value } : { address: value }
    at(
      statement,
      `${name} is neither an address nor an interface, nor a peer-group that is defined`,
    )
    return undefined
  }

  /** An address is taken as it is, an interface by the address that it has. */
  #source(
    { updateSource }: NeighborDraft,
    peer: FrrPeer,
    at: (statement: Statement, why: string) => [],
  ): string | undefined {
    if (updateSource === undefined) return undefined
    const isSix = peer.name.includes(':')
    const address = readable(parseIp, updateSource) ?? this.#addressOf(updateSource, isSix)
    if (address === undefined)
      at(
        peer.statement,
        `update-source ${updateSource}: the interface has no address that is known; write updateSource`,
      )
    // It is the default.
    return address === this.#address ? undefined : address
  }

  #addressOf(ifname: string, isSix: boolean): string | undefined {
    const all = this.#kernel?.addressesOf(ifname) ?? []
    const fitting = all.filter((one) => one.includes(':') === isSix)
    return fitting.includes(this.#address ?? '') ? this.#address : fitting[0]
  }

  #bfd(
    frr: FrrModel,
    peer: FrrPeer,
    { bfd }: NeighborDraft,
    at: (statement: Statement, why: string) => [],
  ): object | undefined {
    if (bfd === undefined) return undefined
    const own = frr.bfdProfiles.get(`peer ${peer.name}`)
    if (!('profile' in bfd)) return { ...own, ...bfd }
    const profile = frr.bfdProfiles.get(bfd.profile)
    if (profile === undefined)
      at(
        peer.statement,
        `BFD profile ${bfd.profile} is not in the file: intervals are the default ones`,
      )
    return { ...profile, ...own }
  }

  // ---- networks and VRFs

  #vrfs(): Plain[] {
    const vrfs = [...(this.#frr?.vrfs.values() ?? [])]
    return vrfs.flatMap((vrf): Plain[] => {
      const { name, l3Vni, routes } = vrf
      if (l3Vni === undefined) {
        this.#lost(
          this.#frr!.file,
          `vrf ${name}`,
          'it has no VNI, so it is routed by the system alone',
        )
        return []
      }
      return [
        given({
          name,
          vni: l3Vni,
          ...this.#identity(vrf, `vrf ${name}`),
          routes:
            routes.length === 0
              ? undefined
              : routes.map(({ prefix, via }) =>
                  given({ prefix, via, announce: vrf.redistributesStatic ? undefined : false }),
                ),
        }),
      ]
    })
  }

  #identity(draft: TargetsDraft | undefined, where: string): Plain {
    if (draft === undefined) return {}
    const readAll = (texts: readonly string[]): string[] | undefined => {
      const read = texts.flatMap((text) => {
        const target = readable(parseRouteTarget, text)
        if (target === undefined) this.#lost(where, `route-target ${text}`, 'it is no route target')
        return target ?? []
      })
      return read.length === 0 ? undefined : [...new Set(read)]
    }
    const routeTargets = given({ import: readAll(draft.imports), export: readAll(draft.exports) })
    const rd = draft.rd === undefined ? undefined : readable(parseRouteDistinguisher, draft.rd)
    if (draft.rd !== undefined && rd === undefined)
      this.#lost(where, `rd ${draft.rd}`, 'it is no route distinguisher')
    return given({
      routeDistinguisher: rd,
      routeTargets: Object.keys(routeTargets).length === 0 ? undefined : routeTargets,
    })
  }

  #networks(vrfs: readonly string[]): BuiltNetwork[] {
    const l3 = new Set([...(this.#frr?.vrfs.values() ?? [])].map(({ l3Vni }) => l3Vni))
    const kernel = this.#kernel?.networks.filter(({ vni }) => !l3.has(vni)) ?? []
    const names = new Set<string>()
    const built = kernel.map((network) => this.#network(network, vrfs, names))
    for (const [vni] of this.#frr?.vnis ?? []) {
      if (l3.has(vni) || kernel.some((network) => network.vni === vni)) continue
      this.#lost(this.#frr!.file, `vni ${vni}`, 'no vxlan device has it: the network has no ports')
      built.push({
        plain: {
          name: `vni${vni}`,
          vni,
          ...this.#identity(this.#frr?.vnis.get(vni), `vni ${vni}`),
        },
        gatewayMac: undefined,
      })
    }
    if (this.#frr !== undefined && !this.#frr.advertisesAll && built.length > 0)
      this.#lost(
        this.#frr.file,
        'no advertise-all-vni',
        'FRR announced none of the networks; these are',
      )
    return built
  }

  #network(network: KernelNetwork, vrfs: readonly string[], names: Set<string>): BuiltNetwork {
    const { vni, bridge, vlan, ports, gateway, gatewayMac, remotes } = network
    const isInDefault = gateway.length > 0 && vrfs.includes(DEFAULT_VRF)
    const { vrf = isInDefault ? DEFAULT_VRF : undefined } = network
    const usual = bridge === undefined || vlan !== undefined ? `vni${vni}` : bridge.ifname
    const name =
      names.has(usual) || readable(textFormats.name.parse, usual) === undefined
        ? `vni${vni}`
        : usual
    names.add(name)
    const isRouted = vrf !== undefined && vrfs.includes(vrf)
    const svi = network.svi?.ifname ?? name
    if (vrf !== undefined && !isRouted)
      this.#lost(
        svi,
        `in VRF ${vrf}`,
        'the VRF has no VNI in frr.conf: write vrfs, and vrf and gateway of the network',
      )
    else if (!isRouted && gateway.length > 0)
      this.#lost(
        svi,
        `addresses ${gateway.join(', ')}`,
        'the host takes no part in a network of its tenants: give it a tap port with this address, or the network a vrf and this gateway',
      )
    const plain = given({
      name,
      vni,
      vrf: isRouted ? vrf : undefined,
      gateway: isRouted && gateway.length > 0 ? gateway : undefined,
      ...this.#identity(this.#frr?.vnis.get(vni), `vni ${vni}`),
      ports:
        ports.length === 0
          ? undefined
          : ports.map(({ ifname, linkinfo }) => this.#port(ifname, linkinfo?.info_kind)),
      remotes:
        remotes.length === 0
          ? undefined
          : remotes.map(({ address, macs }) =>
              given({ address, macs: macs.length === 0 ? undefined : macs }),
            ),
    })
    return { plain, gatewayMac: isRouted ? gatewayMac : undefined }
  }

  /** A tap of a VM comes and goes with it. */
  #port(ifname: string, kind: string | undefined): Plain {
    return given({
      name: ifname,
      wait: kind === 'tun' ? true : undefined,
      ethernetSegment: this.#segment(ifname),
    })
  }

  #segment(ifname: string): Plain | undefined {
    const segment = this.#frr?.segments.get(ifname)
    if (segment === undefined) return undefined
    const { id, esi, systemMac, preference, statement } = segment
    const mac = systemMac === undefined ? undefined : readable(parseMac, systemMac)
    // FRR elects by preference alone (RFC 9785), 32767 where nobody says.
    const df = { algorithm: 'preference', ...given({ preference }) }
    if (esi !== undefined && readable(parseEsi, esi) !== undefined)
      return { esi: parseEsi(esi), df }
    if (id !== undefined && mac !== undefined) return { esi: esiFromSystem(mac, id), df }
    this.#lost(
      `${this.#frr!.file}:${statement.line}`,
      statement.text,
      'an Ethernet segment has an ESI, or es-id and es-sys-mac',
    )
    return undefined
  }
}

/** Who has an IPv6 address, link-local ones included, may connect by it. */
const hasSix = (frr: FrrModel): boolean =>
  [...frr.peers.values()].some(({ name, isInterface }) => isInterface || name.includes(':')) ||
  frr.ranges.some(({ prefix }) => prefix.includes(':'))

interface BuiltNetwork {
  readonly plain: Plain
  readonly gatewayMac: string | undefined
}

/** Without what nobody gave. */
function given(values: Plain): Plain {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

function filled(key: string, value: object | readonly unknown[]): Plain {
  return Object.keys(value).length === 0 ? {} : { [key]: value }
}

function readable(parse: (text: string) => string, text: string): string | undefined {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof ParseError) return undefined
    throw error
  }
}

/** In the order of the file: "frr.conf:12". */
function byLine(notes: readonly ImportNote[]): ImportNote[] {
  const line = ({ where }: ImportNote): number => Number(where.slice(where.lastIndexOf(':') + 1))
  return [...notes].sort((a, b) => line(a) - line(b))
}
