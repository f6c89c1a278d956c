// The front door of wire: values and their octets.

export * from './bgp/index.js'
