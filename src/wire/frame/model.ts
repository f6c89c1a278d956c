// The reference switch: frames in, frames out, in as few words as it takes. The tests hold native/core (as addon and as WebAssembly) against
// it, octet by octet; traces and the library may use it where nothing can be built.

import { type Ip, ipFamily, isMulticastIp, isMulticastMac, type Mac } from '../../net/index.js'
import { at, patched } from './bytes.js'
import { ETHERNET_LENGTH, ethernet, etherTypes } from './ethernet.js'
import { ipv4Header, ipv6Header, protocols } from './ip.js'
import { findLayers, flowHash, type Layers } from './layers.js'
import { isLinkGroup, readMembership } from './membership.js'
import { checkMeta, type Frame, isSuper, needsChecksum, noMeta, wireLength } from './meta.js'
import type { ModelEvent } from './model-events.js'
import type { ModelOperation } from './model-operations.js'
import { isLinkLocal, type RouteHop } from './model-routes.js'
import { groupKey, keptBack, memberOf } from './model-segments.js'
import {
  listenersOf,
  type MacEntry,
  ModelTables,
  type Network,
  remotesOf,
  speaksIn,
} from './model-tables.js'
import { admit } from './model-tokens.js'
import {
  answerNeighbour,
  isAskedOfAll,
  readNeighbourTalk,
  readRouterSolicitation,
} from './neighbour.js'
import {
  decapsulateOuter,
  decapsulatePayload,
  encapsulate,
  outerOverhead,
  sentToReplicator,
  shifted,
  type VxlanPacket,
} from './outer.js'
import {
  answerEcho,
  type IcmpError,
  icmpError,
  mayReport,
  type Packet,
  passOn,
  readPacket,
} from './packet.js'
import { askNeighbour } from './probe.js'
import { destinationWord, type RunFrame, type RunInput } from './run.js'
import { finish } from './segmentation.js'
import { VXLAN_INSTANCE, VXLAN_LENGTH, VXLAN_OTHER_FORMAT, vxlanHeader } from './vxlan.js'

/** An outcome with the name of its reason. */
export type ModelOutcome =
  | {
      readonly kind: 'emit'
      readonly input: number
      readonly destination: number
      readonly frame: Frame
    }
  | {
      readonly kind: 'drop'
      readonly input: number
      readonly destination: number
      readonly reason: string
    }

export interface ModelOptions {
  readonly localAddress: Ip
  /** Our AR-IP (RFC 9574). Left out: none. */
  readonly replicatorAddress?: Ip
  readonly udpPort: number
  /** Highest port id; 64 as in SegmentConfig. */
  readonly ports?: number
}

/** A tenant's frame that has passed the checks. */
interface Accepted {
  readonly frame: Frame
  readonly layers: Layers
  readonly source: Mac
  readonly destination: Mac
  readonly vni: number
  readonly network: Network
  /** 0 = from the underlay. */
  readonly port: number
  /** The VTEP, from the underlay, and whether it sent to our AR-IP. */
  readonly vtep?: Ip
  readonly toReplicator?: boolean
}

/** Where a packet goes next. */
interface Hop {
  readonly vni: number
  /** That it goes into; undefined: to a VTEP that routes. */
  readonly network?: Network
  readonly sourceMac: Mac
  /** Undefined: to be asked for. */
  readonly mac?: Mac
  /** Undefined: nobody knows where the MAC is. */
  readonly place?: Place
  /** Of whoever is next. */
  readonly ip: Ip
}

type Place =
  | { readonly origin: 'local'; readonly port: number }
  | { readonly origin: 'remote'; readonly remote: Ip }

const NO_MAC = '00:00:00:00:00:00'
const NOBODY: Pick<Network, 'ports' | 'remotes'> = { ports: [], remotes: [] }
const BURST = 64

export class SwitchModel {
  readonly tables: ModelTables
  readonly #udpPort: number
  /** When the bucket of each port is full again, in nanoseconds. */
  readonly #stormFullAt = new Map<number, bigint>()
  readonly #errorsFullAt = new Map<number, bigint>()
  readonly #heardFullAt = new Map<number, bigint>()
  readonly #questionsFullAt = new Map<number, bigint>()
  #outcomes: ModelOutcome[] = []
  #learnMacs: (() => void)[] = []
  #learnBindings: (() => void)[] = []

