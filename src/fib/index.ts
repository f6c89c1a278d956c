// The front door of fib: what the packet path must contain, and the interface to it.

export type {
  Counters,
  Dataplane,
  DataplaneEvent,
  DataplaneReader,
  FloodState,
  MacState,
  NeighbourState,
  NetworkState,
  Operation,
  Origin,
  PortCounters,
  PortSpec,
  PortState,
  RemoteState,
  RouteHop,
  RouteState,
  Snapshot,
  UnderlayState,
  UplinkState,
  VtepSpec,
} from './dataplane.js'
export { Image, type NetworkImage, type OperationOf, routeKey } from './image.js'
export { additions, reconcile, removals } from './reconcile.js'
