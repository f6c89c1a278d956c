// The packet path as the control plane sees it. Implemented by io/native.ts (a dataplane process) and io/wasm.ts (in this process).

import type { Esi, Ip, Mac, Prefix } from '../net/index.js'
import type { CaptureFeed, CaptureSpec } from './capture.js'

/** Who owns a MAC or a binding. */
export type Origin = 'local' | 'remote'

export interface PortSpec {
  readonly name: string
  readonly kind: string
  /** Options of the kind, as the kind declares them. */
  readonly options: Readonly<Record<string, string>>
}

export interface PortState extends PortSpec {
  readonly id: number
  /** 0 = attached to no network. */
  readonly vni: number
  readonly ifindex: number
  readonly mtu: number
  readonly mac: Mac
  readonly up: boolean
  readonly flags: number
  /** MACs behind it, and addresses learned from it. */
  readonly macs: number
  readonly neighbours: number
  /** It leads to an Ethernet segment. */
  readonly segment?: PortSegment
}

/** What of a network's frames passes a port that leads to an Ethernet segment (RFC 7432 section 8, RFC 8365 section 8.3.1). */
export interface PortSegment {
  /** Broadcasts from VTEPs are delivered: we are the designated forwarder. */
  readonly designated: boolean
  /** Nothing passes, in either direction: another VTEP is active. */
  readonly blocked: boolean
  /** VTEPs that lead to the segment, too: they have delivered their broadcasts themselves. */
  readonly peers: readonly Ip[]
}

/** VTEPs by which hosts of a segment can be reached, in one network. */
export interface MacGroupKey {
  readonly vni: number
  readonly esi: Esi
  /** Of a single-active segment: the VTEP that announces the hosts. Else left out. */
  readonly via?: Ip
}

export interface MacGroupState extends MacGroupKey {
  /** Each takes its share of the flows; none: hosts are as good as unknown. At most 16. */
  readonly remotes: readonly Ip[]
}

/** What a network may do; left out: it does not. */
export interface NetworkFlags {
  /** ARP and ND requests for what nobody is known to have are not flooded. */
  readonly suppressUnknown?: boolean
  /** Multicast goes to who wants it: see `listenerAdd`. */
  readonly snoop?: boolean
  /** Hosts that look for a router are told of: `routerSolicited`. */
  readonly advertise?: boolean
  /** Broadcast and multicast that VTEPs send to our AR-IP goes to the other VTEPs, too (RFC 9574 section 5.1). */
  readonly replicate?: boolean
}

export const networkFlags = [
  'suppressUnknown',
  'snoop',
  'advertise',
  'replicate',
] as const satisfies readonly (keyof NetworkFlags)[]

export interface NetworkState extends NetworkFlags {
  readonly vni: number
  readonly suppress: boolean
  readonly agingSeconds: number
  /** Left out: 0. */
  readonly stormFramesPerSecond?: number
  readonly stormBurst?: number
  /** L3 VNI of the IP-VRF that it is routed in; its own makes it one. 0 or left out: none. */
  readonly vrf?: number
  /** Frames to this MAC are routed. */
  readonly routerMac?: Mac
  /** Our addresses in ICMP errors. */
  readonly address4?: Ip
  readonly address6?: Ip
  /** See `replicatorSet`. */
  readonly replicator?: Ip
}

/** Where a route leads (RFC 9135, RFC 9136). */
export type RouteHop =
  /** Our own address. */
  | { readonly kind: 'own' | 'blackhole' }
  /** To the hosts of a network, by their bindings. */
  | { readonly kind: 'connected'; readonly vni: number }
  /** By way of a host of a network. */
  | { readonly kind: 'gateway'; readonly vni: number; readonly via: Ip }
  /** Routed by a VTEP: on this label, to its router MAC. */
  | { readonly kind: 'remote'; readonly vni: number; readonly via: Ip; readonly mac: Mac }

/** One path of a route. */
export type RouteState = { readonly vrf: number; readonly prefix: Prefix } & RouteHop

export interface MacState {
  readonly vni: number
  readonly mac: Mac
  readonly origin: Origin
  /** Port id of a local MAC, or of a remote one whose segment the port leads to. */
  readonly port?: number
  /** VTEP of a remote MAC. */
  readonly remote?: Ip
  /** Group of a remote MAC, instead of a VTEP. */
  readonly esi?: Esi
  readonly via?: Ip
  readonly static: boolean
  readonly sticky: boolean
  readonly ageSeconds: number
}

