// The front door of host.

export { AmendmentsFile } from './amendments.js'
export {
  expectedText,
  type Finding,
  formatPath,
  type LoadedConfig,
  loadConfig,
  type PortKindInfo,
  type Problem,
  parseSocketAddress,
  type Schema,
  type SocketAddress,
  suggest,
  unplaced,
} from './config/index.js'
export { type Config, Config as configSchema } from './config/schema.js'
export { configOfFile, readConfigFile } from './config-file.js'
export { checkDataplane, obtainDataplane, Supervisor, workerSettings } from './dataplane/index.js'
export { type EventLevel, EventLog, type HostEvent } from './events.js'
export {
  type FabricFinding,
  type FabricOptions,
  fabricConfig,
  formatFabric,
  formatFinding,
  type Live,
  leafCandidates,
  type VendorName,
  vendors,
} from './fabric/index.js'
export { Host, type HostSettings } from './host.js'
export {
  formatNote,
  type Imported,
  type ImportNote,
  importConfig,
  readHost,
} from './import/index.js'
export {
  HostFailure,
  lockRuntimeDir,
  packageVersion,
  prepareRuntimeDir,
  reasonOf,
  runtimeDirOf,
  runtimePaths,
  type StoredToken,
  stateDirOf,
  TokenFile,
} from './instance/index.js'
export {
  EventsQuery,
  Journal,
  matches,
  type ReadQuery,
  readEventsQuery,
} from './journal/index.js'
export { knownPortKinds, requiredPortKinds } from './kinds.js'
export { type Log, type LogSettings, logEvents } from './log.js'
export { messagesOf } from './mrt.js'
export type { Operation, OperationContext } from './operation.js'
export { operations } from './operations.js'
export type { ObtainedDataplane } from './packet-path.js'
export { ofQuery, type Question, type QuestionContext, questions } from './questions/index.js'
export { Refusal, type RefusalKind } from './refusal.js'
export { ReplayError, type Replayed, replay } from './replay.js'
export { allows, type Role, roles } from './role.js'
export type { HostSurface } from './surface.js'
export * from './views/index.js'
export { EventView as eventSchema, viewSchemas } from './views/schemas.js'
