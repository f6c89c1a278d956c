// The light front door of views: names, summaries, filters and types, without the schemas' library.

export { type StateReader, type View, type ViewName, views } from './catalogue.js'
export type {
  ConfigView,
  DropView,
  EventView,
  GroupView,
  HealthView,
  MacView,
  NetworkView,
  OffloadView,
  PeerView,
  PortView,
  PrefixView,
  RouteView,
  SegmentView,
  StatusView,
  VrfView,
  VtepView,
} from './schemas.js'
export type { DoctorCheck, DoctorView, WhyAnswer, WhyLink, WhyView } from './why.js'
