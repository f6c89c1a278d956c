// The front door of host.

export {
  type Finding,
  formatPath,
  type LoadedConfig,
  loadConfig,
  type Problem,
  type Schema,
  type SocketAddress,
  unplaced,
} from './config/index.js'
export type { Config } from './config/schema.js'
export { suggest } from './config/suggest.js'
export { type EventLevel, EventLog, type HostEvent } from './events.js'
export { HostFailure, Refusal, type RefusalKind } from './failure.js'
export { type Operation, type OperationContext, operations } from './operations.js'
export type { HostSurface } from './surface.js'
export * from './views.js'
