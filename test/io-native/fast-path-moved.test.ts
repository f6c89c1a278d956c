// The fast path of taps that were moved into a tenant's network namespace: by a veth between there and a namespace of ours.

import t from 'tap'
import { PortFlag } from '../../src/fib/tables.gen.js'
import { missing, passes, run, sendFrames, sleep, type Tenant, tcp, until } from '../lab/index.js'
import {
  addTenant,
  behind,
  countsLikeWorker,
  type DataplaneHost,
  kernelCarries,
  overlay,
  vni,
  warm,
  whileStopped,
} from './overlay.js'

t.setTimeout(150_000)

const skip = missing('fping', 'iperf3', 'python3')

const octets = (mac: string): number[] => mac.split(':').map((part) => Number.parseInt(part, 16))

/** Interfaces of ours that the tenant sees, but for its own. */
const crossings = async (tenant: Tenant): Promise<string[]> =>
  (await run(['ip', '-n', tenant.netns, '-o', 'link'])).match(/vtep-tap\d+/g) ?? []

const isFast = ({ dataplane }: DataplaneHost, port: number): boolean =>
  dataplane.table('ports').some((row) => row.id === port && (row.flags & PortFlag.fastPath) !== 0)

t.test('between namespaces', { skip }, async (t) => {
  const { hosts } = await overlay(t, [{ uplink: 'raw', workers: 2 }, { uplink: 'raw' }])
  const [a, b] = hosts
  const x = await addTenant(a, 'x', 'tap', '10.1.0.1/24', 'fd01::1/64')
  const y = await addTenant(b, 'y', 'tap', '10.1.0.2/24', 'fd01::2/64')
  const z = await addTenant(b, 'z', 'netdev', '10.1.0.3/24', 'fd01::3/64')
  const w = await addTenant(a, 'w', 'tap', '10.1.0.4/24', 'fd01::4/64')
  const macs = async (...tenants: Tenant[]): Promise<string[]> =>
    Promise.all(tenants.map((tenant) => tenant.mac()))
  await a.dataplane.apply((await macs(y.tenant, z.tenant)).map((mac) => behind(mac, b.host.vtep4)))
  await b.dataplane.apply((await macs(x.tenant, w.tenant)).map((mac) => behind(mac, a.host.vtep4)))
  await until(
    'they are on the fast path',
    () => [x.port, w.port].every((port) => isFast(a, port)) && isFast(b, y.port),
  )

  for (const [what, from, to, addresses] of [
    ['tap to tap', x.tenant, y.tenant, ['10.1.0.2', 'fd01::2']],
    ['tap to netdev port', x.tenant, z.tenant, ['10.1.0.3', 'fd01::3']],
    ['netdev port to tap', z.tenant, x.tenant, ['10.1.0.1', 'fd01::1']],
    ['taps of one host', x.tenant, w.tenant, ['10.1.0.4', 'fd01::4']],
    ['netdev port and tap of one host', z.tenant, y.tenant, ['10.1.0.2', 'fd01::2']],
  ] as const) {
    for (const address of addresses) {
      await warm(from, address)
      if (address === addresses[0]) t.ok(await kernelCarries(hosts, from, address), `${what}: ping`)
      await tcp(from, to, address)
      const { bitsPerSecond } = await whileStopped(hosts, () => tcp(from, to, address))
      const rate = Math.round(bitsPerSecond / 1e6)
      t.ok(rate > 100, `${what}: TCP to ${address} without us, ${rate} Mbit/s`)
    }
  }

  t.test('counts like a worker', async (t) => {
    await warm(x.tenant, '10.1.0.2')
    await countsLikeWorker(t, a, x, '10.1.0.2')
  })

  t.test('a tenant gains nothing by its end of the veth', async (t) => {
    const [end] = await crossings(x.tenant)
    const [mine, theirs] = (await macs(x.tenant, y.tenant)) as [string, string]
    const stale = async (): Promise<number> => {
      await sleep(1.2)
      return a.dataplane.counters().drops['decision_stale'] ?? 0
    }
    const udp = [
      0x08,
      0x00,
      0x45,
      0,
      0,
      46,
      0,
      0,
      0,
      0,
      64,
      17,
      0x66,
      0xbb,
      10,
      1,
      0,
      1,
      10,
      1,
      0,
      2,
      0x30,
      0x39,
      0x30,
      0x39,
      0,
      26,
      0,
      0,
      ...new Array<number>(18).fill(0),
    ]
    const [before, arrived] = [await stale(), (await y.tenant.traffic()).rxPackets]
    const frames = (from: string, to: string) =>
      new Array(20).fill([...octets(to), ...octets(from), ...udp]) as number[][]
    await sendFrames(x.tenant, end!, frames('02:00:00:00:00:99', theirs))
    await sendFrames(x.tenant, end!, frames(mine, 'ff:ff:ff:ff:ff:ff'))
    t.equal((await stale()) - before, 40, "not in another's name, and nothing but known unicast")
    t.ok((await y.tenant.traffic()).rxPackets - arrived < 10, 'none of it has arrived')
  })

  t.test('a tenant that routes passes on what came through a tunnel', async (t) => {
    await y.tenant.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.all.send_redirects': 0 })
    await y.tenant.ip('addr add 10.2.0.2/24 dev eth0')
    await x.tenant.ip('route add 10.2.0.0/24 via 10.1.0.2')
    await w.tenant.ip('addr add 10.2.0.4/24 dev eth0', 'route add 10.1.0.1/32 via 10.2.0.2')
    await warm(x.tenant, '10.2.0.4')
    t.ok(await passes(x.tenant, '10.2.0.4'))
    const { bitsPerSecond } = await tcp(x.tenant, w.tenant, '10.2.0.4')
    t.ok(bitsPerSecond > 50e6, `TCP ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
  })

  t.test('in a bridge there, or without the veth, the workers serve it', async (t) => {
    t.equal((await crossings(y.tenant)).length, 1)
    await y.tenant.ip('link add br0 type bridge', 'link set br0 addrgenmode none up')
    await y.tenant.ip('addr flush dev eth0', 'link set eth0 master br0')
    await y.tenant.ip(
      `link set br0 address ${await y.tenant.mac()}`,
      'addr add 10.1.0.2/24 dev br0',
    )
    await until('it has left', () => !isFast(b, y.port))
    t.same(await crossings(y.tenant), [], 'and left nothing behind')
    await warm(x.tenant, '10.1.0.2')
    t.ok(await passes(x.tenant, '10.1.0.2'))
    t.notOk(await kernelCarries([b], x.tenant, '10.1.0.2'), 'the workers alone')
    await y.tenant.ip('link set eth0 nomaster', 'link del br0', 'addr add 10.1.0.2/24 dev eth0')
    await until('it is back', () => isFast(b, y.port))
    await warm(x.tenant, '10.1.0.2')
    t.ok(await kernelCarries(hosts, x.tenant, '10.1.0.2'), 'by the fast path')

    await y.tenant.ip(`link del ${(await crossings(y.tenant))[0]!}`)
    await until('it has left again', () => !isFast(b, y.port))
    await warm(x.tenant, '10.1.0.2')
    t.ok(await passes(x.tenant, '10.1.0.2'), 'the veth is gone')
  })

  t.test('at home again', async (t) => {
    t.equal((await crossings(w.tenant)).length, 1)
    await w.tenant.ip(`link set eth0 down`, `link set eth0 name w netns ${a.host.netns}`)
    await a.host.ip('link set w up')
    await until('nothing is left in the namespace', async () => {
      return (await crossings(w.tenant)).length === 0 && isFast(a, w.port)
    })
  })

  t.test('ends with the process', async (t) => {
    t.equal((await crossings(x.tenant)).length, 1)
    a.process.signal('SIGKILL')
    await until(
      'both its ends are gone',
      async () =>
        (await crossings(x.tenant)).length === 0 &&
        !/vtep-in/.test(await run(['ip', '-n', a.host.netns, '-o', 'link'])),
    )
  })
})

t.test('a tap that is opened in a namespace', { skip }, async (t) => {
  const { hosts } = await overlay(t, [{ uplink: 'raw' }, { uplink: 'raw' }])
  const [a, b] = hosts
  const y = await addTenant(b, 'y', 'netdev', '10.1.0.2/24')
  const inside = await a.host.tenant('x', { ip4: '10.9.0.1/24' })
  const port = await a.dataplane.openPort({
    name: 'inner',
    kind: 'tap',
    options: { netns: `/run/netns/${inside.netns}` },
  })
  await a.dataplane.apply([{ op: 'portAttach', port, vni }])
  await inside.ip('addr add 10.1.0.1/24 dev inner')
  const mac = a.dataplane.table('ports').find((row) => row.id === port)!.mac
  await a.dataplane.apply([behind(await y.tenant.mac(), b.host.vtep4)])
  await b.dataplane.apply([behind(mac, a.host.vtep4)])
  t.ok(isFast(a, port), 'is on the fast path at once')
  await warm(inside, '10.1.0.2')
  t.ok(await kernelCarries(hosts, inside, '10.1.0.2'))
  for (const udpPort of [4790, 4789]) {
    await a.dataplane.configure({
      address: a.host.vtep4,
      udpPort,
      uplink: 'raw',
      interfaces: [],
    })
  }
  await warm(inside, '10.1.0.2')
  t.ok(await passes(inside, '10.1.0.2'), 'the uplink is another one')
  t.ok(await kernelCarries(hosts, inside, '10.1.0.2'), 'by the fast path')
  await a.dataplane.closePort(port)
  t.same(await crossings(inside), [], 'nothing is left in the namespace')
})
