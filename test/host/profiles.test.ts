// Route targets and distinguishers of a running host: the fabric's profile, a network's own, a change, a restart.

import t from 'tap'
import type { EventView, NetworkView, RouteView } from '../../src/host/views/index.js'
import { until } from '../lab/index.js'
import { Daemon, freePort } from './daemon.js'

t.setTimeout(100_000)

const vtep = { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() }
const ports = [{ name: 'r1', kind: 'ring', mac: '02:00:00:00:00:01', ip: ['10.1.0.5'] }]
const networks = [
  { name: 'blue', vni: 10100, ports },
  { name: 'red', vni: 100_000, profile: 'nxos' },
]

const identities = async (daemon: Daemon): Promise<object> =>
  Object.fromEntries(
    (await daemon.get<NetworkView[]>('networks')).map(({ name, rd, routeTargets }) => [
      name,
      [rd, ...routeTargets.export, ...routeTargets.import],
    ]),
  )

const routes = async (daemon: Daemon): Promise<string[]> =>
  (await daemon.get<RouteView[]>('routes'))
    .filter(({ type }) => type !== 'rtc')
    .map(({ type, rd, mac = '', ip = '', routeTargets }) =>
      [type, rd, mac, ip, ...routeTargets].join(' '),
    )
    .sort()

t.test('a change of the profile announces the same routes with other targets', async (t) => {
  const daemon = new Daemon(t, { asn: 4200800212, vtep, networks })
  await daemon.start()
  const red = ['127.0.0.1:65535', '23456:100000', '*:100000']
  t.same(await identities(daemon), { blue: ['127.0.0.1:10100', '8148:10100', '*:10100'], red })

  const become = async (more: object): Promise<void> => {
    daemon.configure({ asn: 4200800212, vtep, networks, ...more })
    const { code, stderr } = await daemon.cli('reload')
    t.equal(code, 0, stderr)
  }
  await become({ profile: 'rfc8365', routeTargetAsn: 65000 })
  t.same(await identities(daemon), {
    blue: ['127.0.0.1:10100', '65000:268445556', '*:268445556'],
    red: ['127.0.0.1:65535', '65000:100000', '*:100000'],
  })
  t.same(await routes(daemon), [
    '2 127.0.0.1:10100 02:00:00:00:00:01  65000:268445556',
    '2 127.0.0.1:10100 02:00:00:00:00:01 10.1.0.5 65000:268445556',
    '3 127.0.0.1:10100   65000:268445556',
    '3 127.0.0.1:65535   65000:100000',
  ])

  daemon.configure({ asn: 4200800212, vtep, networks, profile: 'cisco' })
  daemon.signal('SIGHUP')
  const refused = await until('refused', async () =>
    (await daemon.get<EventView[]>('events')).find(({ kind }) => kind === 'reloadRefused'),
  )
  t.match(refused.text, 'profile: expected frr, arista, nxos, junos or rfc8365, got "cisco"')
  await become({ profile: 'arista' })
  t.same(await identities(daemon), {
    blue: ['127.0.0.1:10100', '4200800212:10100', '*:10100'],
    red,
  })

  const marked = async (): Promise<boolean[]> =>
    (await daemon.get<RouteView[]>('routes'))
      .filter(({ type }) => type === 2 || type === 3)
      .map(({ attributes }) => JSON.stringify(attributes).includes('soo:65000:7'))
  t.same(await marked(), [false, false, false, false])
  await become({ profile: 'arista', siteOfOrigin: '65000:7' })
  t.same(await marked(), [true, true, true, true], 'a site of origin')
})

t.test('route distinguishers are the same after a restart, whatever came before', async (t) => {
  const daemon = new Daemon(t, { asn: 65000, vtep, networks })
  await daemon.start()
  const before = await identities(daemon)
  await daemon.stop()
  // Another order, and one more network that would have taken the number.
  const more = [{ name: 'green', vni: 200_000 }, ...networks.toReversed()]
  daemon.configure({ asn: 65000, vtep, networks: more })
  await daemon.start()
  const after = (await identities(daemon)) as Record<string, string[]>
  t.equal(after['green']?.[0], '127.0.0.1:65534')
  t.match(after, before)
})

t.test('another distinguisher withdraws the old routes', async (t) => {
  const own = [{ ...networks[0], routeDistinguisher: '127.0.0.1:7' }]
  const daemon = new Daemon(t, { asn: 65000, vtep, networks: [networks[0]] })
  await daemon.start()
  daemon.configure({ asn: 65000, vtep, networks: own })
  t.equal((await daemon.cli('reload')).code, 0)
  t.same(await routes(daemon), [
    '2 127.0.0.1:7 02:00:00:00:00:01  65000:10100',
    '2 127.0.0.1:7 02:00:00:00:00:01 10.1.0.5 65000:10100',
    '3 127.0.0.1:7   65000:10100',
  ])
})
