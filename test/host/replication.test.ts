// Assisted replication and pruned flood lists in the configuration, and what EVPN gets of them.

import t from 'tap'
import { loadConfig } from '../../src/host/index.js'
import { fabricNetworks, networkSettings } from '../../src/host/networks.js'
import { base, findAll } from './mistakes.js'

const network = (...lines: readonly string[]): string =>
  `${base}networks:\n  - name: blue\n    vni: 10100\n${lines.map((line) => `    ${line}\n`).join('')}`

const LEAF = 'assistedReplication: { role: leaf }'
const SEGMENT =
  '- { name: p0, ethernetSegment: { lacp: { systemMac: "02:00:00:00:00:01", key: 5 } } }'

function settingsOf(text: string) {
  const loaded = loadConfig(text, 'vtep.yaml')
  if ('problems' in loaded) throw new Error(loaded.problems.map(({ text }) => text).join('\n'))
  return networkSettings(fabricNetworks(loaded.config)[0]!, '10.0.0.11:10100')
}

t.test('what EVPN gets', async (t) => {
  const usual = settingsOf(network())
  t.notOk('assistedReplication' in usual || 'prunedFloodLists' in usual, 'nothing by default')
  t.same(settingsOf(network(LEAF)).assistedReplication, { role: 'leaf', activationSeconds: 3 })
  const pruned = settingsOf(network('prunedFloodLists: { unknownUnicast: true }'))
  t.same(pruned.prunedFloodLists, { noBroadcasts: false, noUnknown: true })
})

t.test('a replicator', async (t) => {
  const text = network('assistedReplication: { role: replicator }')
  const settings = settingsOf(
    text.replace('10.0.0.11 }', '10.0.0.11, replicatorAddress: 10.0.0.111 }'),
  )
  t.equal(settings.assistedReplication?.role, 'replicator')
})

findAll(t, [
  {
    name: 'another role',
    text: network('assistedReplication: { role: branch }'),
    problems: ['6:34 networks[0].assistedReplication.role: expected'],
  },
  {
    name: 'a leaf that leads to an Ethernet segment',
    text: network(LEAF, 'ports:', `  ${SEGMENT}`),
    problems: [
      '6:34 networks[0].assistedReplication.role: expected no leaf in a network with ports of Ethernet segments, got leaf',
    ],
  },
  {
    name: 'a leaf with remotes',
    text: network(LEAF, 'remotes: [{ address: 10.0.0.12 }]'),
    problems: [
      '6:34 networks[0].assistedReplication.role: expected no leaf in a network with remotes, which no replicator knows, got leaf',
    ],
  },
  {
    name: 'a replicator without an address of its own',
    text: network('assistedReplication: { role: replicator }'),
    problems: [
      '2:7 vtep.replicatorAddress: expected a second address of this host, as it is a replicator, got nothing',
    ],
  },
  {
    name: 'a replicator with the address of the VTEP',
    text: network().replace('10.0.0.11 }', '10.0.0.11, replicatorAddress: 10.0.0.11 }'),
    problems: [
      '2:48 vtep.replicatorAddress: expected another address than vtep.address, got 10.0.0.11',
    ],
  },
  {
    name: 'one of the other family',
    text: network().replace('10.0.0.11 }', '10.0.0.11, replicatorAddress: "2001:db8::9" }'),
    problems: ['2:48 vtep.replicatorAddress: expected IPv4, as the VTEP address, got 2001:db8::9'],
  },
  {
    name: 'flood lists without a designated forwarder',
    text: network(
      'prunedFloodLists: { broadcasts: true, unknownUnicast: true }',
      'ports:',
      `  ${SEGMENT}`,
    ),
    problems: [
      '6:37 networks[0].prunedFloodLists.broadcasts: expected false in a network with ports of Ethernet segments, got true',
      '6:59 networks[0].prunedFloodLists.unknownUnicast: expected false in a network with ports of Ethernet segments, got true',
    ],
  },
])
