// The tables of the reference switch as plain maps: what operations do to them, and what frames teach. native/core/tables_*.cpp does the
// same for a million entries; here it is written for reading.

import { type Ip, ipFamily, isIpv4, isMulticastMac, type Mac } from '../../net/index.js'
import { isUnicastIp } from './bytes.js'
import type { ModelEvent } from './model-events.js'
import type {
  Claim,
  Listener,
  ModelOperation,
  NextHop,
  Placement,
  Pruning,
  Wish,
} from './model-operations.js'
import { type RouteHop, Routes } from './model-routes.js'
import {
  type GroupKey,
  groupKey,
  isNoSegment,
  type MacGroup,
  type PortSegment,
} from './model-segments.js'
import type { NeighbourTalk } from './neighbour.js'
import type { LocalUnderlay } from './outer.js'

/** Who wants a channel, each in the order in which it came. */
interface Listeners {
  readonly ports: number[]
  readonly remotes: Ip[]
}

const channelKey = (group: Ip, source: Ip | undefined): string => `${group} ${source ?? ''}`

/** A MAC of a network: behind a port, or behind a VTEP. */
export type MacEntry = Placement & { lastSeen: number } & (
    | { readonly origin: 'local'; readonly port: number }
    | { readonly origin: 'remote'; readonly remote: Ip }
    | ({ readonly origin: 'remote' } & GroupKey)
    /** As another VTEP of the segment that the port leads to says. */
    | { readonly origin: 'remote'; readonly port: number }
  )

export type Binding = Claim & { port: number; lastSeen: number }

export interface Network {
  suppress: boolean
  snoop: boolean
  suppressUnknown: boolean
  advertise: boolean
  /** Broadcasts that come to our AR-IP go on to the other VTEPs. */
  replicate: boolean
  agingSeconds: number
  stormFramesPerSecond: number
  stormBurst: number
  /** In the order of attachment. */
  ports: number[]
  remotes: Ip[]
  readonly pruned: Map<Ip, Pruning>
  /** It gets broadcasts of ports, and no other remote. */
  replicator: Ip | undefined
  readonly groups: Map<string, MacGroup>
  readonly macs: Map<Mac, MacEntry>
  readonly bindings: Map<Ip, Binding>
  readonly channels: Map<string, Listeners>
  /** VNI of the IP-VRF, 0 = none. */
  vrf: number
  routerMac: Mac | undefined
  address4: Ip | undefined
  address6: Ip | undefined
  /** As IP-VRF. */
  readonly routes: Routes
}

export interface Remote {
  readonly index: number
  readonly nextHop?: NextHop
}

export const isResolved = ({ nextHop }: Remote): boolean => (nextHop?.ifindex ?? 0) !== 0

export class ModelTables {
  readonly networks = new Map<number, Network>()
  /** VNI of every port; 0 = detached. */
  readonly ports = new Map<number, number>()
  /** Of ports that lead to an Ethernet segment. */
  readonly segments = new Map<number, PortSegment>()
  readonly remotes = new Map<Ip, Remote>()
  readonly local: Ip
  readonly replicator: Ip | undefined
  events: ModelEvent[] = []
  now = 0
  readonly #maxPort: number

  constructor({ local, replicator }: LocalUnderlay, maxPort: number) {
    this.local = local
    this.replicator = replicator
    this.#maxPort = maxPort
  }

  /** False when the operation can not be carried out; it has changed nothing then. */
  apply(operation: ModelOperation): boolean {
    const done = this.#apply(operation)
    this.#forgetUnused()
    return done
  }

