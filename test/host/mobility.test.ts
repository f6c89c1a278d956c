// What the platform and the operator say about hosts that move: `vtep port move`, duplicates and how they are cleared.

import t from 'tap'
import type {
  EventView,
  MacView,
  PortView,
  RouteView,
  StatusView,
} from '../../src/host/views/index.js'
import { until } from '../lab/index.js'
import { Daemon, freePort } from './daemon.js'

t.setTimeout(100_000)

const vtep = { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() }
const mac = (n: number): string => `02:00:00:00:00:0${n}`
const port = (name: string, more: object = {}) => ({ name, kind: 'ring', ...more })
const config = (more: object = {}) => ({
  asn: 65000,
  vtep,
  networks: [
    {
      name: 'blue',
      vni: 10100,
      ports: [port('r1', { mac: mac(1), ip: ['10.1.0.1', '10.1.0.2'] }), port('r2')],
    },
  ],
  ...more,
})

const macs = async (daemon: Daemon): Promise<string[]> =>
  (await daemon.get<MacView[]>('macs'))
    .map(({ mac, kind, ifname, ips }) => [mac, kind, ifname, ...ips.toSorted()].join(' '))
    .sort()

t.test('a host arrives behind a port, and that stays so', async (t) => {
  const daemon = new Daemon(t, config())
  await daemon.start()
  t.same(await macs(daemon), [`${mac(1)} local r1 10.1.0.1 10.1.0.2`])

  await t.test('another host, which takes an address of the first', async (t) => {
    const words = ['port', 'move', 'r2', '--mac', '02-00-00-00-00-02', '--ip', '10.1.0.2,10.1.0.3']
    t.same(await daemon.read(...words), {
      ifname: 'r2',
      mac: mac(2),
      ips: ['10.1.0.2', '10.1.0.3'],
      sequence: 1,
    })
    t.same(await macs(daemon), [
      `${mac(1)} local r1 10.1.0.1`,
      `${mac(2)} local r2 10.1.0.2 10.1.0.3`,
    ])
    const routes = await daemon.get<RouteView[]>('routes?ip=10.1.0.2')
    t.same(
      routes.flatMap((row) => [row.mac, row.attributes['extendedCommunities']].flat()),
      [mac(2), 'encap:vxlan', 'rt:65000:10100', 'mm:1'],
      'an address that comes from another MAC has the next number',
    )
  })

  await t.test('the same word again changes nothing', async (t) => {
    const before = await daemon.get<RouteView[]>('routes')
    const { status, json } = await daemon.http('POST', '/v1/ports/r2/move', {})
    t.equal(status, 201)
    t.match(json, { mac: mac(2), ips: ['10.1.0.2', '10.1.0.3'], sequence: 1 })
    t.same(await daemon.get<RouteView[]>('routes'), before)
  })

  await t.test('after a restart and a reload', async (t) => {
    const before = await macs(daemon)
    await daemon.stop()
    await daemon.start()
    t.same(await macs(daemon), before)
    t.equal((await daemon.cli('reload')).code, 0)
    t.same(await macs(daemon), before)
  })

  await t.test('from one port to the other', async (t) => {
    t.equal((await daemon.cli('port', 'move', 'r2', '--mac', mac(1))).code, 0)
    t.same(await macs(daemon), [`${mac(1)} local r2`], 'it is in one place only')
    t.same(
      (await daemon.get<PortView[]>('ports')).map(({ ifname, state }) => `${ifname} ${state}`),
      ['r1 up', 'r2 up'],
      'no port was opened anew',
    )
  })

  await t.test('until the configuration says something newer', async (t) => {
    const [blue] = config().networks
    const ports = [port('r1'), port('r2', { mac: mac(3) })]
    daemon.configure(config({ networks: [{ ...blue, ports }] }))
    t.equal((await daemon.cli('reload')).code, 0)
    t.same(await macs(daemon), [`${mac(3)} local r2`])
  })
})

