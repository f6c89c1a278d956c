// What surfaces (API, CLI, library) may do with a running host, and the table of verbs they are made from.

import type { EventLog } from './events.js'
import type { StateReader } from './views/index.js'

export interface HostSurface {
  readonly version: string
  readonly state: StateReader
  readonly events: EventLog
  /** Carries out an operation by name. Rejects with Refusal: then nothing has changed. */
  run(operation: string, input: unknown): Promise<unknown>
  /** Prometheus text. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
}
