// What goes into the speaker and what comes out. Plain data except octets: a recording of events replays a bug.

import type { Ip, Prefix } from '../net/index.js'
import type { EvpnRoute, IpNlri, MembershipNlri, PathAttributes } from '../wire/index.js'
import type { CollectorSettings } from './collector.js'
import type { FsmState } from './fsm.js'
import type { Path } from './path.js'
import type {
  BfdSettings,
  PeerSettings,
  RangeSettings,
  SessionFamily,
  Transport,
} from './settings.js'

/** A route of a family: type 1 to 5 or opaque for `evpn`, a prefix for `ipv4` and `ipv6`. */
export type RouteNlri = EvpnRoute | IpNlri | MembershipNlri

/** A route of our own. The speaker adds ORIGIN (igp) and AS_PATH; both may be given. */
export interface OriginatedRoute {
  readonly family: SessionFamily
  readonly nlri: RouteNlri
  /** The VTEP for `evpn`. May be left out for the others: then it is our address of each session. */
  readonly nextHop?: Ip
  /** Extended communities, PMSI tunnel and so on. */
  readonly attributes: PathAttributes
}

export interface WithdrawnRoute {
  readonly family: SessionFamily
  readonly nlri: RouteNlri
}

export type SpeakerEvent =
  /** A new peer, or new settings of a known one: what changed decides whether its session survives. */
  | { readonly event: 'peerAdded'; readonly peer: PeerSettings }
  | { readonly event: 'peerRemoved'; readonly id: string }
  | { readonly event: 'rangeAdded'; readonly range: RangeSettings }
  | { readonly event: 'rangeRemoved'; readonly id: string }
  /** A station that watches (BMP, RFC 7854), or new settings of a known one. */
  | { readonly event: 'collectorAdded'; readonly collector: CollectorSettings }
  | { readonly event: 'collectorRemoved'; readonly id: string }
  /** TCP is there. `connection` is a number never used before; `peer` is set when `connect` asked for it. */
  | {
      readonly event: 'connected'
      readonly connection: number
      readonly direction: 'in' | 'out'
      readonly peer?: string
      readonly localAddress: Ip
      readonly remoteAddress: Ip
      readonly remotePort: number
      /** Of a link-local address. */
      readonly interface?: string
    }
  | { readonly event: 'connectFailed'; readonly peer: string; readonly reason: string }
  /** The peer or the network ended it; not sent for a connection that the speaker closed. */
  | { readonly event: 'closed'; readonly connection: number; readonly reason?: string }
  | {
      readonly event: 'received'
      readonly connection: number
      readonly bytes: Uint8Array
      /** In seconds since 1970; left out: nobody knows. Nothing depends on it: routes tell when they came. */
      readonly time?: number
    }
  /** The transport's buffer is full: nothing more is advertised on the connection until `drained`. */
  | { readonly event: 'blocked'; readonly connection: number }
  | { readonly event: 'drained'; readonly connection: number }
  /** A timer of `startTimer` ended. */
  | { readonly event: 'timer'; readonly timer: string }
  | { readonly event: 'originate'; readonly routes: readonly OriginatedRoute[] }
  | { readonly event: 'withdraw'; readonly routes: readonly WithdrawnRoute[] }
  /** Ends the session (it comes back), or only asks for (`in`) or repeats (`out`) all routes (RFC 2918). */
  | {
      readonly event: 'clear'
      readonly peer: string
      readonly soft?: 'in' | 'out'
      readonly communication?: string
    }
  /**
   * Before any peer: we have been away, and what forwards for us has gone on all the time with what it had. Peers that
   * kept our routes may go on using them, and what we tell is complete only when all peers have been heard.
   */
  | { readonly event: 'restarted' }
  /** The path to the peer is broken (RFC 5882 section 4.2). */
  | { readonly event: 'bfdDown'; readonly peer: string; readonly reason: string }
  /** What forwards for us has lost what it had: whoever holds routes of ours from before may not use them. */
  | { readonly event: 'forwardingLost' }
  /** Ends all sessions for good; the text is told to the peers (RFC 9003). */
  | { readonly event: 'shutdown'; readonly communication?: string }

/** A route of the loc-rib that has another best path than before, or none. */
export interface RibChange {
  readonly family: SessionFamily
  /** Equal keys are the same route. */
  readonly key: string
  /** The best path's, or the last one's when there is none: labels and ESI are of that path. */
  readonly nlri: RouteNlri
  /** Undefined when the route is withdrawn. */
  readonly best: Path | undefined
  /** The best path until then; undefined when the route is new. */
  readonly before: Path | undefined
  /** All paths that may be used, in no order. */
  readonly paths: readonly Path[]
}

export type SpeakerAction =
  /** The peer has a session: watch the path to it. Answer with `bfdDown` when it was up and is not. */
  | {
      readonly do: 'startBfd'
      readonly peer: string
      readonly local: Ip
      readonly remote: Ip
      /** Of link-local addresses. */
      readonly interface?: string
      readonly multihop: boolean
      readonly settings: BfdSettings
    }
  | { readonly do: 'stopBfd'; readonly peer: string }
  /** Connections with the prefix, in either direction, have this transport from now on; without one, no special one. */
  | { readonly do: 'protect'; readonly prefix: Prefix; readonly transport?: Transport }
  /** Answer with `connected` or `connectFailed`. */
  | {
      readonly do: 'connect'
      readonly peer: string
      readonly address: Ip
      readonly port: number
      readonly source?: Ip
      /** Of a link-local address. */
      readonly interface?: string
    }
  /** Gives up a `connect` that has not been answered; no answer follows. */
  | { readonly do: 'cancelConnect'; readonly peer: string }
  | { readonly do: 'send'; readonly connection: number; readonly bytes: Uint8Array }
  /** After everything sent is flushed. Nothing is told about the connection afterwards. */
  | { readonly do: 'close'; readonly connection: number }
  /** Starts or restarts. `jitter`: shorten by up to a quarter, at random (RFC 4271 section 10). */
  | {
      readonly do: 'startTimer'
      readonly timer: string
      readonly seconds: number
      readonly jitter: boolean
    }
  | { readonly do: 'stopTimer'; readonly timer: string }
  | {
      readonly do: 'peerState'
      readonly peer: string
      readonly from: FsmState
      readonly to: FsmState
      readonly reason?: string
    }
  | {
      readonly do: 'routes'
      readonly family: SessionFamily
      readonly changes: readonly RibChange[]
    }
  /** The peer has sent all it had for the family (RFC 4724 section 2). Comes after the `routes` of the same step. */
  | { readonly do: 'endOfRib'; readonly peer: string; readonly family: SessionFamily }
  /** `text` does not name the peer: `peer` does. */
  | {
      readonly do: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly text: string
      readonly peer?: string
    }
