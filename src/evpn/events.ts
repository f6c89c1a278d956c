// What goes into the EVPN machine and what comes out. All of it is plain data, so a recording replays a bug.

import type {
  DataplaneEvent,
  Operation,
  PortSegment,
  Pruning,
  RouteState,
  Snapshot,
} from '../fib/index.js'
import type { Esi, Ip, Mac, Prefix, RouteDistinguisher, RouteTarget } from '../net/index.js'
import type { EvpnRoute, PathAttributes, RouterAdvertisement } from '../wire/index.js'
import type { AdvertiserSettings } from './advertiser.js'
import type { AssistedReplicationSettings } from './assisted-replication.js'
import type { DfAlgorithm } from './df-election.js'
import type { MembershipQuery, MembershipReport, MulticastSettings } from './multicast.js'
import type { Derivation, Profile } from './profiles.js'

export interface EvpnSettings {
  readonly asn: number
  /** First half of derived route distinguishers. */
  readonly routerId: Ip
  /** Our VTEP address: next hop of what we originate, mark of our own routes. */
  readonly vtep: Ip
  /** Our AR-IP, another address than `vtep` (RFC 9574 section 4): needed where we are a replicator. */
  readonly replicator?: Ip
  /** Our MAC as a router towards other VTEPs (RFC 9135 section 8.1). Default: from the VTEP address. */
  readonly routerMac?: Mac
  /** The MAC of all anycast gateways, the same on every VTEP. Default `defaultGatewayMac`. */
  readonly gatewayMac?: Mac
  /** How route targets are derived where none are configured. */
  readonly profile: Profile
  /** When a MAC counts as duplicate (RFC 7432 section 15.1). Default 5 moves in 180 seconds; false: never. */
  readonly duplicates?: { readonly moves: number; readonly seconds: number } | false
  /** A VTEP's EAD per ES route is enough to reach a segment by it in every network: who announces none per EVI. */
  readonly ignoreEadPerEvi?: boolean
}

/** A VTEP that the configuration names, beside or without EVPN. */
export interface StaticRemote {
  readonly address: Ip
  readonly macs: readonly Mac[]
}

export interface NetworkSettings {
  readonly name: string
  readonly vni: number
  /** Default: derived, see `deriveRd`. */
  readonly rd?: RouteDistinguisher
  /**
   * One of several networks that share RD and route targets (VLAN-aware bundle, RFC 7432 section 6.3): its routes carry this tag,
   * and only those that do are about it. Left out: ours carry 0, and any is taken.
   */
  readonly ethernetTag?: number
  /** Route targets, or "*:number" for any administrator. Default: derived. */
  readonly importTargets?: readonly RouteTarget[]
  readonly exportTargets?: readonly RouteTarget[]
  /** How they are derived where they are not given. Default: profile and AS of the machine. */
  readonly derivation?: Derivation
  /** Our type 2 and 3 routes carry this site of origin, and those of others that have it are not used: a VTEP of our own site says them. */
  readonly siteOfOrigin?: RouteTarget
  /** 0 = never. */
  readonly agingSeconds: number
  readonly suppress: boolean
  /** Nor are requests for unknown addresses flooded (RFC 9161 section 3.5). Left out: they are. */
  readonly suppressUnknown?: boolean
  /** Storm control of each port; 0 or left out: off. */
  readonly stormFramesPerSecond?: number
  readonly stormBurst?: number
  readonly staticRemotes?: readonly StaticRemote[]
  /** Hosts and other VTEPs get the multicast groups that they want. Left out: everybody gets all. */
  readonly multicast?: MulticastSettings
  /** Left out: each VTEP gets its copy of broadcasts from us. */
  readonly assistedReplication?: AssistedReplicationSettings
  /** What other VTEPs are asked not to flood to us (RFC 9574 section 7). */
  readonly prunedFloodLists?: Pruning
  /** The gateway tells hosts of IPv6 of itself. */
  readonly advertise?: AdvertiserSettings
  /** L3 VNI of the IP-VRF that it is routed in. */
  readonly vrf?: number
  /** Our addresses in it, as its hosts' router; needs `vrf`. */
  readonly gateway?: readonly GatewayAddress[]
}