t.test(
  'a MAC that must not move is announced so, and moves when the word is taken back',
  async (t) => {
    const networks = (sticky: boolean) => [
      { name: 'blue', vni: 10100, ports: [port('r1', { mac: mac(1), sticky })] },
    ]
    const daemon = new Daemon(t, config({ networks: networks(true) }))
    await daemon.start()
    const said = async (): Promise<boolean> =>
      JSON.stringify(await daemon.get<RouteView[]>('routes')).includes('mm:0,sticky')
    const row = async () => (await daemon.get<MacView[]>('macs'))[0]
    t.match(await row(), { mac: mac(1), kind: 'local', sticky: true })
    t.ok(await said())
    daemon.configure(config({ networks: networks(false) }))
    t.equal((await daemon.cli('reload')).code, 0)
    t.match(await row(), { mac: mac(1), kind: 'local', sticky: false })
    t.notOk(await said())
  },
)

t.test('a host may arrive before its port is there', async (t) => {
  const late = { name: 'vt-late', kind: 'netdev', wait: true }
  const [blue] = config().networks
  const daemon = new Daemon(t, config({ networks: [{ ...blue, ports: [late] }] }))
  await daemon.start()
  const { json } = await daemon.http('POST', '/v1/ports/vt-late/move', { mac: mac(1) })
  t.match(json, { mac: mac(1), sequence: null })
  t.same(await macs(daemon), [], 'nothing is announced that can not be reached')
  daemon.configure(config({ networks: [{ ...blue, ports: [port('vt-late')] }] }))
  t.equal((await daemon.cli('reload')).code, 0)
  t.same(await macs(daemon), [`${mac(1)} local vt-late`], 'until the port is there')
})

t.test('what can not be meant', async (t) => {
  const daemon = new Daemon(t, config())
  await daemon.start()
  const before = await macs(daemon)
  const refused = async (words: readonly string[], text: string) => {
    const { code, stderr } = await daemon.cli(...words)
    t.equal(code, 1, words.join(' '))
    t.match(stderr, text)
  }
  await refused(['port', 'move', 'r9'], 'port: expected one of r1, r2, got "r9"')
  await refused(
    ['port', 'move', 'r2'],
    'mac: expected the MAC that has moved, as the port has none, got nothing',
  )
  await refused(['port', 'move', 'r2', '--mac', 'x'], 'mac: expected six octets like')
  await refused(
    ['port', 'move', 'r2', '--mac', mac(2), '--ip', '224.0.0.1'],
    'ip[0]: expected a unicast IPv4 or IPv6 address, got "224.0.0.1"',
  )
  await refused(
    ['duplicate', 'clear', mac(1)],
    `duplicate: expected a known duplicate, but there is none, got "${mac(1)}"`,
  )
  t.same(await macs(daemon), before)
})

t.test('what the platform says is never taken for a fight', async (t) => {
  const daemon = new Daemon(t, config({ duplicateDetection: { moves: 2, seconds: 60 } }))
  await daemon.start()
  for (const n of [1, 2, 1, 2, 1, 2]) {
    const host = { mac: mac(n), ip: ['10.1.0.9'] }
    t.equal((await daemon.http('POST', `/v1/ports/r${n}/move`, host)).status, 201)
  }
  t.same(await macs(daemon), [`${mac(1)} local r1`, `${mac(2)} local r2 10.1.0.9`])
  const rounds = async (): Promise<StatusView> => {
    const status = await daemon.get<StatusView>('status')
    return status.audit.rounds > 0 ? status : Promise.reject(new Error('no round yet'))
  }
  t.match(await until('the audit has looked', rounds), { audit: { repaired: 0 }, health: [] })
  const kinds = (await daemon.get<EventView[]>('events')).map(({ kind }) => kind)
  t.equal(kinds.filter((kind) => kind === 'portMoved').length, 6)
})
