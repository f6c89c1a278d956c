// The front door of state.

export { offloadsOff } from './offloads.js'
export type { StateSource } from './source.js'
export { State } from './state.js'
