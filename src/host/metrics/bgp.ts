// BGP and what it brings: peers, messages, routes, MACs, prefixes.

import type { Metric } from './metric.js'
import { one } from './metric.js'

type Direction = 'messagesReceived' | 'messagesSent'

const messages = (key: Direction, name: string, help: string): Metric => ({
  name: `vtep_peer_messages_${name}_total`,
  help,
  kind: 'counter',
  labels: ['peer', 'type'],
  read: ({ speakerPeers }) =>
    speakerPeers.flatMap(({ id, statistics }) =>
      Object.entries(statistics[key]).map(([type, value]) => ({
        labels: { peer: id, type },
        value,
      })),
    ),
})

export const bgp: readonly Metric[] = [
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
    name: 'vtep_peer_uptime_seconds',
    help: 'Since the session was established; 0 when it is not.',
    kind: 'gauge',
    labels: ['peer'],
    read: ({ peers }) =>
      peers.map(({ peer, uptimeSeconds }) => ({ labels: { peer }, value: uptimeSeconds })),
  },
  {
    name: 'vtep_peer_flaps_total',
    help: 'How often the session has left Established.',
    kind: 'counter',
    labels: ['peer'],
    read: ({ speakerPeers }) =>
      speakerPeers.map(({ id, statistics }) => ({
        labels: { peer: id },
        value: statistics.flaps,
      })),
  },
  messages('messagesReceived', 'received', 'BGP messages from the peer, by type.'),
  messages('messagesSent', 'sent', 'BGP messages to the peer, by type.'),
  {
    name: 'vtep_peer_update_errors_total',
    help: 'Problems of received UPDATEs, by what RFC 7606 wants done.',
    kind: 'counter',
    labels: ['peer', 'verdict'],
    read: ({ speakerPeers }) =>
      speakerPeers.flatMap(({ id, statistics }) =>
        Object.entries(statistics.problems).map(([verdict, value]) => ({
          labels: { peer: id, verdict },
          value,
        })),
      ),
  },
  {
    name: 'vtep_routes',
    help: 'Routes of the loc-rib, by family and type; of evpn the type of the route.',
    kind: 'gauge',
    labels: ['family', 'type'],
    read: ({ source }) =>
      [...source.routeCounts].map(([key, value]) => {
        const [family = '', type = ''] = key.split(' ')
        return { labels: { family, type }, value }
      }),
  },
  {
    name: 'vtep_mac_moves_total',
    help: 'MAC addresses that are behind another VTEP than before.',
    kind: 'counter',
    labels: [],
    read: ({ events }) =>
      one(events.find(({ level, kind }) => level === 'info' && kind === 'macMoved')?.count ?? 0),
  },
]