/** An address with the length of its subnet's prefix. */
export interface GatewayAddress {
  readonly ip: Ip
  readonly length: number
}

/** A prefix that the configuration knows the way to. */
export interface StaticRoute {
  readonly prefix: Prefix
  /** A host of one of the VRF's networks. Left out: nowhere. */
  readonly via?: Ip
  /** As type 5 route. */
  readonly announced: boolean
}

export interface VrfSettings {
  readonly name: string
  /** L3 VNI. */
  readonly vni: number
  readonly rd?: RouteDistinguisher
  /** As of a network. */
  readonly derivation?: Derivation
  readonly importTargets?: readonly RouteTarget[]
  readonly exportTargets?: readonly RouteTarget[]
  readonly routes?: readonly StaticRoute[]
}

/** The Ethernet segment that a port leads to: a link that other VTEPs have, too (RFC 7432 section 5). */
export interface SegmentSettings {
  readonly esi: Esi
  /** One VTEP at a time carries a network's frames, where else all do. */
  readonly singleActive: boolean
  readonly algorithm: DfAlgorithm
  /** 0 to 65535, of the algorithms by preference (RFC 9785). */
  readonly preference: number
  readonly dontPreempt: boolean
  /** Others are given so long to make themselves known before a forwarder is elected (RFC 7432 section 8.5: 3). */
  readonly waitSeconds: number
}

/** A host that the platform knows, with its addresses. */
export interface BoundHost {
  readonly mac: Mac
  readonly ips: readonly Ip[]
}

/** A port in a network. What it says of hosts is authoritative: it beats learning and snooping, and does not age. */
export interface PortBinding {
  readonly vni: number
  readonly port: number
  /** It is there now, wherever it was before. */
  readonly mac?: Mac
  /** Addresses of `mac`; without a MAC they mean nothing. */
  readonly ips?: readonly Ip[]
  /**
   * Hosts behind a port that leads to several. They are said before they come, as by a platform that prepares a live
   * migration: one that is claimed elsewhere stays there until a frame of it is seen here.
   */
  readonly hosts?: readonly BoundHost[]
  /** Announce the MAC as static (RFC 7432 section 15.2): no other VTEP may learn it. Not for hosts that migrate. */
  readonly sticky?: boolean
  /** One port of a segment in each network. */
  readonly segment?: SegmentSettings
}

/** The chosen path of a route. */
export interface Path {
  readonly nextHop: Ip
  readonly attributes: PathAttributes
}

/** A route of the loc-rib that has changed. */
export interface RouteChange {
  /** Equal keys are the same route. */
  readonly key: string
  readonly nlri: EvpnRoute
  /** Undefined when the route is withdrawn. */
  readonly best: Path | undefined
}

