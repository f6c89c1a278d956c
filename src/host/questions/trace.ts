// What becomes of one frame.

import { TraceAnswer, TraceInput, traceFrame } from '../tracing/index.js'
import { question } from './question.js'

export const trace = question({
  name: 'trace',
  summary: "One frame's way through the switch, step by step, without sending it.",
  method: 'POST',
  path: '/v1/trace',
  role: 'read',
  schema: TraceInput,
  answer: TraceAnswer,
  ask: (context, input) => traceFrame(context, input),
})