export interface NeighbourState {
  readonly vni: number
  readonly ip: Ip
  readonly mac: Mac
  readonly origin: Origin
  readonly router: boolean
  /** Answers say that they replace what is known (RFC 4861 section 4.4, the O flag). Left out: yes. */
  readonly override?: boolean
  /** Set by an operation; a local one that is not was snooped. */
  readonly static: boolean
  readonly gateway?: boolean
  readonly ageSeconds: number
}

export interface RemoteState {
  readonly address: Ip
  readonly resolved: boolean
  readonly nextHop: Ip
  readonly nextHopMac: Mac
  readonly ifindex: number
  readonly mtu: number
}

/** An interface that the uplink sends out of. */
export interface UnderlayState {
  readonly ifindex: number
  /** UnderlayFlag bits. */
  readonly flags: number
}

/** What a VTEP of a flood list does not get; left out: it does. */
export interface Pruning {
  /** Broadcast and multicast. */
  readonly noBroadcasts?: boolean
  /** Unknown unicast. */
  readonly noUnknown?: boolean
}

/** A VTEP that gets what is flooded, and may speak in the network. */
export interface FloodState extends Pruning {
  readonly vni: number
  readonly remote: Ip
}

/** A multicast group, from any source or from one. 0.0.0.0 and :: stand for every group of their family without a channel. */
export interface Channel {
  readonly vni: number
  readonly group: Ip
  readonly source?: Ip
}

/** Who wants a channel: a port or a VTEP. */
export type ListenerState = Channel & ({ readonly port: number } | { readonly remote: Ip })

/** What the tables hold at one moment. */
export interface Snapshot {
  readonly ports: readonly PortState[]
  readonly networks: readonly NetworkState[]
  readonly remotes: readonly RemoteState[]
  readonly underlays: readonly UnderlayState[]
  readonly floods: readonly FloodState[]
  readonly macGroups: readonly MacGroupState[]
  readonly listeners: readonly ListenerState[]
  readonly macs: readonly MacState[]
  readonly neighbours: readonly NeighbourState[]
  readonly routes: readonly RouteState[]
}

/** One write. Keys are the outside's words, so every operation may be repeated without harm. */
export type Operation =
  | (NetworkFlags & {
      readonly op: 'networkSet'
      readonly vni: number
      readonly suppress: boolean
      readonly agingSeconds: number
      /** Storm control: what each port may flood per second (and worker), and at once. 0 or left out: any number. */
      readonly stormFramesPerSecond?: number
      readonly stormBurst?: number
      /** As in NetworkState. */
      readonly vrf?: number
      readonly routerMac?: Mac
      readonly address4?: Ip
      readonly address6?: Ip
    })
  /** Refused while a route leads into the network. */
  | { readonly op: 'networkRemove'; readonly vni: number }
  | { readonly op: 'portAttach'; readonly port: number; readonly vni: number }
  /** Also of a VTEP that is on the list, for which it changes what it gets. */
  | ({ readonly op: 'floodAdd' } & FloodState)
  | { readonly op: 'floodRemove'; readonly vni: number; readonly remote: Ip }
  /**
   * Broadcast and multicast of ports that would go to any VTEP go to this one alone, which replicates them (RFC 9574). Left out: to all
   * of the list.
   */
  | { readonly op: 'replicatorSet'; readonly vni: number; readonly remote?: Ip }
  | {
      readonly op: 'macSetRemote'
      readonly vni: number
      readonly mac: Mac
      readonly remote: Ip
      readonly sticky: boolean
      /** Replace a local entry, too: the far end has won the MAC (RFC 7432 section 15). */
      readonly override: boolean
    }
  | {
      readonly op: 'macSetLocal'
      readonly vni: number
      readonly mac: Mac
      readonly port: number
      readonly sticky: boolean
    }
  | ({ readonly op: 'macGroupSet' } & MacGroupState)
  /** Refused while a MAC leads there. */
  | ({ readonly op: 'macGroupRemove' } & MacGroupKey)
  /** A MAC of a segment; its group is there. */
  | ({
      readonly op: 'macSetGroup'
      readonly mac: Mac
      readonly sticky: boolean
      readonly override: boolean
    } & MacGroupKey)
  /** A MAC of a segment that the port leads to, as another VTEP says: of remote origin, until the port sees it. */
  | {
      readonly op: 'macSetPeer'
      readonly vni: number
      readonly mac: Mac
      readonly port: number
      readonly sticky: boolean
      readonly override: boolean
    }
  /** Before the port is attached. */
  | ({ readonly op: 'portSegmentSet'; readonly port: number } & PortSegment)
  | { readonly op: 'portSegmentClear'; readonly port: number }
  | { readonly op: 'macRemove'; readonly vni: number; readonly mac: Mac; readonly origin: Origin }
  /** Replaces what is there, snooped or not. Local: bound by configuration, does not age. */
  | {
      readonly op: 'neighbourSet'
      readonly vni: number
      readonly ip: Ip
      readonly mac: Mac
      readonly origin: Origin
      readonly router: boolean
      /** As in NeighbourState. */
      readonly override?: boolean
      /** Our own address there: requests for it are answered in any case. Left out: no. */
      readonly gateway?: boolean
    }
  | {
      readonly op: 'neighbourRemove'
      readonly vni: number
      readonly ip: Ip
      readonly origin: Origin
    }
  /** Only of networks that snoop. A port leaves its channels when it leaves the network. */
  | ({ readonly op: 'listenerAdd' | 'listenerRemove' } & ListenerState)
  /** One path of a route; paths of one prefix share the flows. */
  | ({ readonly op: 'routeAdd' } & RouteState)
  | ({ readonly op: 'routeRemove' } & RouteState)