export type EvpnEvent =
  /** A new network, or new settings of a known one (same VNI). */
  | { readonly event: 'networkAdded'; readonly network: NetworkSettings }
  | { readonly event: 'networkRemoved'; readonly vni: number }
  /** A new IP-VRF, or new settings of a known one (same VNI). Before the networks that are in it. */
  | { readonly event: 'vrfAdded'; readonly vrf: VrfSettings }
  /** Behind its networks, or behind their change. */
  | { readonly event: 'vrfRemoved'; readonly vni: number }
  /** A port is in a network, or has other bindings than before. A new binding is a move to here. */
  | {
      readonly event: 'portBound'
      readonly binding: PortBinding
      /**
       * The platform says that the host behind the port has just arrived, as at the end of a live migration: it is
       * here whatever routes say and however often it moved, and what was static elsewhere is static here.
       */
      readonly arrived?: true
      /** After a restart: what a dataplane that went on forwarding lets pass. It does so until `sweep`. */
      readonly found?: PortSegment
    }
  | { readonly event: 'portUnbound'; readonly port: number }
  | { readonly event: 'dataplane'; readonly events: readonly DataplaneEvent[] }
  /** Changes of the loc-rib's EVPN family, own routes included. */
  | { readonly event: 'routes'; readonly changes: readonly RouteChange[] }
  /**
   * After a restart, behind the networks and ports of the configuration: what a dataplane that went on forwarding
   * holds. What it learned is announced; what nobody confirms stays until `sweep`.
   */
  | { readonly event: 'adopt'; readonly snapshot: Snapshot }
  /** End-of-RIB of all peers, or the time for it is over: removes what was adopted and not confirmed. */
  | { readonly event: 'sweep' }
  /**
   * The tables as they are, as answer to `readSnapshot` and as often as one likes: differences are repaired. All
   * operations must have been applied and all dataplane events handed in before it is taken.
   */
  | { readonly event: 'resync'; readonly snapshot: Snapshot }
  /** Look at these MACs once more: whether the image says what their claims do. */
  | { readonly event: 'recheck'; readonly vni: number; readonly macs: readonly Mac[] }
  /** Announce an address, or a MAC, that was found to be duplicate again. */
  | { readonly event: 'clearDuplicate'; readonly vni: number; readonly address: Mac | Ip }
  /** A timer of `startTimer` ended. */
  | { readonly event: 'timer'; readonly timer: string }
  /** Withdraws all routes for good. The tables stay as they are. */
  | { readonly event: 'shutdown' }

/** A route of our own, in the words of the speaker. */
export interface OriginatedRoute {
  readonly family: 'evpn'
  readonly nlri: EvpnRoute
  readonly nextHop: Ip
  readonly attributes: PathAttributes
}

export interface WithdrawnRoute {
  readonly family: 'evpn'
  readonly nlri: EvpnRoute
}

/** What is worth telling people. */
export type NoticeKind =
  /** A MAC is behind another VTEP than before. */
  | 'macMoved'
  /** Too many moves: the MAC is left alone until it calms down or is cleared. */
  | 'duplicateMac'
  | 'duplicateIp'
  | 'duplicateCleared'
  /** A static MAC was seen elsewhere; it stays where it is (RFC 7432 section 15.2). */
  | 'stickyMac'
  /** Two MACs claim an address, and the configuration says whose it is. */
  | 'ipConflict'
  /** A MAC with the highest sequence number has moved. */
  | 'sequenceExhausted'
  /** A route matched a network by route target, but can not be used. */
  | 'routeRefused'
  /** A route without encapsulation community is taken for VXLAN (RFC 8365 section 5.1.3). */
  | 'encapsulationMissing'
  /** A port wants more multicast groups than it may. */
  | 'multicastLimit'
  /** The tables differed from what they should contain. */
  | 'repaired'
  /** Broadcasts of a network are replicated by somebody else than before. */
  | 'replicator'
  /** An Ethernet segment has another designated forwarder in a network. */
  | 'segmentForwarder'
  /** VTEPs of a segment do not agree on what it is. */
  | 'segmentMismatch'

export interface Notice {
  readonly do: 'event'
  readonly kind: NoticeKind
  readonly level: 'info' | 'warn'
  readonly text: string
  readonly fields: Readonly<Record<string, string | number | boolean>>
}

export type EvpnAction =
  /** In order. Precedes `originate` of the same step, so that what is announced can be reached. */
  | { readonly do: 'apply'; readonly operations: readonly Operation[] }
  | { readonly do: 'originate'; readonly routes: readonly OriginatedRoute[] }
  | { readonly do: 'withdraw'; readonly routes: readonly WithdrawnRoute[] }
  | { readonly do: 'startTimer'; readonly timer: string; readonly seconds: number }
  /** Ask hosts which multicast groups they want. */
  | ({ readonly do: 'queryMembership' } & MembershipQuery)
  /** Tell the hosts of ports of their router. */
  | {
      readonly do: 'advertiseRouter'
      readonly ports: readonly number[]
      readonly advertisement: RouterAdvertisement
    }
  /** Tell multicast routers, in the place of hosts behind VTEPs (RFC 9251 section 4.1). */
  | ({ readonly do: 'reportMembership' } & MembershipReport)
  /** Answer with `resync`. */
  | { readonly do: 'readSnapshot' }
  | Notice

