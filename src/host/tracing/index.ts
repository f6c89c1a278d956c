// The front door of tracing: a frame that is given or described, by the tables as they are.

export { frameOfCapture } from './captured.js'
export { imageOf, TraceAnswer, TraceInput, traceFrame } from './tracing.js'