/** What the packet path saw by itself. */
export type DataplaneEvent =
  | {
      readonly event: 'macLearned' | 'macMoved'
      readonly vni: number
      readonly mac: Mac
      readonly port: number
      /** Where the MAC was before, if behind a VTEP. */
      readonly previousRemote?: Ip
      readonly timeNanoseconds: bigint
    }
  | {
      readonly event: 'macAged' | 'macFlushed'
      readonly vni: number
      readonly mac: Mac
      readonly port: number
    }
  | {
      readonly event: 'neighbourLearned' | 'neighbourMoved'
      readonly vni: number
      readonly ip: Ip
      readonly mac: Mac
      readonly port: number
      readonly router: boolean
      readonly override?: boolean
    }
  | { readonly event: 'neighbourAged'; readonly vni: number; readonly ip: Ip; readonly mac: Mac }
  /**
   * A host said of a group (join, leave) or of one of its sources (include, block) whether it wants it. `version` is that of IGMP;
   * of MLD one more.
   */
  | {
      readonly event: 'multicastReport'
      readonly vni: number
      readonly port: number
      readonly group: Ip
      readonly source?: Ip
      readonly record: 'join' | 'leave' | 'include' | 'block'
      readonly version: number
    }
  /** Somebody asked hosts for their groups, or a multicast router spoke (version 0). Without a port: behind a VTEP. */
  | {
      readonly event: 'multicastQuery'
      readonly vni: number
      readonly port?: number
      readonly querier: Ip
      readonly version: number
    }
  /** A host looks for a router; `host` is :: while it has no address. */
  | {
      readonly event: 'routerSolicited'
      readonly vni: number
      readonly port: number
      readonly host: Ip
      readonly timeNanoseconds: bigint
    }
  /** What was learned behind a port that goes down or away is flushed and told; after `portUp` it is learned anew. */
  | { readonly event: 'portUp' | 'portDown' | 'portGone'; readonly port: number }
  /** An offload of the port's device was switched off, as it did not work, or on again. PortFlag bits of the port. */
  | { readonly event: 'portOffloads'; readonly port: number; readonly flags: number }
  /** The same of an underlay interface. UnderlayFlag bits. */
  | { readonly event: 'underlayOffloads'; readonly ifindex: number; readonly flags: number }
  | { readonly event: 'remoteResolved' | 'remoteUnresolved'; readonly remote: Ip }
  /** Events were lost: read a snapshot and start over from it. */
  | { readonly event: 'resync' }

