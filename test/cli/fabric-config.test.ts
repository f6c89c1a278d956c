// `vtep fabric-config` as a command: what it reads, its forms and exit codes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Daemon, freePort } from '../host/daemon.js'
import { type Told, tell } from './in-process.js'

t.setTimeout(100_000)

const directory = mkdtempSync(join(tmpdir(), 'vt-fabric-'))
t.teardown(() => rmSync(directory, { recursive: true }))

const file = (name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const vtep = (...words: readonly string[]): Promise<Told> => tell(words)

const good = file(
  'good.yaml',
  `asn: 65011
vtep: { address: 203.0.113.11 }
bgp: { neighbors: [{ address: 203.0.113.1, asn: 65000 }, { address: 203.0.113.2, asn: 65000 }] }
networks: [{ name: blue, vni: 10100, routeTargets: { import: ["65000:1"], export: ["65000:2"] } }]
`,
)

t.test('from a file', async (t) => {
  const whole = await vtep('fabric-config', 'eos', '--config', good)
  t.match(whole, { code: 0, stderr: '' })
  t.match(whole.stdout, /^! hint otherPeers: bgp\.neighbors: .*203\.0\.113\.2$/m)
  t.match(whole.stdout, /^ {6}route-target import 65000:2$/m)
  const second = await vtep(
    'fabric-config',
    'nxos',
    '--config',
    good,
    '--peer',
    '203.0.113.2',
    '--json',
  )
  t.match(JSON.parse(second.stdout), {
    vendor: 'nxos',
    leaf: { vtep: '203.0.113.2' },
    sections: [{ name: 'nxos' }],
  })
  const devices = await vtep(
    'fabric-config',
    'frr',
    '--config',
    good,
    '--section',
    'devices',
    '--vlan',
    'blue=7',
  )
  t.match(devices, { code: 0, stdout: /^ip link add name br10100/ })
  t.notMatch(devices.stdout, /^[!#]/m)
})

t.test('an error is exit code 1, and the lines are printed all the same', async (t) => {
  const nxos = file('small.yaml', readFileSync(good, 'utf8').replace('10100', '100'))
  const { code, stdout } = await vtep('fabric-config', 'nxos', '--config', nxos)
  t.equal(code, 1)
  t.match(stdout, /^! error vniRange: networks\[0\]\.vni: VNI 100 /m)
  t.match(stdout, /^ {2}vn-segment 100$/m)
  const section = await vtep('fabric-config', 'nxos', '--config', nxos, '--section', 'nxos')
  t.equal(section.code, 1)
  t.match(section.stderr, /^vtep: error vniRange: /m)
})

t.test('what is not understood is exit code 2', async (t) => {
  for (const words of [
    ['ios'],
    ['eos', '--peer', '203.0.113.9'],
    ['eos', '--leaf-asn', '0'],
    ['eos', '--leaf-vtep', 'leaf1'],
    ['eos', '--vlan', 'red=7'],
    ['eos', '--vlan', 'blue=4095'],
    ['eos', '--section', 'devices'],
  ]) {
    const { code, stderr } = await vtep('fabric-config', ...words, '--config', good)
    t.equal(code, 2, words.join(' '))
    t.match(stderr, /^vtep: .*(?:expected|Allowed choices)/)
  }
  const none = file('none.yaml', 'asn: 1\nvtep: { address: 203.0.113.11 }\n')
  t.match(await vtep('fabric-config', 'eos', '--config', none), {
    code: 1,
    stderr: 'vtep: bgp.neighbors: expected a neighbour, the leaf, got none\n',
  })
  t.equal((await vtep('fabric-config', 'eos')).code, 3, 'nobody to ask')
})

t.test('from the daemon: what is in force, without its secrets', async (t) => {
  const daemon = new Daemon(t, {
    asn: 65011,
    vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
    bgp: {
      neighbors: [
        { address: '203.0.113.1', asn: 65000, tcpAo: [{ sendId: 1, password: 'hunter2' }] },
      ],
    },
  })
  await daemon.start()
  t.equal((await daemon.cli('network', 'add', 'red', '--vni', '10200')).code, 0)
  const { stdout } = await daemon.cli('fabric-config', 'eos')
  t.match(stdout, /^ {3}vxlan vlan 200 vni 10200$/m)
  const config = await daemon.cli('config')
  t.equal(config.code, 0)
  t.notMatch(config.stdout, 'hunter2')
  t.match(JSON.parse(config.stdout), {
    bgp: { neighbors: [{ tcpAo: [{ sendId: 1, password: '***' }] }] },
    networks: [{ name: 'red' }],
  })
  const again = file('again.yaml', config.stdout)
  t.match(await vtep('check', again), { code: 0 }, 'what is shown could be a file')
  t.equal(await daemon.stop(), 0)
})
