// The front door of probe.

export { type Life, type Probe, VtepProbe } from './probe.js'
