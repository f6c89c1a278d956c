// VRFs and gateways at run time: added, kept over a restart and over kill -9, reloaded, refused where they would leave
// something behind.

import t from 'tap'
import type { NetworkView, PrefixView, StatusView, VrfView } from '../../src/host/views/index.js'
import { until } from '../lab/index.js'
import { Daemon, freePort } from './daemon.js'

t.setTimeout(120_000)

const config = (more: object = {}) => ({
  asn: 65000,
  vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
  ...more,
})
const host = { mac: '02:00:00:00:00:01', ip: ['10.1.0.5', '2001:db8:1::5'] }
const blue = {
  name: 'blue',
  vni: 10100,
  vrf: 'red',
  gateway: ['10.1.0.1/24', '2001:db8:1::1/64'],
  ports: [{ name: 'r1', kind: 'ring', ...host }],
}
const red = { name: 'red', vni: 50001 }

const prefixes = async (daemon: Daemon): Promise<string[]> => {
  const rows = await daemon.get<PrefixView[]>('prefixes')
  return rows
    .map(({ vrf, prefix, kind, network }) => `${vrf} ${prefix} ${kind} ${network ?? ''}`)
    .sort()
}

t.test('added and removed while it runs', async (t) => {
  const daemon = new Daemon(t, config())
  await daemon.start()
  const ok = async (...words: string[]): Promise<void> => {
    const { code, stderr } = await daemon.cli(...words)
    t.equal(code, 0, `vtep ${words.join(' ')} ${stderr}`)
  }
  const refused = async (expected: RegExp, ...words: string[]): Promise<void> => {
    const { code, stderr } = await daemon.cli(...words)
    t.equal(code, 1, `vtep ${words.join(' ')}`)
    t.match(stderr, expected)
  }
  const network = ['network', 'add', 'green', '--vni', '10200', '--gateway', '10.2.0.1/24']
  await refused(
    /^vtep: vrf: expected a VRF of `vrfs`, but there is none, got grey\n$/,
    ...network,
    '--vrf',
    'grey',
  )
  await ok('vrf', 'add', 'red', '--vni', '50001')
  await refused(/^vtep: vrf: expected one of red, got grey\n$/, ...network, '--vrf', 'grey')
  await refused(
    /^vtep: VRF: expected a VRF that is not there yet, got "red"\n$/,
    'vrf',
    'add',
    'red',
    '--vni',
    '5',
  )
  await ok(...network, '--vrf', 'red')
  const check = async (): Promise<void> => {
    t.match(await daemon.get<VrfView[]>('vrfs'), [
      {
        name: 'red',
        vni: 50001,
        rd: '127.0.0.1:50001',
        routeTargets: { import: ['*:50001'], export: ['65000:50001'] },
        routerMac: '02:76:7f:00:00:01',
        networks: ['green'],
        source: 'added',
      },
    ])
    t.match(await daemon.get<NetworkView[]>('networks'), [{ vrf: 'red', gateway: ['10.2.0.1/24'] }])
    t.same(await prefixes(daemon), ['red 10.2.0.0/24 connected green', 'red 10.2.0.1/32 own '])
    const { text: metrics } = await daemon.http('GET', '/metrics')
    t.match(metrics, /^vtep_vrf_prefixes\{vrf="red"\} 2$/m)
    t.match(metrics, /^vtep_vrf_paths\{vrf="red"\} 2$/m)
  }
  await check()
  t.equal(await daemon.stop(), 0)
  await daemon.start()
  await check()
  await refused(
    /^vtep: VRF: expected a VRF that no network is in, got "red", with green\n$/,
    'vrf',
    'remove',
    'red',
  )
  await ok('network', 'remove', 'green')
  await ok('vrf', 'remove', 'red')
  t.same(await daemon.get<VrfView[]>('vrfs'), [])
  t.same((await daemon.get<StatusView>('status')).health, [])
})

t.test('adopted after kill -9, and changed by a reload', async (t) => {
  const settings = config({ vrfs: [red], networks: [blue] })
  const daemon = new Daemon(t, settings)
  await daemon.start()
  const whole = [
    'red 10.1.0.0/24 connected blue',
    'red 10.1.0.1/32 own ',
    'red 2001:db8:1::/64 connected blue',
    'red 2001:db8:1::1/128 own ',
    'red fe80::76:74ff:fe65:7001/128 own ',
  ]
  t.same(await prefixes(daemon), whole.sort())
  const dataplane = daemon.dataplanePid()
  daemon.signal('SIGKILL')
  t.equal(await daemon.ended(), 'SIGKILL')
  await daemon.start()
  t.equal(daemon.dataplanePid(), dataplane, 'the same packet path')
  t.same(await prefixes(daemon), whole)
  const { audit } = await daemon.get<StatusView>('status')
  t.equal(audit.repaired, 0, 'which needed no repair')

  const moved = { ...blue, gateway: ['10.1.0.254/24'] }
  daemon.configure({ ...settings, vrfs: [{ ...red, vni: 50002 }], networks: [moved] })
  t.equal((await daemon.cli('reload')).code, 0)
  await until('the VRF has its other VNI', async () => {
    return (await daemon.get<VrfView[]>('vrfs')).every(({ vni }) => vni === 50002)
  })
  t.same(await prefixes(daemon), ['red 10.1.0.0/24 connected blue', 'red 10.1.0.254/32 own '])
  const routes = await daemon.get<{ type: number; prefix?: string; label: number }[]>('routes')
  t.match(
    routes.filter(({ type }) => type === 5),
    [{ prefix: '10.1.0.0/24', label: 50002 }],
  )
  t.same((await daemon.get<StatusView>('status')).health, [])
})
