// The front door of evpn: the machine of one VTEP, its events and its actions.

export type {
  EvpnAction,
  EvpnEvent,
  EvpnSettings,
  MacView,
  NetworkSettings,
  NetworkView,
  Notice,
  NoticeKind,
  OriginatedRoute,
  Path,
  PortBinding,
  RouteChange,
  StaticRemote,
  VtepView,
  WithdrawnRoute,
} from './events.js'
export { Evpn } from './evpn.js'
export { type Derivation, type Profile, profiles } from './profiles.js'
