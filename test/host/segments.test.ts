// Ethernet segments on ports: what may be written wrong, and what is shown; at run time, over a restart and over kill -9.

import t from 'tap'
import type { MacView, RouteView, SegmentView, StatusView } from '../../src/host/views/index.js'
import { until } from '../lab/index.js'
import { Daemon, freePort } from './daemon.js'
import { base, findAll, type Mistake } from './mistakes.js'

t.setTimeout(120_000)

const ports = (...segments: readonly string[]): string =>
  `${base}networks:\n  - name: a\n    vni: 5000\n    ports:\n${segments
    .map((segment, i) => `      - { name: p${i}, ethernetSegment: ${segment} }\n`)
    .join('')}`

const at = 'networks[0].ports[0].ethernetSegment'

const mistakes: readonly Mistake[] = [
  {
    name: 'a segment without a name',
    text: ports('{ mode: single-active }'),
    problems: [`7:38 ${at}: expected one of esi, lacp or system, got none`],
  },
  {
    name: 'a segment with two names',
    text: ports(
      '{ esi: "00:01:02:03:04:05:06:07:08:09", system: { mac: "02:00:00:00:00:01", discriminator: 1 } }',
    ),
    problems: [`7:38 ${at}: expected one of esi, lacp or system, got esi and system`],
  },
  {
    name: 'reserved identifiers',
    text: ports(
      '{ esi: "00:00:00:00:00:00:00:00:00:00" }',
      '{ esi: "ff:ff:ff:ff:ff:ff:ff:ff:ff:ff" }',
    ),
    problems: [
      `7:45 ${at}.esi: expected an ESI other than all zeros and all ones, which are reserved`,
      '8:45 networks[0].ports[1].ethernetSegment.esi: expected an ESI other than all zeros and all ones',
    ],
  },
  {
    name: 'identifiers of other types, too short, or none',
    text: ports('{ esi: "04:01:02:03:04:05:06:07:08:09" }', '{ esi: "00:01" }', '{ esi: 5 }'),
    problems: [
      `7:45 ${at}.esi: expected an ESI of type 0, 1 or 3`,
      '8:45 networks[0].ports[1].ethernetSegment.esi: expected ten octets like',
      '9:45 networks[0].ports[2].ethernetSegment.esi: expected ten octets like',
    ],
  },
  {
    name: 'what the parts may be',
    text: ports(
      '{ lacp: { systemMac: "01:00:00:00:00:01", key: 70000 }, mode: active, df: { algorithm: best, preference: -1, waitSeconds: 1.5 } }',
      '{ system: { mac: "02:00:00:00:00:01" }, colour: 1 }',
    ),
    problems: [
      `7:59 ${at}.lacp.systemMac: expected a unicast MAC address`,
      `7:85 ${at}.lacp.key: expected a whole number, 0 to 65535`,
      `7:100 ${at}.mode: expected all-active or single-active`,
      `7:125 ${at}.df.algorithm: expected modulo, hrw, preference or lowestPreference`,
      `7:143 ${at}.df.preference: expected a whole number, 0 to 65535`,
      `7:160 ${at}.df.waitSeconds: expected a whole number, 0 to 3600`,
      '8:48 networks[0].ports[1].ethernetSegment.system.discriminator: expected a whole number, got nothing',
      '8:78 networks[0].ports[1].ethernetSegment.colour: expected one of',
    ],
  },
  {
    name: 'one segment twice in a network, and described in two ways',
    text: ports(
      '{ esi: "03:02:00:00:00:00:01:00:00:05" }',
      '{ system: { mac: "02:00:00:00:00:01", discriminator: 5 }, df: { algorithm: hrw } }',
    ),
    problems: [
      '8:38 networks[0].ports[1].ethernetSegment: expected a segment that the network has once, got 03:02:00:00:00:00:01:00:00:05',
      '8:100 networks[0].ports[1].ethernetSegment.df: expected the same as networks[0].ports[0].ethernetSegment.df, as it is one segment',
    ],
  },
]

findAll(t, mistakes)

const config = (more: object = {}) => ({
  asn: 65000,
  vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
  networks: [{ name: 'blue', vni: 10100 }],
  ...more,
})
const ESI = '01:02:00:00:00:00:01:00:05:00'
const blue = { network: 'blue', vni: 10100, ifname: 'r1', up: true, blocked: false }
const ours = {
  esi: ESI,
  kind: 'local',
  mode: 'all-active',
  state: 'up',
  algorithm: 'hrw',
  networks: [{ ...blue, df: '127.0.0.1', designated: true }],
  members: [],
}

