// Reflectors between leaves: GoBGP, FRR and we reflect for us; we reflect for FRR.

import { test } from 'tap'
import {
  type Host,
  missing,
  type RoutedFabric,
  reaches,
  routedFabric,
  startFrr,
  startGobgp,
  startVtep,
  tcp,
  until,
} from '../lab/index.js'
import { ipOf, leaf, macOf, reflector, tenantOptions, vni } from './support.js'

const asn = 65000
const clientsOf = (hosts: readonly Host[]): { address: string; asn: number; client: true }[] =>
  hosts.map((host) => ({ address: host.vtep4, asn, client: true }))

const reflectors = {
  async GoBGP({ spine, hosts }: RoutedFabric): Promise<void> {
    await startGobgp(spine, { asn, peers: clientsOf(hosts) })
  },
  async FRR({ spine, hosts }: RoutedFabric): Promise<void> {
    await startFrr(spine, { asn, peers: clientsOf(hosts), role: 'reflector' })
  },
  async vtep({ spine, hosts }: RoutedFabric): Promise<void> {
    await startVtep(spine, reflector(spine, asn, clientsOf(hosts)))
  },
}

const needs = { GoBGP: ['gobgpd', 'gobgp'], FRR: ['vtysh', 'bgpd'], vtep: [] }

