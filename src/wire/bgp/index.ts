// The front door of BGP's wire format.

export type {
  Aggregator,
  AsPath,
  AsPathSegment,
  AttributeHeader,
  AttributeName,
  LargeCommunity,
  MpReach,
  MpReachOf,
  MpReachRaw,
  MpUnreach,
  MpUnreachOf,
  Origin,
  PathAttributes,
  PmsiTunnel,
  UnknownAttribute,
} from './attribute/index.js'
export { formatCommunity } from './attribute/index.js'
export type {
  Capability,
  CapabilityNamed,
  KnownCapability,
  UnknownCapability,
} from './capability/index.js'
export { addPathMode } from './capability/index.js'
export type {
  CommunityNamed,
  ExtendedCommunity,
  KnownCommunity,
  UnknownCommunity,
} from './community/index.js'
export {
  communityFromOctets,
  communityOctets,
  formatExtendedCommunity,
  isTransitive,
  parseExtendedCommunity,
} from './community/index.js'
export { initialContext, type WireContext } from './context.js'
export type {
  EadRoute,
  EsRoute,
  EvpnRoute,
  ImetRoute,
  JoinSynchRoute,
  KnownEvpnRoute,
  LeaveSynchRoute,
  MacIpRoute,
  MembershipFlags,
  OpaqueRoute,
  PrefixRoute,
  SmetRoute,
} from './evpn/index.js'
export { evpnKey, evpnRouteCode, formatEvpnRoute } from './evpn/index.js'
export {
  type AfiSafi,
  afiSafiOf,
  type Family,
  familyOf,
  isKnownFamily,
  type KnownFamily,
  knownFamilies,
  type OtherFamily,
} from './family.js'
export * as iana from './iana.js'
export { type Framed, Framer } from './message/framer.js'
export { maxMessageLength } from './message/header.js'
export { type DecodedMessage, decodeMessage, encodeMessage, type Message } from './message/index.js'
export type { Keepalive } from './message/keepalive.js'
export {
  type Notification,
  notificationName,
  shortened,
  shutdownCommunication,
  shutdownData,
} from './message/notification.js'
export type { Open, OpenLayout } from './message/open.js'
export type { RouteRefresh } from './message/route-refresh.js'
export { endOfRib, endOfRibUpdate, type Update } from './message/update.js'
export type { IpNlri, MembershipNlri, Nlri, NlriOf, RawNlri } from './nlri/index.js'
export { defaultMembership, membershipKey } from './nlri/index.js'
export { type ErrorReport, type Problem, type Verdict, worstVerdict } from './problem.js'
export { asPathLength, withAs4, withoutAs4 } from './two-octet-as.js'
