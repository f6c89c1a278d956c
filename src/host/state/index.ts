// The front door of state.

export type { StateSource } from './source.js'
export { State } from './state.js'