  #apply(operation: ModelOperation): boolean {
    if (operation.op === 'networkSet') return this.#setNetwork(operation)
    if (operation.op === 'nextHopSet') return this.#setNextHop(operation)
    if (operation.op === 'portAttach') return this.#attach(operation.port, operation.vni)
    if (operation.op === 'routeAdd' || operation.op === 'routeRemove') {
      return this.#setRoute(operation)
    }
    if (operation.op === 'portSegmentSet') return this.#setSegment(operation)
    if (operation.op === 'portSegmentClear') return this.segments.delete(operation.port) || true
    const network = this.networks.get(operation.vni)
    if (network === undefined) {
      return operation.op === 'networkRemove' || operation.op === 'macGroupRemove'
    }
    switch (operation.op) {
      case 'networkRemove':
        return this.#removeNetwork(operation.vni, network)
      case 'floodAdd':
        if (!this.#remember(operation.remote)) return false
        if (!network.remotes.includes(operation.remote)) network.remotes.push(operation.remote)
        network.pruned.set(operation.remote, operation)
        return true
      case 'replicatorSet':
        if (operation.remote !== undefined && !this.#remember(operation.remote)) return false
        network.replicator = operation.remote
        return true
      case 'floodRemove':
        network.remotes = network.remotes.filter((remote) => remote !== operation.remote)
        return true
      case 'listenerAdd':
        return this.#addListener(network, operation)
      case 'listenerRemove':
        leaveChannel(network, channelKey(operation.group, operation.source), operation)
        return true
      case 'macSetRemote':
        return this.#setRemoteMac(network, operation)
      case 'macSetGroup': {
        if (!network.groups.has(groupKey(operation))) return false
        const { esi, via } = operation
        return this.#setFarMac(network, operation, { origin: 'remote', esi, via })
      }
      case 'macSetPeer': {
        const { port } = operation
        if (!network.ports.includes(port)) return false
        return this.#setFarMac(network, operation, { origin: 'remote', port })
      }
      case 'macGroupSet':
        return this.#setGroup(network, operation)
      case 'macGroupRemove':
        if ([...network.macs.values()].some((entry) => leadsTo(entry, operation))) return false
        network.groups.delete(groupKey(operation))
        return true
      case 'macSetLocal':
        return this.#setLocalMac(network, operation)
      case 'macRemove':
        if (network.macs.get(operation.mac)?.origin === operation.origin)
          network.macs.delete(operation.mac)
        return true
      case 'neighbourSet':
        return this.#setBinding(network, operation)
      case 'neighbourRemove':
        if (network.bindings.get(operation.ip)?.origin === operation.origin) {
          network.bindings.delete(operation.ip)
        }
        return true
    }
  }

  #setNetwork({
    vni,
    suppress,
    agingSeconds,
    snoop = false,
    suppressUnknown = false,
    advertise = false,
    replicate = false,
    stormFramesPerSecond = 0,
    stormBurst = 0,
    vrf = 0,
    routerMac,
    address4,
    address6,
  }: ModelOperation & { op: 'networkSet' }): boolean {
    if (vni === 0 || vni >= 2 ** 24 || vrf >= 2 ** 24) return false
    if (routerMac !== undefined && isMulticastMac(routerMac)) return false
    if (vrf !== 0 && vrf !== vni && !this.isVrf(vrf)) return false
    const known = this.networks.get(vni)
    if (vrf !== vni && known !== undefined && known.routes.size > 0) return false
    const storm = { stormFramesPerSecond, stormBurst }
    const addresses = { address4: addressOrNone(address4), address6: addressOrNone(address6) }
    const flags = { suppress, suppressUnknown, snoop, advertise, replicate }
    const settings = { ...flags, agingSeconds, ...storm, vrf, routerMac, ...addresses }
    if (known === undefined) {
      const maps = { groups: new Map(), macs: new Map(), bindings: new Map() }
      const flood = { pruned: new Map(), replicator: undefined }
      const listed = { ...flood, channels: new Map(), routes: new Routes() }
      this.networks.set(vni, { ...settings, ports: [], remotes: [], ...maps, ...listed })
      return true
    }
    if (this.isVrf(vni) && vrf !== vni) this.#forgetVrf(vni)
    Object.assign(known, settings)
    if (routerMac !== undefined) this.#yieldMac(vni, known, routerMac)
    return true
  }

  isVrf(vni: number): boolean {
    return this.networks.get(vni)?.vrf === vni
  }

  #forgetVrf(vni: number): void {
    for (const [each, network] of this.networks)
      if (each !== vni && network.vrf === vni) network.vrf = 0
  }

  /** The router's MAC is nobody else's. */
  #yieldMac(vni: number, { macs }: Network, mac: Mac): void {
    const entry = macs.get(mac)
    macs.delete(mac)
    if (entry?.origin === 'local')
      this.events.push({ event: 'macFlushed', vni, mac, port: entry.port })
  }

  #setRoute(operation: ModelOperation & { op: 'routeAdd' | 'routeRemove' }): boolean {
    const { op, vrf, prefix, kind, vni, via, mac } = operation
    if (!this.isVrf(vrf)) return false
    const { routes } = this.networks.get(vrf)!
    const hop = { kind, vni, via, mac }
    const into = kind === 'connected' || kind === 'gateway'
    if (into && !this.networks.has(vni)) return false
    if (kind === 'remote' && (vni === 0 || vni >= 2 ** 24 || !isHostMac(mac))) return false
    if (op === 'routeRemove') routes.remove(prefix, hop)
    else if (kind === 'remote' && !this.#remember(via)) return false
    else routes.add(prefix, hop)
    return true
  }

  #removeNetwork(vni: number, network: Network): boolean {
    const leadsHere = ({ kind, vni: into }: RouteHop) =>
      (kind === 'connected' || kind === 'gateway') && into === vni
    for (const { routes } of this.networks.values()) if (routes.hops().some(leadsHere)) return false
    if (this.isVrf(vni)) this.#forgetVrf(vni)
    for (const port of network.ports) this.ports.set(port, 0)
    this.#flush(vni, () => true)
    this.networks.delete(vni)
    return true
  }

  #attach(port: number, vni: number): boolean {
    if (vni !== 0 && !this.networks.has(vni)) return false
    if (port === 0 || port > this.#maxPort) return false
    const old = this.ports.get(port) ?? 0
    this.ports.set(port, vni)
    if (old === vni) return true
    const before = this.networks.get(old)
    if (before !== undefined) {
      before.ports = before.ports.filter((each) => each !== port)
      for (const key of before.channels.keys()) leaveChannel(before, key, { port })
      this.#flush(old, (entryPort) => entryPort === port)
    }
    this.networks.get(vni)?.ports.push(port)
    return true
  }

  #addListener(network: Network, wish: Wish): boolean {
    const isThere = 'port' in wish ? network.ports.includes(wish.port) : this.#remember(wish.remote)
    if (!isThere) return false
    const key = channelKey(wish.group, wish.source)
    const channel = network.channels.get(key) ?? { ports: [], remotes: [] }
    network.channels.set(key, channel)
    if ('remote' in wish) {
      if (!channel.remotes.includes(wish.remote)) channel.remotes.push(wish.remote)
    } else if (!channel.ports.includes(wish.port)) channel.ports.push(wish.port)
    return true
  }

  /** Forgets what was learned from, or bound to, the ports that match; remote entries only when all go. */
  #flush(vni: number, matches: (port: number) => boolean): void {
    const { macs, bindings } = this.networks.get(vni)!
    for (const [mac, entry] of macs) {
      if (entry.origin === 'remote' && 'port' in entry && matches(entry.port)) macs.delete(mac)
      if (entry.origin === 'local' && matches(entry.port)) {
        macs.delete(mac)
        this.events.push({ event: 'macFlushed', vni, mac, port: entry.port })
      }
    }
    for (const [ip, binding] of bindings) {
      if (isLearned(binding) && matches(binding.port)) this.#ageBinding(vni, ip, binding)
    }
  }

  #ageBinding(vni: number, ip: Ip, { mac, port }: Binding): void {
    this.networks.get(vni)!.bindings.delete(ip)
    this.events.push({ event: 'neighbourAged', vni, ip, mac, port })
  }

  #setRemoteMac(network: Network, operation: ModelOperation & { op: 'macSetRemote' }): boolean {
    const { mac, remote, override } = operation
    if (!isHostMac(mac) || mac === network.routerMac) return false
    if (network.macs.get(mac)?.origin === 'local' && !override) return true
    if (!this.#remember(remote)) return false
    return this.#setFarMac(network, operation, { origin: 'remote', remote })
  }

  /** What another VTEP says: what was seen here stays, unless the other has won it. */
  #setFarMac(
    network: Network,
    { vni, mac, sticky, override, static: isStatic }: FarMac,
    place: Place,
  ): boolean {
    if (!isHostMac(mac) || mac === network.routerMac) return false
    const old = network.macs.get(mac)
    if (old?.origin === 'local' && !override) return true
    this.#put(network, mac, { ...place, static: isStatic, sticky })
    if (old?.origin === 'local') this.events.push({ event: 'macFlushed', vni, mac, port: old.port })
    return true
  }

  #setGroup(
    network: Network,
    { esi, via, remotes }: ModelOperation & { op: 'macGroupSet' },
  ): boolean {
    if (isNoSegment(esi) || !this.#rememberAll(remotes)) return false
    network.groups.set(groupKey({ esi, via }), { esi, via, remotes: [...new Set(remotes)] })
    return true
  }

  #setSegment({
    port,
    designated,
    blocked,
    peers,
  }: ModelOperation & { op: 'portSegmentSet' }): boolean {
    if (!this.ports.has(port) || !this.#rememberAll(peers)) return false
    this.segments.set(port, { designated, blocked, peers: [...new Set(peers)] })
    return true
  }

  #rememberAll(addresses: readonly Ip[]): boolean {
    return addresses.every((address) => this.#remember(address))
  }

  #setLocalMac(
    network: Network,
    { mac, port, sticky }: ModelOperation & { op: 'macSetLocal' },
  ): boolean {
    if (!isHostMac(mac) || !network.ports.includes(port)) return false
    if (mac === network.routerMac) return false
    this.#put(network, mac, { origin: 'local', port, static: true, sticky })
    return true
  }

  /** An entry that changes nothing keeps its age. */
  #put(network: Network, mac: Mac, entry: Unseen<MacEntry>): void {
    const old = network.macs.get(mac)
    if (old !== undefined && sameEntry(old, entry)) return
    network.macs.set(mac, { ...entry, lastSeen: this.now })
  }

  #setBinding(network: Network, operation: ModelOperation & { op: 'neighbourSet' }): boolean {
    const { ip, mac, origin, router, override, gateway = false } = operation
    if (!isHostMac(mac) || !isUnicastIp(ip)) return false
    const claim = { mac, origin, static: operation.static, router, override, gateway }
    network.bindings.set(ip, { ...claim, port: 0, lastSeen: this.now })
    return true
  }

  #setNextHop({
    op: _,
    remote: address,
    ...nextHop
  }: ModelOperation & { op: 'nextHopSet' }): boolean {
    const remote = this.remotes.get(address)
    if (remote === undefined) return false
    const resolved = nextHop.ifindex !== 0
    if (resolved && isIpv4(nextHop.source) !== isIpv4(address)) return false
    this.remotes.set(address, { index: remote.index, nextHop })
    if (resolved !== isResolved(remote)) {
      this.events.push({ event: resolved ? 'remoteResolved' : 'remoteUnresolved', remote: address })
    }
    return true
  }

  /** A remote is there as long as something points at it. New ones take the lowest free index. */
  #remember(address: Ip): boolean {
    if (!isUnicastIp(address) || address === this.local || address === this.replicator) return false
    if (this.remotes.has(address)) return true
    const taken = new Set([...this.remotes.values()].map(({ index }) => index))
    let index = 1
    while (taken.has(index)) index++
    this.remotes.set(address, { index })
    return true
  }

  #forgetUnused(): void {
    for (const address of this.remotes.keys()) {
      const used =
        [...this.networks.values()].some((network) => speaksIn(network, address)) ||
        [...this.segments.values()].some(({ peers }) => peers.includes(address))
      if (!used) this.remotes.delete(address)
    }
  }

  /** A frame with this source came in at this port. */
  learnMac(vni: number, mac: Mac, port: number): void {
    const network = this.networks.get(vni)!
    if (mac === network.routerMac) return
    const old = network.macs.get(mac)
    if (old?.origin === 'local' && old.port === port) {
      old.lastSeen = this.now
      return
    }
    if (old?.static || old?.sticky) return
    network.macs.set(mac, {
      origin: 'local',
      port,
      static: false,
      sticky: false,
      lastSeen: this.now,
    })
    if (old === undefined || ('port' in old && old.port === port)) {
      this.events.push({ event: 'macLearned', vni, mac, port })
    } else {
      const previous = 'remote' in old ? { previous: old.remote } : {}
      this.events.push({ event: 'macMoved', vni, mac, port, ...previous })
      this.#forgetUnused()
    }
  }

  /** A frame from this port said that `mac` has this address. */
  learnBinding(vni: number, ip: Ip, mac: Mac, port: number, said: NeighbourTalk): void {
    const { bindings } = this.networks.get(vni)!
    const old = bindings.get(ip)
    if (old?.static) return
    const same = old !== undefined && isLearned(old) && old.mac === mac
    const router = said.router || (same && old.router)
    const override = said.keeps !== true && (!same || old.override)
    if (same && old.router === router && old.override === override) {
      Object.assign(old, { port, lastSeen: this.now })
      return
    }
    const claim = { mac, origin: 'local', static: false, router, override } as const
    bindings.set(ip, { ...claim, port, lastSeen: this.now })
    const event = old === undefined || same ? 'neighbourLearned' : 'neighbourMoved'
    this.events.push({ event, vni, ip, mac, port })
  }

  /** Forgets what has not been seen for as long as its network says. */
  age(): void {
    for (const [vni, { macs, bindings, agingSeconds }] of this.networks) {
      if (agingSeconds === 0) continue
      for (const [mac, entry] of macs) {
        if (entry.origin !== 'local' || entry.static || this.now - entry.lastSeen < agingSeconds)
          continue
        macs.delete(mac)
        this.events.push({ event: 'macAged', vni, mac, port: entry.port })
      }
      for (const [ip, binding] of bindings) {
        if (isLearned(binding) && this.now - binding.lastSeen >= agingSeconds)
          this.#ageBinding(vni, ip, binding)
      }
    }
  }
}

