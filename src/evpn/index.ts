// The front door of evpn: the machine of one VTEP, its events and its actions.

export type { ClaimAccount, MacAccount, RouteAccount, RouteUse } from './account.js'
export type { AdvertiserSettings } from './advertiser.js'
export type { AssistedReplicationSettings } from './assisted-replication.js'
export { type DfAlgorithm, dfAlgorithms } from './df-election.js'
export type {
  BoundHost,
  DuplicateView,
  EvpnAction,
  EvpnEvent,
  EvpnSettings,
  GatewayAddress,
  GroupView,
  LearnedMac,
  MacView,
  NetworkSettings,
  NetworkView,
  Notice,
  NoticeKind,
  OriginatedRoute,
  Path,
  PortBinding,
  PrefixView,
  RouteChange,
  SegmentSettings,
  SegmentView,
  SnoopedIp,
  StaticRemote,
  StaticRoute,
  TargetMismatch,
  VrfSettings,
  VrfView,
  VtepView,
  WithdrawnRoute,
} from './events.js'
export { Evpn } from './evpn.js'
export { defaultGatewayMac } from './gateway.js'
export type { MembershipQuery, MembershipReport, MulticastSettings } from './multicast.js'
export { type Derivation, type Profile, profileFor, profiles } from './profiles.js'
