// The front door of wire: values and their octets.

export * from './bgp/index.js'
export { WireError, type WireErrorCode, wireReasons } from './error.js'
