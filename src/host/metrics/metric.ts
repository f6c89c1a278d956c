// What a metric is: a row with its name and how its samples are read. Values are read when somebody asks; nothing is counted
// twice.

import type { EventLog } from '../events.js'
import type { StateSource } from '../state/index.js'
import type { StateReader } from '../views/index.js'

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Metric {
  readonly name: string
  readonly help: string
  readonly kind: 'gauge' | 'counter'
  readonly labels: readonly string[]
  readonly read: (facts: Facts) => readonly Sample[]
}

/** Read once per scrape. */
export interface Facts {
  readonly status: ReturnType<StateReader['status']>
  readonly peers: ReturnType<StateReader['peers']>
  readonly networks: ReturnType<StateReader['networks']>
  readonly vrfs: ReturnType<StateReader['vrfs']>
  readonly vteps: ReturnType<StateReader['vteps']>
  readonly ports: ReturnType<StateReader['ports']>
  readonly drops: ReturnType<StateReader['drops']>
  readonly source: StateSource
  readonly speakerPeers: ReturnType<StateSource['speaker']['peers']>
  readonly events: ReturnType<EventLog['counts']>
}

export const one = (value: number): Sample[] => [{ labels: {}, value }]
