// The same facts as Prometheus metrics.

import { Counter, Gauge, Registry } from 'prom-client'
import type { EventLog } from '../events.js'
import type { StateSource } from '../state/index.js'
import type { StateReader } from '../views/index.js'
import { bgp } from './bgp.js'
import { daemon } from './daemon.js'
import type { Facts, Metric } from './metric.js'
import { traffic } from './traffic.js'

/** Adding a metric is one row in one of these. */
export const metrics: readonly Metric[] = [...daemon, ...bgp, ...traffic]

export interface MetricsText {
  readonly contentType: string
  readonly text: string
}

/** The metrics of one moment. */
export async function metricsText(
  state: StateReader,
  source: StateSource,
  events: EventLog,
): Promise<MetricsText> {
  const facts: Facts = {
    status: state.status(),
    peers: state.peers(),
    networks: state.networks(),
    vrfs: state.vrfs(),
    vteps: state.vteps(),
    ports: state.ports(),
    drops: state.drops(),
    source,
    speakerPeers: source.speaker.peers(),
    events: events.counts(),
  }
  const registry = new Registry()
  for (const { name, help, kind, labels, read } of metrics) {
    const settings = { name, help, labelNames: [...labels], registers: [registry] }
    const samples = read(facts)
    if (kind === 'gauge') {
      const gauge = new Gauge(settings)
      for (const { labels: set, value } of samples) gauge.set(set, value)
    } else {
      const counter = new Counter(settings)
      for (const { labels: set, value } of samples) counter.inc(set, value)
    }
  }
  return { contentType: registry.contentType, text: await registry.metrics() }
}