const types = async (daemon: Daemon): Promise<string[]> => {
  const routes = await daemon.get<RouteView[]>('routes')
  return routes
    .filter(({ esi }) => esi === ESI)
    .map(({ type, ethernetTag, mac = '' }) => `${type} ${ethernetTag ?? ''} ${mac}`.trimEnd())
    .sort()
}

t.test('a port of a segment at run time, over a restart and over kill -9', async (t) => {
  const daemon = new Daemon(t, config())
  await daemon.start()
  const words = 'port add r1 --network blue --kind ring --mac 02:00:00:00:00:09'.split(' ')
  const segment =
    '--ethernet-segment-lacp-system-mac 02:00:00:00:00:01 --ethernet-segment-lacp-key 5'
  const df = '--ethernet-segment-df-algorithm hrw --ethernet-segment-df-wait-seconds 1'
  const refused = await daemon.cli(...words, '--ethernet-segment-mode', 'all-active')
  t.match(refused, { code: 1, stderr: /ethernetSegment: expected one of esi, lacp or system/ })
  const { code, stderr } = await daemon.cli(...words, ...segment.split(' '), ...df.split(' '))
  t.equal(code, 0, stderr)
  t.match(await daemon.get<SegmentView[]>('segments'), [
    { esi: ESI, state: 'waiting', networks: [{ ...blue, df: null, designated: false }] },
  ])
  const isUp = async () => (await daemon.get<SegmentView[]>('segments'))[0]?.state === 'up'
  await until('the forwarder is elected', isUp)
  const routes = ['1 0', '1 4294967295', '2 0 02:00:00:00:00:09', '4']
  const check = async (): Promise<void> => {
    t.match(await daemon.get<SegmentView[]>('segments'), [ours])
    t.match(await daemon.get<MacView[]>('macs'), [{ mac: '02:00:00:00:00:09', esi: ESI }])
    t.same(await types(daemon), routes)
  }
  await check()
  const { stdout } = await daemon.cli('segments')
  t.match(stdout, /^ESI +MODE +STATE +PORTS +ALGORITHM +DF +MEMBERS$/m)
  t.match(stdout, new RegExp(`^${ESI} +all-active +up +r1 +hrw +blue=us +-$`, 'm'))
  t.match((await daemon.cli('macs')).stdout, new RegExp(`^.* ESI\\n.* ${ESI}$`, 'm'))

  t.equal(await daemon.stop(), 0)
  await daemon.start()
  await until('the forwarder is elected again', isUp)
  await check()

  daemon.signal('SIGKILL')
  await daemon.ended()
  await daemon.start()
  await until('the forwarder is elected once more', isUp)
  await check()
  t.equal((await daemon.get<StatusView>('status')).audit.repaired, 0)

  t.equal((await daemon.cli('port', 'remove', 'r1')).code, 0)
  t.same(await daemon.get<SegmentView[]>('segments'), [])
  t.same(await types(daemon), [])
})

t.test('a reload makes an ordinary port of it, and the other way round', async (t) => {
  const port = { name: 'r1', kind: 'ring', mac: '02:00:00:00:00:09' }
  const network = (more: object) => ({ name: 'blue', vni: 10100, ports: [{ ...port, ...more }] })
  const settings = config({ networks: [network({})] })
  const daemon = new Daemon(t, settings)
  await daemon.start()
  const ethernetSegment = { esi: ESI, mode: 'single-active', df: { waitSeconds: 0 } }
  daemon.configure({ ...settings, networks: [network({ ethernetSegment })] })
  t.equal((await daemon.cli('reload')).code, 0)
  t.match(await daemon.get<SegmentView[]>('segments'), [
    { ...ours, mode: 'single-active', algorithm: 'modulo' },
  ])
  t.match(await daemon.get<MacView[]>('macs'), [{ mac: port.mac, esi: ESI, ifname: 'r1' }])
  daemon.configure(settings)
  t.equal((await daemon.cli('reload')).code, 0)
  t.same(await daemon.get<SegmentView[]>('segments'), [])
  t.match(await daemon.get<MacView[]>('macs'), [{ mac: port.mac, esi: null, ifname: 'r1' }])
  t.same(await types(daemon), [])
})
