// What the views are made of: the machines, the tables and what the host itself knows.

import type { Speaker } from '../../bgp/index.js'
import type { Evpn } from '../../evpn/index.js'
import type {
  Counters,
  PortState,
  RemoteState,
  UnderlayState,
  UplinkState,
} from '../../fib/index.js'
import type { BfdRecord } from '../../io/index.js'
import type { AuditStatus } from '../audit.js'
import type { Effective } from '../effective.js'
import type { ArchiveStatus } from '../events.js'
import type { HeldPort } from '../ports.js'

export interface StateSource {
  readonly version: string
  readonly effective: Effective
  readonly routerId: string
  readonly speaker: Speaker
  readonly evpn: Evpn
  /** Routes of the loc-rib, by "family type", as "evpn 2". */
  readonly routeCounts: ReadonlyMap<string, number>
  readonly ports: ReadonlyMap<string, HeldPort>
  /** Undefined while the dataplane is down. */
  readonly uplink: UplinkState | undefined
  readonly dataplaneRestarts: number
  readonly audit: AuditStatus
  /** The event log on disk; undefined without. */
  readonly eventArchive: ArchiveStatus | undefined
  /** The dataplane's own rows; none while it is down. */
  portStates(): readonly PortState[]
  remoteStates(): readonly RemoteState[]
  underlayStates(): readonly UnderlayState[]
  counters(): Counters | undefined
  /** Frames dropped for a reason within the last minute. */
  recentDrops(reason: string): number
  /** Differences that the audit repaired within the last ten minutes. */
  recentRepairs(): number
  /** Seconds for which a peer has been Established; 0 when it is not. */
  uptimeSeconds(peer: string): number
  /** Of BFD beside a session; undefined without. */
  bfdState(peer: string): string | undefined
  /** The same with what it went through; undefined where there never was one. */
  bfdRecord(peer: string): BfdRecord | undefined
  /** Name of a network interface. */
  interfaceName(ifindex: number): string
}
