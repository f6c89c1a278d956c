// One TCP connection to a peer: its octets cut into messages, its OPENs, its session. And which of two colliding
// connections stays.

import { compareIp, type Ip } from '../net/index.js'
import { type ErrorReport, Framer, type Open } from '../wire/index.js'
import { beforeOpen, type Negotiated } from './negotiate.js'
import type { Session } from './session.js'

/** Which side opened it. */
export type Direction = 'in' | 'out'

export class Connection {
  readonly id: number
  readonly localAddress: Ip
  /** The OPEN we sent. */
  ours: Open | undefined
  /** The OPEN that the peer sent, once it is accepted. */
  theirs: Open | undefined
  /** What both OPENs agree on, once the peer's is accepted. */
  negotiated: Negotiated | undefined
  /** While Established. */
  session: Session | undefined
  readonly #framer = new Framer()

  constructor(id: number, localAddress: Ip) {
    this.id = id
    this.localAddress = localAddress
  }

  /**
   * Takes octets and hands whole messages to `take` until that gives false. Before the OPENs are known each message is
   * cut out alone: an OPEN changes how the octets behind it are read. Gives the header error that ends the stream.
   */
  receive(octets: Uint8Array, take: (message: Uint8Array) => boolean): ErrorReport | undefined {
    let more = octets
    for (;;) {
      const { negotiated } = this
      const limit = negotiated === undefined ? 1 : Number.POSITIVE_INFINITY
      const { messages, error } = this.#framer.push(more, negotiated?.receive ?? beforeOpen, limit)
      for (const message of messages) if (!take(message)) return undefined
      if (error !== undefined || negotiated !== undefined || messages.length === 0) return error
      more = new Uint8Array(0)
    }
  }
}

/** What a speaker is known by when connections collide. */
interface Identity {
  readonly id: Ip
  readonly asn: number
}

/**
 * Of two connections between one pair of speakers the one stays that the speaker with the higher BGP Identifier has
 * opened (RFC 4271 section 6.8); with equal identifiers the one with the larger AS number (RFC 6286 section 2.3).
 */
export function collisionWinner(own: Identity, peer: Identity): Direction {
  const order = compareIp(own.id, peer.id)
  return (order === 0 ? own.asn - peer.asn : order) > 0 ? 'out' : 'in'
}
