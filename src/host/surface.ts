// What surfaces (API, CLI, library) may do with a running host, and the table of verbs they are made from.

import type { EventLog } from './events.js'
import type { ReadQuery } from './journal/index.js'
import type { StateReader } from './views/index.js'

export interface HostSurface {
  readonly version: string
  readonly state: StateReader
  readonly events: EventLog
  /**
   * Carries out an operation by name. Rejects with Refusal: then nothing has changed. `by` is who asked for it, for the
   * event stream.
   */
  run(operation: string, input: unknown, by?: string): Promise<unknown>
  /** Answers a question by name; `signal` ends the work when nobody waits any more. Rejects with Refusal. */
  ask(question: string, input: object, signal: AbortSignal): Promise<unknown>
  /** What of the event log is asked for. Throws Refusal. */
  eventsQuery(input: unknown): ReadQuery
  /** Prometheus text. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
}