type FarMac = Extract<ModelOperation, { op: 'macSetRemote' | 'macSetGroup' | 'macSetPeer' }>

/** Where it is, without what else is known of it. */
type Place =
  Unseen<Extract<MacEntry, { origin: 'remote' }>> extends infer Each
    ? Each extends unknown
      ? Omit<Each, keyof Placement>
      : never
    : never

function leaveChannel(network: Network, key: string, listener: Listener): void {
  const channel = network.channels.get(key)
  if (channel === undefined) return
  const [from, each]: [(number | Ip)[], number | Ip] =
    'port' in listener ? [channel.ports, listener.port] : [channel.remotes, listener.remote]
  const place = from.indexOf(each)
  if (place >= 0) from.splice(place, 1)
  if (channel.ports.length + channel.remotes.length === 0) network.channels.delete(key)
}

/**
 * The remotes that get a flooded frame of a list, of the flood list or another one (RFC 9574 sections 5 and 7). `from`: the VTEP that
 * we replicate it for.
 */
export function remotesOf(
  network: Network,
  list: Listeners,
  isGroup: boolean,
  from?: Ip,
): readonly Ip[] {
  const { replicator, pruned } = network
  if (from !== undefined) {
    const all = remotesOf({ ...network, replicator: undefined }, list, isGroup)
    return all.filter((remote) => remote !== from)
  }
  if (isGroup && replicator !== undefined && list.remotes.length > 0) return [replicator]
  if (list.remotes !== network.remotes) return list.remotes
  return list.remotes.filter((remote) => {
    const { noBroadcasts = false, noUnknown = false } = pruned.get(remote) ?? {}
    return !(isGroup ? noBroadcasts : noUnknown)
  })
}