  constructor({ localAddress, replicatorAddress, udpPort, ports = 64 }: ModelOptions) {
    this.tables = new ModelTables({ local: localAddress, replicator: replicatorAddress }, ports)
    this.#udpPort = udpPort
  }

  /** Indices of the operations that could not be carried out. */
  apply(operations: readonly ModelOperation[]): number[] {
    return operations.flatMap((operation, index) => (this.tables.apply(operation) ? [] : [index]))
  }

  run({ now, frames }: RunInput): ModelOutcome[] {
    this.tables.now = now
    this.#outcomes = []
    for (let start = 0; start < frames.length; ) {
      const end = endOfBurst(frames, start)
      for (let input = start; input < end; input++) this.#enter(frames[input]!, input)
      this.#learn()
      start = end
    }
    return this.#outcomes
  }

  tick(now: number): void {
    this.tables.now = now
    this.tables.age()
  }

  takeEvents(): ModelEvent[] {
    return this.tables.events.splice(0)
  }

  /** What a burst teaches is known to the next one. MACs come before what they say about addresses. */
  #learn(): void {
    for (const learn of this.#learnMacs.splice(0)) learn()
    for (const learn of this.#learnBindings.splice(0)) learn()
  }

  #enter(frame: RunFrame, input: number): void {
    if (frame.form === 'port') {
      this.#fromPort(frame, frame.port, input)
    } else if (frame.form === 'outer') {
      this.#fromUnderlay(decapsulateOuter(frame, this.tables, this.#udpPort), input)
    } else if (frame.form === 'vxlan') {
      const packets = decapsulatePayload(frame, frame.source)
      this.#fromUnderlay(frame.toReplicator === true ? sentToReplicator(packets) : packets, input)
    } else {
      const frames = finish(frame, frame.form === 'finish' ? 'complete' : 'partial')
      if (typeof frames === 'string') this.#drop(input, frames)
      else for (const each of frames) this.#emit(input, 0, each)
    }
  }

  #fromPort(frame: Frame, port: number, input: number): void {
    const vni = this.tables.ports.get(port) ?? 0
    const network = this.tables.networks.get(vni)
    const accepted = this.tables.segments.get(port)?.blocked
      ? 'segment_blocked'
      : network === undefined
        ? 'port_detached'
        : accept(frame, { vni, network, port })
    if (typeof accepted === 'string') {
      this.#drop(input, accepted)
    } else {
      this.#learnMacs.push(() => this.tables.learnMac(vni, accepted.source, port))
      if (!this.#talk(accepted, input)) this.#forward(accepted, input)
    }
  }

  #fromUnderlay(packets: readonly VxlanPacket[] | string, input: number): void {
    const opened =
      typeof packets === 'string' ? [packets] : packets.map((packet) => this.#open(packet))
    for (const accepted of opened) {
      if (typeof accepted === 'string') this.#drop(input, accepted)
      else this.#forward(accepted, input)
    }
  }

