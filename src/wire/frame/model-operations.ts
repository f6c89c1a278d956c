// What can be done to the tables of the reference switch.

import type { Ip, Mac, Prefix } from '../../net/index.js'
import type { RouteHop } from './model-routes.js'
import type { GroupKey, SegmentOperation } from './model-segments.js'

/** One write, under the names of the packet path's operations. */
export type ModelOperation =
  | {
      readonly op: 'networkSet'
      readonly vni: number
      readonly suppress: boolean
      readonly agingSeconds: number
      readonly snoop?: boolean
      readonly suppressUnknown?: boolean
      readonly advertise?: boolean
      readonly replicate?: boolean
      /** Storm control of each port; 0 or left out: off. */
      readonly stormFramesPerSecond?: number
      readonly stormBurst?: number
      /** L3 VNI of the IP-VRF that it is routed in; its own makes it one. */
      readonly vrf?: number
      readonly routerMac?: Mac
      /** Senders of ICMP errors. */
      readonly address4?: Ip
      readonly address6?: Ip
    }
  | { readonly op: 'networkRemove'; readonly vni: number }
  | { readonly op: 'portAttach'; readonly port: number; readonly vni: number }
  | ({ readonly op: 'floodAdd'; readonly vni: number; readonly remote: Ip } & Pruning)
  | { readonly op: 'floodRemove'; readonly vni: number; readonly remote: Ip }
  /** Left out: none. */
  | { readonly op: 'replicatorSet'; readonly vni: number; readonly remote?: Ip }
  | ({
      readonly op: 'macSetRemote'
      readonly vni: number
      readonly mac: Mac
      readonly remote: Ip
      readonly override: boolean
    } & Placement)
  | ({
      readonly op: 'macSetLocal'
      readonly vni: number
      readonly mac: Mac
      readonly port: number
    } & Placement)
  | { readonly op: 'macRemove'; readonly vni: number; readonly mac: Mac; readonly origin: Origin }
  | ({ readonly op: 'neighbourSet'; readonly vni: number; readonly ip: Ip } & Claim)
  | {
      readonly op: 'neighbourRemove'
      readonly vni: number
      readonly ip: Ip
      readonly origin: Origin
    }
  | ({
      readonly op: 'routeAdd' | 'routeRemove'
      readonly vrf: number
      readonly prefix: Prefix
    } & RouteHop)
  | ({ readonly op: 'listenerAdd' | 'listenerRemove'; readonly vni: number } & Wish)
  | ({ readonly op: 'nextHopSet'; readonly remote: Ip } & NextHop)
  | SegmentOperation
  | ({
      readonly op: 'macSetGroup'
      readonly vni: number
      readonly mac: Mac
      readonly override: boolean
    } & GroupKey &
      Placement)
  | ({
      readonly op: 'macSetPeer'
      readonly vni: number
      readonly mac: Mac
      readonly port: number
      readonly override: boolean
    } & Placement)

/** What a VTEP of a flood list does not get. */
export interface Pruning {
  readonly noBroadcasts?: boolean
  readonly noUnknown?: boolean
}

/** A multicast group, of any source where none is named. 0.0.0.0 and :: are all groups without a channel. */
export interface Channel {
  readonly group: Ip
  readonly source?: Ip
}

export type Listener = { readonly port: number } | { readonly remote: Ip }
export type Wish = Channel & Listener

export type Origin = 'local' | 'remote'

/** Why an entry stays where it is when frames say otherwise. */
export interface Placement {
  readonly static: boolean
  readonly sticky: boolean
}

export interface Claim {
  readonly mac: Mac
  readonly origin: Origin
  readonly static: boolean
  readonly router: boolean
  readonly override: boolean
  /** Our own address. */
  readonly gateway?: boolean
}

export interface NextHop {
  readonly nextHop: Ip
  readonly source: Ip
  /** 0 = unresolved. */
  readonly ifindex: number
  readonly mtu: number
  readonly mac: Mac
  readonly sourceMac: Mac
}