/** Who wants a group of this source; undefined: nobody has said anything that would concern it. */
export function listenersOf(network: Network, group: Ip, source: Ip): Listeners | undefined {
  const { channels } = network
  return (
    channels.get(channelKey(group, source)) ??
    channels.get(channelKey(group, undefined)) ??
    channels.get(channelKey(ipFamily(group) === 4 ? '0.0.0.0' : '::', undefined))
  )
}

type Unseen<T> = T extends unknown ? Omit<T, 'lastSeen'> : never

const sameEntry = (old: MacEntry, entry: Unseen<MacEntry>): boolean =>
  Object.entries(entry).every(([key, value]) => old[key as keyof MacEntry] === value)

const addressOrNone = (ip: Ip | undefined): Ip | undefined =>
  ip === '::' || ip === '0.0.0.0' ? undefined : ip

const isHostMac = (mac: Mac): boolean => !isMulticastMac(mac) && mac !== '00:00:00:00:00:00'

const isLearned = (binding: Binding): boolean => binding.origin === 'local' && !binding.static

/** Decapsulation accepts a VTEP only where it is named: in a list, as the place of a MAC, or as a router. */
export const speaksIn = (network: Network, address: Ip): boolean => {
  const { remotes, macs, routes, groups, channels } = network
  return (
    remotes.includes(address) ||
    network.replicator === address ||
    [...groups.values(), ...channels.values()].some((each) => each.remotes.includes(address)) ||
    routes.hops().some(({ kind, via }) => kind === 'remote' && via === address) ||
    [...macs.values()].some((entry) => 'remote' in entry && entry.remote === address)
  )
}

const leadsTo = (entry: MacEntry, group: GroupKey): boolean =>
  'esi' in entry && groupKey(entry) === groupKey(group)