  /** RFC 7348 section 5, and: only a VTEP that is named for the network may speak in it. */
  #open({ bytes, meta, source, toReplicator = false }: VxlanPacket): Accepted | string {
    const header = at(vxlanHeader, bytes, 0)
    if (header === undefined) return 'outer_malformed'
    const { flags, vni } = header
    if ((flags & VXLAN_INSTANCE) === 0 || (flags & VXLAN_OTHER_FORMAT) !== 0) return 'vxlan_flags'
    if (source === this.tables.local) return 'own_address'
    const network = this.tables.networks.get(vni)
    if (network === undefined) return 'unknown_vni'
    if (!speaksIn(network, source)) return 'unknown_vtep'
    const inner = { bytes: bytes.subarray(VXLAN_LENGTH), meta: shifted(meta, VXLAN_LENGTH) }
    return accept(inner, { vni, network, port: 0, vtep: source, toReplicator })
  }

  /** ARP and ND: remembers what is said, answers where the tables can. True when the frame needs to go no further. */
  #talk(accepted: Accepted, input: number): boolean {
    const { frame, layers, source, destination, vni, network, port } = accepted
    if (isSuper(frame.meta)) return false
    const talk = readNeighbourTalk(frame.bytes, layers, !needsChecksum(frame.meta))
    const { tells, asks } = talk
    if (tells !== undefined) {
      this.#learnBindings.push(() => this.tables.learnBinding(vni, tells, source, port, talk))
    }
    const binding = asks === undefined ? undefined : network.bindings.get(asks)
    if (binding === undefined) {
      const isLost = asks !== undefined && network.suppressUnknown && isMulticastMac(destination)
      if (isLost) this.#drop(input, 'unknown_neighbour')
      return isLost
    }
    const told = network.suppress && (binding.origin === 'remote' || binding.static)
    if (!binding.gateway && !told) return false
    // Who knows the answer may ask whether it still holds (RFC 4861 section 7.3).
    const checks = binding.gateway === true && destination === binding.mac
    if (!isAskedOfAll(destination) && !checks) return false
    // Whoever asks for its own address must not be told that it is taken.
    if (binding.mac === source) return false
    const bytes = answerNeighbour(frame.bytes, layers, binding)
    this.#emit(input, destinationWord.port | port, { bytes, meta: noMeta })
    this.#drop(input, 'suppressed')
    return true
  }

  #forward(accepted: Accepted, input: number): void {
    const { destination, network, port } = accepted
    if (destination === network.routerMac) {
      this.#route(accepted, input)
      return
    }
    const entry = isMulticastMac(destination) ? undefined : network.macs.get(destination)
    if (entry === undefined) {
      this.#flood(accepted, input)
      return
    }
    if (port === 0 && !('port' in entry)) {
      this.#drop(input, 'split_horizon')
      return
    }
    const place = placeOf(entry, network, () => flowHash(accepted.frame.bytes, accepted.layers))
    if (place === undefined) this.#flood(accepted, input)
    else if (place.origin === 'remote') this.#sendRemote(accepted, input, place.remote)
    else if (place.port === port) this.#drop(input, 'same_port')
    else this.#sendPort(accepted, input, place.port)
  }

  #sendPort({ frame }: Accepted, input: number, port: number): void {
    const word = destinationWord.port | port
    if (this.tables.segments.get(port)?.blocked) this.#drop(input, 'segment_blocked', word)
    else this.#emit(input, word, frame)
  }

  #flood(accepted: Accepted, input: number): void {
    const { network, port, vtep, destination, toReplicator = false } = accepted
    const isGroup = isMulticastMac(destination)
    const isReplicated = toReplicator && network.replicate && isGroup
    if (port !== 0 && !this.#admitFlood(port, network)) {
      this.#drop(input, 'storm_control')
      return
    }
    this.#hearSolicitation(accepted)
    const { list, nobody } = this.#listeners(accepted)
    const ports = list.ports.filter((each) => each !== port)
    const remotes = port === 0 && !isReplicated ? [] : remotesOf(network, list, isGroup, vtep)
    if (ports.length + remotes.length === 0) this.#drop(input, nobody)
    for (const each of ports) {
      const segment = this.tables.segments.get(each)
      const isOpen = segment?.blocked === false && vtep !== undefined
      const reason = isOpen ? keptBack(segment, vtep, isReplicated) : undefined
      if (reason === undefined) this.#sendPort(accepted, input, each)
      else this.#drop(input, reason, destinationWord.port | each)
    }
    for (const each of remotes) this.#sendRemote(accepted, input, each)
  }

  #hearSolicitation({ frame, layers, destination, vni, network, port }: Accepted): void {
    const mayAsk = network.advertise && port !== 0 && isMulticastMac(destination)
    if (!mayAsk || isSuper(frame.meta)) return
    const host = readRouterSolicitation(frame.bytes, layers, !needsChecksum(frame.meta))
    if (host === undefined || !this.#hears(port)) return
    this.tables.events.push({ event: 'routerSolicited', vni, port, host })
  }

  /** The flood list, or of multicast, where it is heard who wants it, that; and why a frame is lost where it is empty. */
  #listeners({ frame, layers, destination, vni, network, port }: Accepted): {
    readonly list: Pick<Network, 'ports' | 'remotes'>
    readonly nobody: string
  } {
    const all = { list: network, nobody: 'no_destination' }
    const isIp = layers.l3 === ETHERNET_LENGTH && layers.version !== 0
    if (!network.snoop || !isMulticastMac(destination) || !isIp) return all
    const header = layers.version === 4 ? ipv4Header : ipv6Header
    const { source, destination: group } = at<{ source: Ip; destination: Ip }>(
      header,
      frame.bytes,
      layers.l3,
    )!
    if (!isMulticastIp(group)) return all
    const message = isSuper(frame.meta)
      ? undefined
      : readMembership(frame.bytes, layers, !needsChecksum(frame.meta))
    const any = layers.version === 4 ? '0.0.0.0' : '::'
    if (message?.kind === 'report') {
      const { version, records } = message
      for (const record of port === 0 ? [] : records) {
        if (this.#hears(port))
          this.tables.events.push({ event: 'multicastReport', vni, port, version, ...record })
      }
      const list = listenersOf(network, any, any) ?? NOBODY
      return { list, nobody: 'no_multicast_router' }
    }
    const isPim = layers.protocol === protocols.pim && !layers.fragment
    if ((message !== undefined || isPim) && this.#hears(port)) {
      const version = message?.version ?? 0
      this.tables.events.push({ event: 'multicastQuery', vni, port, querier: source, version })
    }
    if (isLinkGroup(group)) return all
    return { list: listenersOf(network, group, source) ?? NOBODY, nobody: 'no_multicast_listener' }
  }

  #hears(port: number): boolean {
    return admit(this.#heardFullAt, port, 1000, 1000, this.tables.now)
  }

  #admitFlood(port: number, { stormFramesPerSecond, stormBurst }: Network): boolean {
    return admit(this.#stormFullAt, port, stormFramesPerSecond, stormBurst, this.tables.now)
  }

  /** To the router MAC: as its IP-VRF says, or the sender is told why not. */
  #route(accepted: Accepted, input: number): void {
    const { frame, layers, network, port } = accepted
    if (layers.etherType === etherTypes.arp) {
      this.#drop(input, 'for_router')
      return
    }
    const packet = readPacket(frame.bytes, layers)
    if (packet === undefined || network.vrf === 0) {
      this.#drop(input, 'not_routable')
      return
    }
    const hash = flowHash(frame.bytes, layers)
    const hop = this.#findHop(network.vrf, packet.destination, hash)
    if (hop === 'for_router') {
      this.#toRouter(accepted, packet, input)
      return
    }
    if (isLinkLocal(packet.source) || isLinkLocal(packet.destination)) {
      this.#drop(input, 'not_routable')
      return
    }
    const refuse = (reason: string, error: IcmpError, mtu = 0) => {
      this.#report(accepted, packet, error, mtu, input)
      this.#drop(input, reason)
    }
    if (packet.ttl <= 1) {
      refuse('ttl_exceeded', 'ttlExceeded')
      return
    }
    if (hop === 'no_route') {
      refuse('no_route', 'noRoute')
      return
    }
    if (hop.mac === undefined) {
      this.#ask(port, hop, input)
      this.#drop(input, 'no_neighbour')
      return
    }
    const { word, mtu, obstacle } = this.#way(hop)
    if (obstacle !== undefined) {
      this.#drop(input, obstacle, word)
      return
    }
    if (mtu !== undefined && wireLength(frame) - ETHERNET_LENGTH > mtu) {
      refuse('exceeds_mtu', 'tooBig', mtu)
      return
    }
    const bytes = passOn(frame.bytes, packet, hop.mac, hop.sourceMac)
    const routed = { bytes, meta: frame.meta }
    if (word !== undefined) this.#sendHop(routed, hop, hash, input)
    else if (this.#floodHop(routed, hop, hash, input, false) === 0)
      this.#drop(input, 'no_destination')
  }

  /** Echoes are answered, by the way that the request came; that there is no service is said. */
  #toRouter(accepted: Accepted, packet: Packet, input: number): void {
    const { frame, layers, network, port } = accepted
    if (layers.protocol === protocols.tcp || layers.protocol === protocols.udp) {
      this.#report(accepted, packet, 'noService', 0, input)
    } else {
      const hash = flowHash(frame.bytes, layers)
      const back = port === 0 ? this.#openHop(network.vrf, packet.source, hash) : undefined
      const bytes = answerEcho(frame, layers, packet, network.routerMac!)
      if (bytes !== undefined && (port !== 0 || back !== undefined)) {
        const answer = { bytes, meta: frame.meta }
        if (back === undefined) this.#emit(input, destinationWord.port | port, answer)
        else this.#sendHop(readdressed(answer, back), back, hash, input)
      }
    }
    this.#drop(input, 'for_router')
  }

  #findHop(vrf: number, ip: Ip, hash: number): Hop | 'for_router' | 'no_route' {
    const { routes, routerMac = NO_MAC } = this.tables.networks.get(vrf)!
    const route: RouteHop | undefined = routes.find(ip, hash, vrf)
    if (route?.kind === 'own') return 'for_router'
    if (route?.kind === 'remote') {
      const { vni, mac, via } = route
      return { vni, mac, sourceMac: routerMac, place: { origin: 'remote', remote: via }, ip }
    }
    if (route === undefined || route.kind === 'blackhole') return 'no_route'
    const { vni } = route
    const network = this.tables.networks.get(vni)!
    const asked = route.kind === 'gateway' ? route.via : ip
    const hop = { vni, network, sourceMac: network.routerMac ?? NO_MAC, ip: asked }
    const mac = network.bindings.get(asked)?.mac
    if (mac === undefined) return hop
    if (mac === network.routerMac) return 'no_route'
    const entry = network.macs.get(mac)
    const place = entry && placeOf(entry, network, () => hash)
    return { ...hop, mac, ...(place === undefined ? {} : { place }) }
  }

  /** One that packets can take now. */
  #openHop(vrf: number, ip: Ip, hash: number): Hop | undefined {
    const hop = this.#findHop(vrf, ip, hash)
    if (typeof hop === 'string' || hop.mac === undefined) return undefined
    const { word, mtu } = this.#way(hop)
    return word !== undefined && mtu !== undefined ? hop : undefined
  }

  /** Destination word, undefined = all of the network; largest IP packet, undefined = no way there, and why. */
  #way({ place }: Hop): {
    readonly word?: number
    readonly mtu?: number
    readonly obstacle?: string
  } {
    if (place === undefined) return {}
    if (place.origin === 'local') {
      const word = destinationWord.port | place.port
      const isBlocked = this.tables.segments.get(place.port)?.blocked
      return isBlocked
        ? { word, obstacle: 'segment_blocked' }
        : { word, mtu: Number.POSITIVE_INFINITY }
    }
    const { index, nextHop } = this.tables.remotes.get(place.remote)!
    const word = destinationWord.remote | index
    if (nextHop === undefined || nextHop.ifindex === 0) return { word, obstacle: 'unresolved' }
    const room = nextHop.mtu - outerOverhead(place.remote) - ETHERNET_LENGTH
    return { word, mtu: nextHop.mtu === 0 ? Number.POSITIVE_INFINITY : Math.max(room, 0) }
  }

  #sendHop(frame: Frame, hop: Hop, hash: number, input: number): void {
    const { place, vni } = hop
    const { word } = this.#way(hop)
    if (place === undefined || place.origin === 'local') {
      this.#emit(input, word!, frame)
      return
    }
    const { nextHop } = this.tables.remotes.get(place.remote)!
    const underlay = { ...nextHop!, destination: place.remote, udpPort: this.#udpPort }
    this.#emit(input, word!, encapsulate(frame, vni, hash, underlay))
  }

  /** How many get it. */
  #floodHop(frame: Frame, hop: Hop, hash: number, input: number, isGroup: boolean): number {
    const { ports } = hop.network!
    const remotes = remotesOf(hop.network!, hop.network!, isGroup)
    const places: Place[] = [
      ...ports.map((port) => ({ origin: 'local', port }) as const),
      ...remotes.map((remote) => ({ origin: 'remote', remote }) as const),
    ]
    let sent = 0
    for (const place of places) {
      const copy = { ...hop, place }
      const { mtu } = this.#way(copy)
      if (mtu === undefined || wireLength(frame) - ETHERNET_LENGTH > mtu) continue
      this.#sendHop(frame, copy, hash, input)
      sent++
    }
    return sent
  }

  #report(accepted: Accepted, packet: Packet, error: IcmpError, mtu: number, input: number): void {
    const { frame, layers, network, port } = accepted
    const { vrf } = network
    const router = port === 0 ? this.tables.networks.get(vrf)! : network
    const source = packet.v4 ? router.address4 : router.address6
    if (source === undefined || !mayReport(frame.bytes, layers, packet)) return
    if (!admit(this.#errorsFullAt, port, 1000, 50, this.tables.now)) return
    const mac = router.routerMac ?? NO_MAC
    const bytes = icmpError(frame.bytes, packet, error, mtu, source, mac)
    const reply = { bytes, meta: noMeta }
    if (port !== 0) {
      this.#emit(input, destinationWord.port | port, reply)
      return
    }
    const hash = flowHash(bytes, findLayers(bytes)!)
    const back = this.#openHop(vrf, packet.source, hash)
    if (back !== undefined) this.#sendHop(readdressed(reply, back), back, hash, input)
  }

  /** Asks all of the network who has the address of the next hop. */
  #ask(port: number, hop: Hop, input: number): void {
    const source = ipFamily(hop.ip) === 4 ? hop.network!.address4 : hop.network!.address6
    if (source === undefined) return
    if (!admit(this.#questionsFullAt, port, 1000, 50, this.tables.now)) return
    const bytes = askNeighbour(hop.ip, source, hop.sourceMac)
    this.#floodHop({ bytes, meta: noMeta }, hop, flowHash(bytes, findLayers(bytes)!), input, true)
  }

  #sendRemote({ frame, layers, vni }: Accepted, input: number, address: Ip): void {
    const { index, nextHop } = this.tables.remotes.get(address)!
    const word = destinationWord.remote | index
    if (nextHop === undefined || nextHop.ifindex === 0) {
      this.#drop(input, 'unresolved', word)
    } else if (nextHop.mtu !== 0 && wireLength(frame) + outerOverhead(address) > nextHop.mtu) {
      this.#drop(input, 'exceeds_mtu', word)
    } else {
      const underlay = { ...nextHop, destination: address, udpPort: this.#udpPort }
      const hash = flowHash(frame.bytes, layers)
      this.#emit(input, word, encapsulate(frame, vni, hash, underlay))
    }
  }

  #emit(input: number, destination: number, frame: Frame): void {
    this.#outcomes.push({ kind: 'emit', input, destination, frame })
  }

  #drop(input: number, reason: string, destination = 0): void {
    this.#outcomes.push({ kind: 'drop', input, destination, reason })
  }
}

