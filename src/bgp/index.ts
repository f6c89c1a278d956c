// The front door of bgp: a BGP-4 speaker (RFC 4271) for EVPN and IPv4 unicast as a pure machine.

export type { ReceivedPath, RefusedPath } from './adj-rib-in.js'
export type { AttributeSet, Mobility } from './attribute-set.js'
export type { CollectorSettings } from './collector.js'
export { type Comparison, comparisons, type Explanation, explain } from './decision.js'
export type {
  OriginatedRoute,
  RibChange,
  RouteNlri,
  SpeakerAction,
  SpeakerEvent,
  WithdrawnRoute,
} from './events.js'
export { type FsmState, fsmStates } from './fsm.js'
export { Path, type PathSource } from './path.js'
export { formatEvent, parseEvent } from './recording.js'
export {
  type BfdSettings,
  defaults,
  type FilterRule,
  type PeerAs,
  type PeerSettings,
  type RangeSettings,
  type Role,
  type RouteLimit,
  type SessionFamily,
  type SessionSettings,
  type SpeakerSettings,
  type TcpAoAlgorithm,
  type TcpAoKey,
  type Transport,
} from './settings.js'
export { Speaker } from './speaker.js'
export type { LastError, MessageCounts, PeerStatistics } from './statistics.js'
export type { AdjRibOutEntry, FamilyStatus, LocRibEntry, PeerStatus } from './status.js'