/** A MAC of a network as it is now. */
export interface MacView {
  readonly network: string
  readonly vni: number
  readonly mac: Mac
  readonly ips: readonly Ip[]
  readonly kind: 'local' | 'remote'
  /** Of a local MAC. */
  readonly port?: number
  /** VTEP of a remote MAC. */
  readonly dst?: Ip
  readonly sequence: number
  readonly sticky: boolean
  /** Bound by configuration. */
  readonly static: boolean
  readonly duplicate: boolean
  /** Segment that it is behind. */
  readonly esi?: Esi
}

/** Who wants a multicast group of a network. */
export interface GroupView {
  readonly network: string
  readonly vni: number
  /** Left out: all groups, as multicast routers do. */
  readonly group?: Ip
  /** Left out: any. */
  readonly source?: Ip
  readonly ports: readonly number[]
  readonly remotes: readonly Ip[]
}

/** A VTEP announces one of our networks, and we do not listen. */
export interface TargetMismatch {
  readonly network: string
  readonly vni: number
  readonly remote: Ip
  /** What its routes carry. */
  readonly targets: readonly RouteTarget[]
  readonly importTargets: readonly string[]
}

/** A MAC that frames have shown to be here. */
export interface LearnedMac {
  readonly vni: number
  readonly mac: Mac
  readonly port: number
}

/** An address that ARP or ND have shown to be here. */
export interface SnoopedIp {
  readonly vni: number
  readonly ip: Ip
  readonly mac: Mac
}

/** A MAC, or an address, that moves too often and is left alone. */
export interface DuplicateView {
  readonly network: string
  readonly vni: number
  readonly kind: 'mac' | 'ip'
  readonly address: Mac | Ip
}

export interface NetworkView {
  readonly name: string
  readonly vni: number
  readonly rd: RouteDistinguisher
  readonly importTargets: readonly string[]
  readonly exportTargets: readonly RouteTarget[]
  readonly suppress: boolean
  readonly agingSeconds: number
  readonly macs: { readonly local: number; readonly remote: number }
  /** VTEPs of the flood list. */
  readonly remotes: readonly Ip[]
  /** AR-IP of the VTEP that replicates our broadcasts, if one does. */
  readonly replicator?: Ip
}

export interface VrfView {
  readonly name: string
  readonly vni: number
  readonly rd: RouteDistinguisher
  readonly importTargets: readonly string[]
  readonly exportTargets: readonly RouteTarget[]
  readonly routerMac: Mac
  readonly prefixes: number
  readonly paths: number
}

/** One path of a prefix of an IP-VRF. */
export type PrefixView = RouteState & { readonly vrfName: string }

/** A network of a segment of ours. */
export interface SegmentNetworkView {
  readonly network: string
  readonly vni: number
  readonly port: number
  readonly up: boolean
  /** Designated forwarder; undefined while it is not elected. */
  readonly forwarder?: Ip
  /** Nothing passes the port, as another VTEP is active. */
  readonly blocked: boolean
}

export interface SegmentMemberView {
  readonly address: Ip
  /** By its type 4 route: number and preference. */
  readonly algorithm?: number
  readonly preference?: number
  /** It announces type 1 per ES: hosts can be reached by it. */
  readonly active: boolean
}

/** An Ethernet segment: of ours, or behind other VTEPs. */
export interface SegmentView {
  readonly esi: Esi
  readonly kind: 'local' | 'remote'
  readonly singleActive: boolean
  readonly state: 'down' | 'waiting' | 'up' | 'remote'
  /** In use; undefined where nobody elects. */
  readonly algorithm?: number
  /** What we announce. */
  readonly preference?: number
  readonly networks: readonly SegmentNetworkView[]
  /** The others. */
  readonly members: readonly SegmentMemberView[]
}

export interface VtepView {
  readonly address: Ip
  /** Networks whose broadcasts it gets. */
  readonly vnis: readonly number[]
  /** Remote MACs behind it. */
  readonly macs: number
}