export interface VtepSpec {
  /** Our VTEP address, present on this host. */
  readonly address: Ip
  /** Our AR-IP (RFC 9574 section 4), present on this host, too. Left out: we replicate for nobody. */
  readonly replicatorAddress?: Ip
  readonly udpPort: number
  /** 'auto' lets the dataplane choose. */
  readonly uplink: string
  /** Underlay interfaces for uplinks that own one; empty = those with a route to the remotes. */
  readonly interfaces: readonly string[]
  /** MACs, and as many addresses, that each port may teach; 0 or left out: any number. */
  readonly learnLimit?: number
  /** Of the uplink kind; the dataplane refuses what the kind does not have. */
  readonly options?: Readonly<Record<string, string>>
}

export interface UplinkState {
  readonly kind: string
  /** Why `auto` chose it, in words. */
  readonly reason: string
  /** Why frames do not go between ports and underlay in the kernel; empty: they do. */
  readonly fastPathRefusal: string
}

export interface PortCounters {
  readonly port: number
  readonly rxFrames: number
  readonly rxBytes: number
  readonly txFrames: number
  readonly txBytes: number
  readonly rxDropped: number
  readonly txDropped: number
  readonly suppressed: number
  readonly flooded: number
}

export interface Counters {
  /** By drop reason name, summed over workers. */
  readonly drops: Readonly<Record<string, number>>
  readonly ports: readonly PortCounters[]
  /** The underlay side: rx is towards tenants. */
  readonly uplink: PortCounters
}

/** A table as it was at one moment, whose rows are made when they are asked for. */
export interface TableRows<Name extends LargeTable> {
  /** Equal: the same rows in the same order, but for their ages. */
  readonly digest: string
  readonly length: number
  slice(from: number, to: number): Snapshot[Name]
}

/** A frame and the port that it leaves by. */
export interface PortFrame {
  readonly port: number
  readonly bytes: Uint8Array
}

/** Tables that may be too large to be read at once. */
export type LargeTable = 'macs' | 'neighbours' | 'routes'

/** Reading needs no call into the dataplane: these look at shared memory. */
export interface DataplaneReader {
  snapshot(): Snapshot
  /** One table of the snapshot, without the cost of the others. */
  table<Name extends keyof Snapshot>(name: Name): Snapshot[Name]
  counters(): Counters
  /**
   * The way of one frame by the tables as they are, as native/core/tracer.hpp writes it: nothing is sent, and nothing changes. `input`
   * is as it says there (encodeTrace); `handOver`: frames to VTEPs without a next hop leave all the same.
   */
  trace(input: Uint8Array, handOver: boolean): Uint8Array
  /**
   * The tables as one small segment, read on another thread; of one network with its IP-VRF, or of all. Rejects when it would be larger
   * than `mostOctets`.
   */
  image(vni: number | undefined, mostOctets: number): Promise<Uint8Array>
  /**
   * A large table, read on another thread. `known` is the digest of an earlier reading: where nothing has changed since,
   * only the rows of local origin come, whose ages have.
   */
  readAside<Name extends LargeTable>(name: Name, known?: string): Promise<TableRows<Name>>
}

export interface Dataplane extends DataplaneReader {
  /** Process that it runs in; left out where it is a part of this one. */
  readonly pid?: number
  /** Bring up the underlay side. Repeating it with the same spec changes nothing. */
  configure(spec: VtepSpec): Promise<UplinkState>
  /** Open a port, detached; answers its id. Rejects with one sentence when it can not. */
  openPort(spec: PortSpec): Promise<number>
  closePort(id: number): Promise<void>
  /** Apply in order. Resolves when every worker sees the result. */
  apply(operations: readonly Operation[]): Promise<void>
  /** Frames for tenants, at most 512 octets each, past the tables. One that can not be sent now is left out. */
  send(frames: readonly PortFrame[]): Promise<void>
  /** Shows frames on their way, until it is stopped. Rejects with one sentence when it can not. */
  capture(spec: CaptureSpec): Promise<CaptureFeed>
  /** Called with every event since the last call, in order. One listener. */
  listen(listener: (events: readonly DataplaneEvent[]) => void): void
  /** Called once when the dataplane is gone without having been asked. */
  onLost(listener: (reason: string) => void): void
  /** Let go; the dataplane goes on forwarding. */
  detach(): Promise<void>
  /** End the dataplane. */
  shutdown(): Promise<void>
}
