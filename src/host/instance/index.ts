// What every command needs to find an instance; imports nothing heavy.

export { HostFailure, reasonOf } from './failure.js'
export {
  DEFAULT_RUNTIME_DIR,
  type RuntimePaths,
  runtimeDirOf,
  runtimePaths,
  stateDirOf,
} from './paths.js'
export { lockRuntimeDir, prepareRuntimeDir } from './runtime-dir.js'
export { type StoredToken, TokenFile } from './tokens.js'
export { packageVersion } from './version.js'
