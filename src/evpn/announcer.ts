// What one network says of itself: its type 2, 3 and 6 to 8 routes, and the wish to stay silent.

import {
  type Esi,
  type Ip,
  type Mac,
  type RouteDistinguisher,
  type RouteTarget,
  ZERO_ESI,
} from '../net/index.js'
import type { EvpnRoute, MembershipFlags } from '../wire/index.js'
import { PLAIN } from './mac-claims.js'
import type { Output } from './output.js'
import { imetRoute, replicatorRoute } from './routes/imet.js'
import { type Announcement, macIpRoute } from './routes/mac-ip.js'
import { smetRoute, type WantedChannel } from './routes/smet.js'
import { joinSynchRoute, leaveSynchRoute } from './routes/synch.js'

/** What all routes of a network have in common. */
export interface Identity {
  readonly vni: number
  readonly vtep: Ip
  readonly rd: RouteDistinguisher
  /** Which network of a bundle it is; else 0. */
  readonly ethernetTag: number
  readonly exportTargets: readonly RouteTarget[]
  readonly siteOfOrigin?: RouteTarget
  /** Our role in assisted replication, and what we do not want (RFC 9574 section 4). */
  readonly pmsiFlags: number
  /** Our AR-IP, where we replicate broadcasts of others. */
  readonly replicator: Ip | undefined
  /** We tell which multicast groups we want. */
  readonly multicastProxy: boolean
  /** The IP-VRF that the addresses of its hosts are routed in. */
  readonly routed?: {
    readonly vni: number
    readonly routerMac: Mac
    readonly exportTargets: readonly RouteTarget[]
  }
}

const NO_FLAGS: MembershipFlags = { v1: false, v2: false, v3: false, exclude: false, others: 0 }

export class Announcer {
  readonly #out: Output
  #identity: Identity
  /** Our Replicator-AR route, where it is said. */
  #replicator: EvpnRoute | undefined
  #silent = false

  constructor(out: Output, identity: Identity) {
    this.#out = out
    this.#identity = identity
  }

  get identity(): Identity {
    return this.#identity
  }

  /** From now on our routes are these; what has been said before is the caller's to take back. */
  become(identity: Identity): void {
    this.#identity = identity
  }

  /** Nothing is announced any more. */
  silence(): void {
    this.#silent = true
  }

  announceNetwork(): void {
    if (this.#silent) return
    this.#out.originate(imetRoute(this.#identity))
    const route = replicatorRoute(this.#identity)
    if (route === undefined) this.#retractReplicator()
    else this.#out.originate(route)
    this.#replicator = route?.nlri
  }

  retractNetwork(): void {
    this.#out.withdraw(imetRoute(this.#identity).nlri)
    this.#retractReplicator()
  }

  #retractReplicator(): void {
    if (this.#replicator !== undefined) this.#out.withdraw(this.#replicator)
    this.#replicator = undefined
  }

  announceGroup(channel: WantedChannel, flags: MembershipFlags): void {
    if (!this.#silent) this.#out.originate(smetRoute(this.#identity, channel, flags))
  }

  retractGroup(channel: WantedChannel): void {
    this.#out.withdraw(smetRoute(this.#identity, channel, NO_FLAGS).nlri)
  }

  /** To the other VTEPs of a segment: hosts there want it, and somebody leaves. */
  announceJoin(esi: Esi, channel: WantedChannel, flags: MembershipFlags): void {
    if (!this.#silent) this.#out.originate(joinSynchRoute(this.#identity, esi, channel, flags))
  }

  retractJoin(esi: Esi, channel: WantedChannel): void {
    this.#out.withdraw(joinSynchRoute(this.#identity, esi, channel, NO_FLAGS).nlri)
  }

  announceLeave(esi: Esi, channel: WantedChannel, flags: MembershipFlags, seconds: number): void {
    if (this.#silent) return
    this.#out.originate(leaveSynchRoute(this.#identity, esi, channel, flags, seconds))
  }

  retractLeave(esi: Esi, channel: WantedChannel): void {
    this.#out.withdraw(leaveSynchRoute(this.#identity, esi, channel, NO_FLAGS, 0).nlri)
  }

  /** True when it is said. */
  announce(mac: Mac, ip: Ip | undefined, announcement: Announcement): boolean {
    if (this.#silent) return false
    this.#out.originate(macIpRoute(this.#identity, mac, ip, announcement))
    return true
  }

  retract(mac: Mac, ip: Ip | undefined): void {
    // None of it is part of the route's key.
    const nothing = { sequence: 0, sticky: false, ...PLAIN, esi: ZERO_ESI }
    this.#out.withdraw(macIpRoute(this.#identity, mac, ip, nothing).nlri)
  }
}
