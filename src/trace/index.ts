// The front door of trace: a frame's way through the switch, told in words.

export {
  encodeTrace,
  type ImageTracer,
  loadCore,
  type TraceCore,
  type TraceOptions,
  type TraceOrigin,
} from './core.js'
export {
  readTrace,
  type Trace,
  type TracedCopy,
  type TracedStep,
  type TraceNames,
  type TraceOutcome,
  type TraceVerdict,
} from './trace.js'
