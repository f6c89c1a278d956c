// Frames: ports, uplink, VTEPs, drops.

import type { PortCounters } from '../../fib/index.js'
import type { PortView } from '../views/index.js'
import { type Metric, one } from './metric.js'

const portCounter = (key: keyof PortView & `${string}`, name: string, help: string): Metric => ({
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

const uplinkCounter = (
  key: Exclude<keyof PortCounters, 'port'>,
  name: string,
  help: string,
): Metric => ({
  name: `vtep_uplink_${name}_total`,
  help,
  kind: 'counter',
  labels: [],
  read: ({ source }) => {
    const counters = source.counters()
    return counters === undefined ? [] : one(counters.uplink[key])
  },
})

export const traffic: readonly Metric[] = [
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
  uplinkCounter('rxFrames', 'rx_frames', 'Encapsulated frames that came from VTEPs.'),
  uplinkCounter('rxBytes', 'rx_bytes', 'Their bytes.'),
  uplinkCounter('txFrames', 'tx_frames', 'Frames sent to VTEPs; a super-frame counts once.'),
  uplinkCounter('txBytes', 'tx_bytes', 'Their bytes.'),
  uplinkCounter('rxDropped', 'rx_dropped', 'Frames from VTEPs that were dropped.'),
  uplinkCounter('txDropped', 'tx_dropped', 'Frames to VTEPs that were dropped.'),
  {
    name: 'vtep_remote_mtu_bytes',
    help: 'Largest IP packet on the way to the VTEP; 0 when unknown.',
    kind: 'gauge',
    labels: ['dst'],
    read: ({ vteps }) => vteps.map(({ dst, mtu }) => ({ labels: { dst }, value: mtu })),
  },
  {
    name: 'vtep_remote_macs',
    help: 'MAC addresses behind the VTEP.',
    kind: 'gauge',
    labels: ['dst'],
    read: ({ vteps }) => vteps.map(({ dst, macs }) => ({ labels: { dst }, value: macs })),
  },
]
