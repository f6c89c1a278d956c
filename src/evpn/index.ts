// The front door of evpn: the machine of one VTEP, its events and its actions.

export type {
  DuplicateView,
  EvpnAction,
  EvpnEvent,
  EvpnSettings,
  LearnedMac,
  MacView,
  NetworkSettings,
  NetworkView,
  Notice,
  NoticeKind,
  OriginatedRoute,
  Path,
  PortBinding,
  RouteChange,
  SnoopedIp,
  StaticRemote,
  VtepView,
  WithdrawnRoute,
} from './events.js'
export { Evpn } from './evpn.js'
export { type Derivation, type Profile, profiles } from './profiles.js'
