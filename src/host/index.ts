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
export { HostFailure } from './instance/index.js'
export { Refusal, type RefusalKind } from './refusal.js'
export { type Operation, type OperationContext, operations } from './operations.js'
export type { HostSurface } from './surface.js'
export * from './views/index.js'
export { EventView as eventSchema, viewSchemas } from './views/schemas.js'
