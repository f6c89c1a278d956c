// What the operator wants of the speaker, already checked: host translates the configuration into these.

import type { Ip, Prefix, RouteTarget } from '../net/index.js'
import type { iana } from '../wire/index.js'

/**
 * Families the speaker carries. `ipv4` and `ipv6` are unicast: VTEP addresses. `rtc` says which routes of `evpn` are
 * wanted (RFC 4684), so it is told first; it counts only beside `evpn`, and when both sides offer it.
 */
export const sessionFamilies = ['rtc', 'evpn', 'ipv4', 'ipv6'] as const

export type SessionFamily = (typeof sessionFamilies)[number]

/** One AS number, or any: `internal` is our own, `external` is every other. */
export type PeerAs = number | 'internal' | 'external'

export interface SpeakerSettings {
  readonly asn: number
  /** The BGP Identifier: an IPv4 address, not zero (RFC 6286). */
  readonly routerId: Ip
  /** As route reflector (RFC 4456 section 7). Default: `routerId`. */
  readonly clusterId?: Ip
  /** What peers are asked to do when we restart (RFC 4724, RFC 9494). Default: nothing. */
  readonly gracefulRestart?: RestartSettings
}

export interface RestartSettings {
  /** How long they keep our routes while we are away: 1 to 4095. */
  readonly restartSeconds: number
  /** How long after that as a last resort (RFC 9494); 0: not at all. */
  readonly staleSeconds: number
}

/** What our AS is to the peer's (RFC 9234 section 4). */
export type Role = 'provider' | 'rs' | 'rsClient' | 'customer' | 'peer'

/** Fits a route that has one of the route targets, lies in one of the prefixes and has one of the tunnels, as far as it says so. */
export interface FilterRule {
  readonly accept: boolean
  readonly routeTargets?: readonly RouteTarget[]
  readonly prefixes?: readonly Prefix[]
  /** Of the PMSI Tunnel attribute. */
  readonly pmsiTunnels?: readonly (keyof typeof iana.pmsiTunnelType)[]
}

/** How many routes of a family a peer may send. */
export interface RouteLimit {
  readonly routes: number
  /** From so many per cent of them on it is logged. Default 75. */
  readonly warnPercent?: number
  /** What happens to one that sends more: its session ends, or it is only logged. Default `stop`. */
  readonly action?: 'stop' | 'warn'
  /** How long it then stays away. Default: until it is cleared. */
  readonly restartSeconds?: number
}

/** BFD beside a session (RFC 5882). As Transport, `io` has it done. */
export interface BfdSettings {
  readonly transmitMilliseconds: number
  readonly receiveMilliseconds: number
  /** Packets in a row that may be missing. */
  readonly multiplier: number
  /** RFC 5883 instead of RFC 5881. Default: for internal peers, and external ones some hops away, as FRR does. */
  readonly multihop?: boolean
}

/** How segments are signed (RFC 5926). */
export type TcpAoAlgorithm = 'hmac-sha-1-96' | 'aes-128-cmac-96'

/** A master key tuple (RFC 5925 section 3.1). */
export interface TcpAoKey {
  /** KeyID of what we send, and of what the peer sends. */
  readonly sendId: number
  readonly receiveId: number
  readonly algorithm: TcpAoAlgorithm
  readonly password: string
}

/** What TCP does for a session. The speaker only says it; `io` has it done. */
export interface Transport {
  /** TTL or hop limit of what we send. Default: the kernel's. */
  readonly ttl?: number
  /** What comes with less is dropped (RFC 5082). */
  readonly minimumTtl?: number
  /** TCP MD5 (RFC 2385). */
  readonly password?: string
  /** TCP-AO (RFC 5925): connections of ours begin with the first; the peer may use each. Never beside a password. */
  readonly tcpAo?: readonly TcpAoKey[]
}

/** What a configured peer and a range of dynamic peers have in common. */
export interface SessionSettings {
  readonly asn: PeerAs
  readonly families: readonly SessionFamily[]
  /** An iBGP peer that we reflect routes to and from (RFC 4456). */
  readonly routeReflectorClient?: boolean
  /** 0 (never expires) or 3 and more. Default 90. */
  readonly holdTimeSeconds?: number
  /**
   * Our address of the session as next hop of every route we pass on. Default: EVPN next hops are left alone (they are
   * VTEPs, also over eBGP); IPv4 next hops are left alone over iBGP.
   */
  readonly nextHopSelf?: boolean
  readonly transport?: Transport
  readonly bfd?: BfdSettings
  /** Of several rules the first that fits decides; what none fits is accepted. */
  readonly filterIn?: readonly FilterRule[]
  readonly filterOut?: readonly FilterRule[]
  readonly limits?: { readonly [F in SessionFamily]?: RouteLimit }
  /** How often our AS may be in the path of a route that we take. Default 0. */
  readonly allowAsIn?: number
  /** Towards an external peer our AS stands in the place of its own, which it would take for a loop. */
  readonly asOverride?: boolean
  /** What the peer sends is marked with it, and what is marked so is not sent to the peer (RFC 4364 section 7). */
  readonly siteOfOrigin?: RouteTarget
  /** Only over eBGP. */
  readonly role?: Role
  /** All paths of a route, not the best alone, of `evpn` and unicast (RFC 7911). Default: taken, not sent. */
  readonly addPath?: { readonly send: boolean; readonly receive: boolean }
  /** Refuse a peer that does not tell its role. */
  readonly strictRole?: boolean
  readonly description?: string
}

export interface PeerSettings extends SessionSettings {
  /** Names the peer in events and actions; usually its address. */
  readonly id: string
  readonly address: Ip
  /** Of a link-local address: whoever is at the other end of it is the peer. */
  readonly interface?: string
  /** TCP port to connect to. Default 179. */
  readonly port?: number
  /** Wait for the peer to connect. Default false. */
  readonly passive?: boolean
  /** ConnectRetryTime. Default 10. */
  readonly connectRetrySeconds?: number
  /** Local address to connect from. */
  readonly updateSource?: Ip
}

/** Peers that are not named but may connect from a prefix. They exist as long as their session. */
export interface RangeSettings extends SessionSettings {
  readonly id: string
  readonly prefix: Prefix
  /** At most so many peers at a time. Default 1000. */
  readonly limit?: number
}

/** The FRR "datacenter" defaults where RFC 4271 section 10 suggests longer times for the Internet. */
export const defaults = {
  port: 179,
  holdTimeSeconds: 90,
  connectRetrySeconds: 10,
  rangeLimit: 1000,
  warnPercent: 75,
  addPath: { send: false, receive: true },
  /** Selection_Deferral_Timer (RFC 4724 section 4.1). */
  deferralSeconds: 30,
} as const