/** Of a group, by the flow; undefined where it has no VTEP. */
function placeOf(entry: MacEntry, network: Network, hash: () => number): Place | undefined {
  if ('port' in entry) return { origin: 'local', port: entry.port }
  if ('remote' in entry) return { origin: 'remote', remote: entry.remote }
  const remote = memberOf(network.groups.get(groupKey(entry))!, hash())
  return remote === undefined ? undefined : { origin: 'remote', remote }
}

const readdressed = ({ bytes, meta }: Frame, { mac, sourceMac }: Hop): Frame => ({
  bytes: patched(ethernet, bytes, 0, { destination: mac!, source: sourceMac }),
  meta,
})

/** Consecutive frames of one form and port. */
function endOfBurst(frames: readonly RunFrame[], start: number): number {
  const portOf = (frame: RunFrame): number => (frame.form === 'port' ? frame.port : 0)
  const first = frames[start]!
  let end = start
  while (
    end < frames.length &&
    end - start < BURST &&
    frames[end]!.form === first.form &&
    portOf(frames[end]!) === portOf(first)
  ) {
    end++
  }
  return end
}

/** IEEE 802.1Q table 8-1: for the next bridge only. */
const isReserved = (mac: Mac): boolean => /^01:80:c2:00:00:0[0-9a-f]$/.test(mac)

/** What holds for every tenant's frame, wherever it comes from. */
function accept(
  frame: Frame,
  where: Pick<Accepted, 'vni' | 'network' | 'port' | 'vtep' | 'toReplicator'>,
): Accepted | string {
  if (frame.bytes.length < ETHERNET_LENGTH) return 'too_short'
  const { source, destination } = at(ethernet, frame.bytes, 0)!
  if (isMulticastMac(source) || source === '00:00:00:00:00:00') return 'source_multicast'
  if (isReserved(destination)) return 'reserved_group'
  const layers = findLayers(frame.bytes)
  if (layers === undefined) return 'malformed'
  const meta = checkMeta(frame.bytes, layers, frame.meta)
  if (typeof meta === 'string') return meta
  return { frame: { bytes: frame.bytes, meta }, layers, source, destination, ...where }
}
