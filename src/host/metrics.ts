// The same facts as Prometheus metrics. Values are read when somebody asks; nothing is counted twice.

import { Counter, Gauge, Registry } from 'prom-client'
import type { PortView, StateReader } from './views/index.js'

interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Row {
  readonly name: string
  readonly help: string
  readonly kind: 'gauge' | 'counter'
  readonly labels: readonly string[]
  readonly read: (state: Facts) => readonly Sample[]
}

/** Read once per scrape. */
interface Facts {
  readonly status: ReturnType<StateReader['status']>
  readonly peers: ReturnType<StateReader['peers']>
  readonly networks: ReturnType<StateReader['networks']>
  readonly vrfs: ReturnType<StateReader['vrfs']>
  readonly vteps: ReturnType<StateReader['vteps']>
  readonly ports: ReturnType<StateReader['ports']>
  readonly drops: ReturnType<StateReader['drops']>
}

const one = (value: number): Sample[] => [{ labels: {}, value }]

const portCounter = (key: keyof PortView & `${string}`, name: string, help: string): Row => ({
  name: `vtep_port_${name}_total`,
  help,
  kind: 'counter',
  labels: ['ifname', 'network'],
  read: ({ ports }) =>
    ports.map((port) => ({
      labels: { ifname: port.ifname, network: port.network },
      value: Number(port[key]),
    })),
})

/** Adding a metric is one row here. */
const rows: readonly Row[] = [
  {
    name: 'vtep_info',
    help: 'Version and addresses, as labels.',
    kind: 'gauge',
    labels: ['version', 'asn', 'router_id', 'vtep', 'uplink'],
    read: ({ status: { version, asn, routerId, vtep, uplink } }) => [
      { labels: { version, asn: String(asn), router_id: routerId, vtep, uplink }, value: 1 },
    ],
  },
  {
    name: 'vtep_health_findings',
    help: 'What is not as it should be, by code.',
    kind: 'gauge',
    labels: ['code', 'severity'],
    read: ({ status }) =>
      status.health.map(({ code, severity }) => ({
        labels: { code, severity },
        value: status.health.filter((finding) => finding.code === code).length,
      })),
  },
  {
    name: 'vtep_audit_rounds_total',
    help: 'How often routes, image and tables were compared.',
    kind: 'counter',
    labels: [],
    read: ({ status }) => one(status.audit.rounds),
  },
  {
    name: 'vtep_audit_repairs_total',
    help: 'Differences between routes, image and tables that were found and repaired.',
    kind: 'counter',
    labels: [],
    read: ({ status }) => one(status.audit.repaired),
  },
  {
    name: 'vtep_peer_up',
    help: '1 when the session is Established.',
    kind: 'gauge',
    labels: ['peer', 'asn'],
    read: ({ peers }) =>
      peers.map(({ peer, asn, state }) => ({
        labels: { peer, asn: String(asn) },
        value: state === 'Established' ? 1 : 0,
      })),
  },
  {
    name: 'vtep_peer_routes_received',
    help: 'Routes received and kept.',
    kind: 'gauge',
    labels: ['peer'],
    read: ({ peers }) => peers.map(({ peer, received }) => ({ labels: { peer }, value: received })),
  },
  {
    name: 'vtep_peer_routes_sent',
    help: 'Routes advertised.',
    kind: 'gauge',
    labels: ['peer'],
    read: ({ peers }) => peers.map(({ peer, sent }) => ({ labels: { peer }, value: sent })),
  },
  {
    name: 'vtep_networks',
    help: 'Networks.',
    kind: 'gauge',
    labels: [],
    read: ({ status }) => one(status.networks),
  },
  {
    name: 'vtep_macs',
    help: 'MAC addresses.',
    kind: 'gauge',
    labels: ['network', 'kind'],
    read: ({ networks }) =>
      networks.flatMap(({ name, macs }) => [
        { labels: { network: name, kind: 'local' }, value: macs.local },
        { labels: { network: name, kind: 'remote' }, value: macs.remote },
      ]),
  },
  {
    name: 'vtep_vrf_prefixes',
    help: 'Prefixes of an IP-VRF.',
    kind: 'gauge',
    labels: ['vrf'],
    read: ({ vrfs }) =>
      vrfs.map(({ name, prefixes }) => ({ labels: { vrf: name }, value: prefixes })),
  },
  {
    name: 'vtep_vrf_paths',
    help: 'Paths that the prefixes of an IP-VRF are reached by.',
    kind: 'gauge',
    labels: ['vrf'],
    read: ({ vrfs }) => vrfs.map(({ name, paths }) => ({ labels: { vrf: name }, value: paths })),
  },
  {
    name: 'vtep_remote_resolved',
    help: '1 when the underlay knows the way to the VTEP.',
    kind: 'gauge',
    labels: ['dst'],
    read: ({ vteps }) =>
      vteps.map(({ dst, resolved }) => ({ labels: { dst }, value: resolved ? 1 : 0 })),
  },
  {
    name: 'vtep_port_up',
    help: '1 when the port is open and has carrier.',
    kind: 'gauge',
    labels: ['ifname', 'network'],
    read: ({ ports }) =>
      ports.map(({ ifname, network, state }) => ({
        labels: { ifname, network },
        value: state === 'up' ? 1 : 0,
      })),
  },
  portCounter('rxFrames', 'rx_frames', 'Frames from the tenant; a super-frame counts once.'),
  portCounter('rxBytes', 'rx_bytes', 'Bytes from the tenant.'),
  portCounter('txFrames', 'tx_frames', 'Frames to the tenant; a super-frame counts once.'),
  portCounter('txBytes', 'tx_bytes', 'Bytes to the tenant.'),
  portCounter('rxDropped', 'rx_dropped', 'Frames from the tenant that were dropped.'),
  portCounter('txDropped', 'tx_dropped', 'Frames to the tenant that were dropped.'),
  portCounter('suppressed', 'suppressed', 'ARP and ND requests answered on the spot.'),
  portCounter('flooded', 'flooded', 'Frames replicated.'),
  {
    name: 'vtep_drops_total',
    help: 'Frames lost, by reason.',
    kind: 'counter',
    labels: ['reason'],
    read: ({ drops }) => drops.map(({ reason, count }) => ({ labels: { reason }, value: count })),
  },
]

export interface MetricsText {
  readonly contentType: string
  readonly text: string
}

/** The metrics of one moment. */
export async function metricsText(state: StateReader): Promise<MetricsText> {
  const facts: Facts = {
    status: state.status(),
    peers: state.peers(),
    networks: state.networks(),
    vrfs: state.vrfs(),
    vteps: state.vteps(),
    ports: state.ports(),
    drops: state.drops(),
  }
  const registry = new Registry()
  for (const { name, help, kind, labels, read } of rows) {
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
