// The light front door of the dataplane's process.

export { Supervisor } from '../../io/index.js'
export { checkDataplane, obtainDataplane } from './obtain.js'
export { runDataplane, workerSettings } from './run.js'
