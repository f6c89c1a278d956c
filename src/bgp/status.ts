// What the speaker shows of its peers and tables. Snapshots of the moment; times are the host's to add.

import type { Ip } from '../net/index.js'
import type { PathAttributes } from '../wire/index.js'
import type { RouteNlri } from './events.js'
import type { FsmState } from './fsm.js'
import type { Path } from './path.js'
import type { Peer } from './peer.js'
import type { PeerAs, SessionFamily } from './settings.js'
import type { LastError, PeerStatistics } from './statistics.js'

/** Counts of one family of a session. */
export interface FamilyStatus {
  readonly family: SessionFamily
  /** Routes in the adj-rib-in, how many of them may not be used, and how many wait to be repeated. */
  readonly received: number
  readonly rejected: number
  readonly stale: number
  /** Routes in the adj-rib-out, and how many wait to be looked at. */
  readonly sent: number
  readonly pending: number
  readonly endOfRibReceived: boolean
  /** The peer's routes could not be read once and are ignored since (RFC 7606 section 2). */
  readonly disabled: boolean
}

export interface PeerStatus {
  readonly id: string
  readonly address: Ip
  /** Of the session; before it, as configured. */
  readonly asn: PeerAs
  readonly state: FsmState
  readonly description?: string
  /** Came from a range. */
  readonly isDynamic: boolean
  readonly routeReflectorClient: boolean
  /** While Established. */
  readonly session?: {
    readonly kind: 'ibgp' | 'ebgp'
    readonly localAddress: Ip
    readonly routerId: Ip
    readonly holdTimeSeconds: number
    readonly keepaliveSeconds: number
    readonly families: readonly FamilyStatus[]
    /** The transport has no room at the moment. */
    readonly blocked: boolean
  }
  readonly statistics: PeerStatistics
  readonly lastError?: LastError
}

/** A route of the loc-rib. */
export interface LocRibEntry {
  readonly key: string
  readonly nlri: RouteNlri
  readonly best: Path
  /** All usable paths, the best among them. */
  readonly paths: readonly Path[]
}

/** A route as a peer was told it. */
export interface AdjRibOutEntry {
  readonly nlri: RouteNlri
  readonly nextHop: Ip
  readonly attributes: PathAttributes
}

export function statusOf(peer: Peer): PeerStatus {
  const { id, settings, state, statistics, isDynamic, session } = peer
  const { description } = settings
  return {
    id,
    address: settings.address,
    asn: session?.negotiated.peerAsn ?? settings.asn,
    state,
    ...(description === undefined ? {} : { description }),
    isDynamic,
    routeReflectorClient: settings.routeReflectorClient === true,
    ...(session === undefined ? {} : { session: sessionStatus(session) }),
    statistics: structuredClone({ ...statistics }),
    ...(statistics.lastError === undefined ? {} : { lastError: statistics.lastError }),
  }
}

function sessionStatus(session: NonNullable<Peer['session']>): NonNullable<PeerStatus['session']> {
  const { kind, peerRouterId, holdTimeSeconds, keepaliveSeconds, families } = session.negotiated
  return {
    kind,
    localAddress: session.localAddress,
    routerId: peerRouterId,
    holdTimeSeconds,
    keepaliveSeconds,
    families: families.map((family) => {
      const adjRibIn = session.adjRibIn(family)!
      const adjRibOut = session.adjRibOut(family)!
      return {
        family,
        received: adjRibIn.size,
        rejected: adjRibIn.rejected,
        stale: adjRibIn.stale,
        sent: adjRibOut.size,
        pending: adjRibOut.pending,
        endOfRibReceived: session.endOfRibReceived(family),
        disabled: session.disabled(family),
      }
    }),
    blocked: session.blocked,
  }
}
