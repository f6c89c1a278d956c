// The light front door of the dataplane's process.

export { obtainDataplane } from './obtain.js'
export { runDataplane, workerSettings } from './run.js'
