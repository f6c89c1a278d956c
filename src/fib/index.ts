// The front door of fib: what the packet path must contain, and the interface to it.

export { AUDIT_PAGE, Audit, isAsWanted, type RoundResult } from './audit.js'
export type {
  CaptureBatch,
  CapturedFrame,
  CaptureFeed,
  CapturePointName,
  CaptureSpec,
} from './capture.js'
export type {
  Counters,
  Dataplane,
  DataplaneEvent,
  DataplaneReader,
  FloodState,
  LargeTable,
  ListenerState,
  MacGroupKey,
  MacGroupState,
  MacState,
  NeighbourState,
  NetworkFlags,
  NetworkState,
  Operation,
  Origin,
  PortCounters,
  PortFrame,
  PortSegment,
  PortSpec,
  PortState,
  Pruning,
  RemoteState,
  RouteHop,
  RouteState,
  Snapshot,
  TableRows,
  UnderlayState,
  UplinkState,
  VtepSpec,
} from './dataplane.js'
export {
  Image,
  listenerKey,
  type MacRow,
  macGroupKey,
  type NetworkImage,
  type OperationOf,
  routeKey,
  samePruning,
} from './image.js'
export { additions, reconcile, removals } from './reconcile.js'