for (const name of ['GoBGP', 'FRR', 'vtep'] as const) {
  test(`${name} reflects between two of us`, {
    skip: missing('iperf3', ...needs[name]),
  }, async (t) => {
    const fabric = await routedFabric(t)
    const { spine, hosts } = fabric
    const [h1, h2] = [hosts[0]!, hosts[1]!]
    const vm1 = await h1.tenant('vm1', tenantOptions(1))
    const vm2 = await h2.tenant('vm2', tenantOptions(2))
    await reflectors[name](fabric)
    const peers = [{ address: spine.vtep4, asn }]
    const v1 = await startVtep(h1, leaf(h1, { peers, ports: ['vm1'] }))
    const v2 = await startVtep(h2, leaf(h2, { peers, ports: ['vm2'] }))
    await v1.established()
    await v2.established()
    await reaches(vm1, ipOf(2), 20)
    t.match(await v1.learned(macOf(2), { kind: 'remote' }), { vni, dst: h2.vtep4 })
    t.match(await v2.learned(macOf(1), { kind: 'remote' }), { vni, dst: h1.vtep4 })
    const routes = await v1.routes()
    const reflected = routes.find((route) => route.type === 2 && route['mac'] === macOf(2))
    t.equal(reflected?.nextHop, h2.vtep4, 'the next hop is the leaf, not the reflector')
    t.equal(reflected?.peer, spine.vtep4)
    t.notOk(
      routes.some((route) => route.nextHop === h1.vtep4 && route.peer === spine.vtep4),
      'our own routes do not come back',
    )
    const { bitsPerSecond } = await tcp(vm1, vm2, ipOf(2))
    t.ok(bitsPerSecond > 100e6, `TCP: ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
    await vm2.ip('link set eth0 down')
    await v1.forgot(macOf(2))
  })
}

test('we reflect between two FRR leaves', { skip: missing('vtysh', 'bgpd') }, async (t) => {
  const { spine, hosts } = await routedFabric(t)
  const vtep = await startVtep(spine, reflector(spine, asn, clientsOf(hosts)))
  const leaves = []
  for (const [index, host] of hosts.entries()) {
    const kernel = await host.kernelVtep(vni)
    const n = index + 1
    const vm = await host.tenant(`vm${n}`, { ...tenantOptions(n), bridge: kernel.bridge })
    const frr = await startFrr(host, { asn, peers: [{ address: spine.vtep4, asn }] })
    leaves.push({ host, kernel, vm, frr })
  }
  await vtep.established()
  const [a, b] = [leaves[0]!, leaves[1]!]
  await reaches(a.vm, ipOf(2), 20)
  t.equal(await until('type 2 at a', () => a.kernel.remoteOf(macOf(2))), b.host.vtep4)
  t.equal(await until('type 2 at b', () => b.kernel.remoteOf(macOf(1))), a.host.vtep4)
  const own = (await a.frr.paths()).find(({ prefix }) => prefix === `[2]:[0]:[48]:[${macOf(2)}]`)
  t.match(own?.path['originatorId'], b.host.vtep4, 'ORIGINATOR_ID is the leaf')
  t.match(own?.path['clusterList'], { list: [spine.vtep4] })
  await b.host.ip('link set vm2 nomaster')
  await until('withdrawn at a', async () => !(await a.kernel.remoteOf(macOf(2))))
})

test('we reflect for FRR, GoBGP and one of us at once', {
  skip: missing('vtysh', 'bgpd', 'gobgpd', 'gobgp'),
}, async (t) => {
  const { spine, hosts } = await routedFabric(t, { hosts: 3 })
  const [h1, h2, h3] = [hosts[0]!, hosts[1]!, hosts[2]!]
  const reflecting = await startVtep(spine, reflector(spine, asn, clientsOf(hosts)))
  const peers = [{ address: spine.vtep4, asn }]
  const kernel = await h1.kernelVtep(vni)
  const vm1 = await h1.tenant('vm1', { ...tenantOptions(1), bridge: kernel.bridge })
  const frr = await startFrr(h1, { asn, peers })
  const gobgp = await startGobgp(h2, { asn, peers })
  const vm3 = await h3.tenant('vm3', tenantOptions(3))
  const leafed = await startVtep(h3, leaf(h3, { peers, ports: ['vm3'] }))
  await reflecting.established()
  await leafed.established()
  const words = [
    ...['macadv', macOf(2), '0.0.0.0', 'etag', '0', 'label', `${vni}`],
    ...['rd', `${h2.vtep4}:2`, 'rt', `${asn}:${vni}`, 'encap', 'vxlan'],
  ]
  await gobgp.add(...words)
  await reaches(vm1, ipOf(3), 20)
  await reaches(vm3, ipOf(1))

  t.equal(await until('FRR has the MAC of GoBGP', () => kernel.remoteOf(macOf(2))), h2.vtep4)
  t.equal(await until('FRR has ours', () => kernel.remoteOf(macOf(3))), h3.vtep4)
  t.match(await leafed.learned(macOf(2)), { dst: h2.vtep4 })
  t.match(await leafed.learned(macOf(1)), { dst: h1.vtep4 })
  for (const [n, host] of [
    [1, h1],
    [3, h3],
  ] as const) {
    const line = await until(`GoBGP has the MAC of ${host.name}`, async () =>
      (await gobgp.rib()).split('\n').find((one) => one.includes(macOf(n))),
    )
    t.match(line, host.vtep4, 'by its own next hop')
  }
  const paths = await frr.paths()
  const reflected = paths.find(({ prefix }) => prefix === `[2]:[0]:[48]:[${macOf(2)}]`)
  t.match(reflected?.path['originatorId'], h2.vtep4)

  await gobgp.remove(...words)
  await leafed.forgot(macOf(2))
  await until('FRR has it no more', async () => !(await kernel.remoteOf(macOf(2))))
  await h1.ip('link set vm1 nomaster')
  await leafed.forgot(macOf(1))
  await until('nor has GoBGP that of FRR', async () => !(await gobgp.rib()).includes(macOf(1)))
})

test('each of us gets the routes of its networks alone (RFC 4684)', {
  skip: missing(),
}, async (t) => {
  const { spine, hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  await startVtep(spine, reflector(spine, asn, clientsOf(hosts)))
  const peers = [{ address: spine.vtep4, asn }]
  const red = { name: 'red', vni: 10200, routeTargets: targetsOf('65000:10200') }
  const config = leaf(h1, { peers, routeTarget: '65000:10100' })
  const v1 = await startVtep(h1, { ...config, networks: [...config.networks!, red] })
  const v2 = await startVtep(h2, leaf(h2, { peers, routeTarget: '65000:10100' }))
  const rowsOf = async (): Promise<number[]> =>
    (await v2.routes('--type', '3')).flatMap(({ peer, label }) =>
      peer === 'local' ? [] : [Number(label)],
    )
  await until('blue arrives', async () => (await rowsOf()).includes(10100))
  t.same(await rowsOf(), [10100], 'and red stays where it is wanted')
  const asked = (await v2.routes('--family', 'rtc')).map(({ target }) => target)
  t.same(asked.sort(), ['every', 'rt:65000:10100'], 'what was asked for can be seen')
  await v2.cli(...'network add red --vni 10200'.split(' '))
  await until('a network that imports by its VNI alone asks for all', async () =>
    (await rowsOf()).includes(10200),
  )
  await v2.cli('network', 'remove', 'red')
  await until(
    'and is not told any more when it goes',
    async () => !(await rowsOf()).includes(10200),
  )
  t.ok(v1.service.running)
})

const targetsOf = (target: string) => ({ import: [target], export: [target] })
