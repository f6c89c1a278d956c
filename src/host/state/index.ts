// The front door of state.

export { portOffloadOff, underlayOffloadOff } from './offloads.js'
export type { StateSource } from './source.js'
export { State } from './state.js'
