// The fast path in the kernel: known unicast goes on while the dataplane's process stands still, and what changes in the
// tables, or is not known unicast, does not.

import t from 'tap'
import type { Operation } from '../../src/fib/dataplane.js'
import { counted, missing, passes, ping, sleep, type Tenant, tcp, until } from '../lab/index.js'
import {
  addTenant,
  behind,
  countsLikeWorker,
  kernelCarries,
  overlay,
  vni,
  warm,
  whileStopped,
} from './overlay.js'

t.setTimeout(150_000)

const skip = missing('fping', 'iperf3', 'tcpdump')

t.test('between hosts and between ports, without the process', { skip }, async (t) => {
  const { hosts } = await overlay(t, [{ uplink: 'raw', workers: 2 }, { uplink: 'raw' }])
  const [a, b] = hosts
  const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24', 'fd01::1/64')
  const y = await addTenant(b, 'y', 'netdev', '10.1.0.2/24', 'fd01::2/64')
  const z = await addTenant(b, 'z', 'netdev', '10.1.0.3/24')
  const macOf = async (tenant: Tenant): Promise<string> => tenant.mac()
  await a.dataplane.apply([
    behind(await macOf(y.tenant), b.host.vtep4),
    behind(await macOf(z.tenant), b.host.vtep4),
  ])
  await b.dataplane.apply([behind(await macOf(x.tenant), a.host.vtep4)])
  for (const to of ['10.1.0.2', 'fd01::2']) {
    await warm(x.tenant, to)
    // ND and ICMPv6 are the workers'; TCP over IPv6 is not.
    if (to.includes('.')) {
      t.ok(await kernelCarries(hosts, x.tenant, to), 'ping without the process')
    }
    await tcp(x.tenant, y.tenant, to)
    const { bitsPerSecond } = await whileStopped(hosts, () => tcp(x.tenant, y.tenant, to))
    t.ok(bitsPerSecond > 100e6, `TCP to ${to}: ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
  }
  await warm(y.tenant, '10.1.0.3')
  t.ok(await kernelCarries(hosts, y.tenant, '10.1.0.3'), 'port to port')

  t.test('counts like a worker', async (t) => {
    await countsLikeWorker(t, a, x, '10.1.0.2')
  })

  t.test('a MAC that moves takes its frames along at once', async (t) => {
    await warm(x.tenant, '10.1.0.2')
    // IPv4 inside: floods still go there.
    const pinged = `udp dst port 4789 and dst ${b.host.vtep4} and ether[62:2] = 0x0800`
    const wire = await counted(b.host, 'eth0', pinged, async () => {
      await a.dataplane.apply([behind(await macOf(y.tenant), '10.255.0.77')])
      t.notOk(await passes(x.tenant, '10.1.0.2'), 'nobody is there')
    })
    t.same(wire, [], 'nothing went to the old VTEP')
    await a.dataplane.apply([behind(await macOf(y.tenant), b.host.vtep4)])
    await warm(x.tenant, '10.1.0.2')
    t.ok(await kernelCarries(hosts, x.tenant, '10.1.0.2'), 'and back')
  })

  t.test('what the programs remember is void at once', async (t) => {
    const mac = await macOf(y.tenant)
    const arrive = async (): Promise<number> => {
      const before = await y.tenant.counters('eth0')
      await sleep(0.3)
      return (await y.tenant.counters('eth0')).rxPackets - before.rxPackets
    }
    for (const [what, away, back] of [
      [
        'the MAC has moved',
        () => a.dataplane.apply([behind(mac, '10.255.0.77')]),
        () => a.dataplane.apply([behind(mac, b.host.vtep4)]),
      ],
      [
        'its port is detached',
        () => b.dataplane.apply([{ op: 'portAttach', port: y.port, vni: 0 }]),
        () => b.dataplane.apply([{ op: 'portAttach', port: y.port, vni }]),
      ],
      [
        'the sender is detached',
        () => a.dataplane.apply([{ op: 'portAttach', port: x.port, vni: 0 }]),
        () => a.dataplane.apply([{ op: 'portAttach', port: x.port, vni }]),
      ],
    ] as const) {
      await warm(x.tenant, '10.1.0.2')
      const pinging = ping(x.tenant, '10.1.0.2', { count: 300, intervalSeconds: 0.003 })
      await sleep(0.1)
      t.ok((await arrive()) > 20, `${what}: before`)
      await away()
      t.ok((await arrive()) < 10, `${what}: nothing comes any more`)
      await pinging
      await back()
    }
    await warm(x.tenant, '10.1.0.2')
  })

  t.test('a VTEP that nobody names any more is not heard', async (t) => {
    const mac = await macOf(x.tenant)
    await b.dataplane.apply([
      { op: 'macRemove', vni, mac, origin: 'remote' },
      { op: 'floodRemove', vni, remote: a.host.vtep4 },
    ])
    const before = b.dataplane.counters().drops['unknown_vtep'] ?? 0
    t.notOk(await passes(x.tenant, '10.1.0.2'))
    t.ok((b.dataplane.counters().drops['unknown_vtep'] ?? 0) - before >= 3, 'dropped by name')
    await b.dataplane.apply([
      behind(mac, a.host.vtep4),
      { op: 'floodAdd', vni, remote: a.host.vtep4 },
    ])
    await warm(x.tenant, '10.1.0.2')
  })

  t.test('a detached port is out', async (t) => {
    await b.dataplane.apply([{ op: 'portAttach', port: y.port, vni: 0 }])
    t.notOk(await passes(x.tenant, '10.1.0.2'))
    await b.dataplane.apply([{ op: 'portAttach', port: y.port, vni }])
    await warm(x.tenant, '10.1.0.2')
    t.ok(await kernelCarries(hosts, x.tenant, '10.1.0.2'), 'and back')
  })

  t.test('what is too large is dropped by name', async (t) => {
    const drops = (): number => a.dataplane.counters().drops['exceeds_mtu'] ?? 0
    const before = drops()
    await a.host.ip('link set eth0 mtu 1500')
    await until('the path is known to be narrower', async () => {
      await ping(x.tenant, '10.1.0.2', { sizeBytes: 1472, whole: true })
      return drops() > before
    })
    t.ok(await passes(x.tenant, '10.1.0.2'), 'small ones go on')
    await a.host.ip('link set eth0 mtu 1600')
    await until('the path is wide again', async () => {
      const { received } = await ping(x.tenant, '10.1.0.2', { sizeBytes: 1472, whole: true })
      return received === 1
    })
  })

  t.test('a tenant that routes passes on what came through a tunnel', async (t) => {
    // From x by y to z: the kernel still takes what y sends on for a tunnel's packet, and a second header can not be
    // put on it there.
    await y.tenant.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.all.send_redirects': 0 })
    await y.tenant.ip('addr add 10.2.0.2/24 dev eth0')
    await x.tenant.ip('route add 10.2.0.0/24 via 10.1.0.2', 'addr add 10.3.0.1/32 dev lo')
    const w = await addTenant(a, 'w', 'netdev', '10.2.0.4/24')
    await w.tenant.ip('route add default via 10.2.0.2')
    await b.dataplane.apply([behind(await macOf(w.tenant), a.host.vtep4)])
    await a.dataplane.apply([behind(await macOf(y.tenant), b.host.vtep4)])
    await warm(x.tenant, '10.2.0.4')
    t.ok(await passes(x.tenant, '10.2.0.4'))
    const { bitsPerSecond } = await tcp(x.tenant, w.tenant, '10.2.0.4')
    t.ok(bitsPerSecond > 50e6, `TCP ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
  })

  t.test('a VLAN of the tenant goes through the workers', async (t) => {
    const tagged = await x.tenant.attempt([
      'ip',
      'link',
      'add',
      'link',
      'eth0',
      'name',
      'tag',
      'type',
      'vlan',
      'id',
      '7',
    ])
    if (tagged.code !== 0) return t.comment('no VLAN devices on this kernel')
    await x.tenant.ip('addr add 10.7.0.1/24 dev tag', 'link set tag up')
    await y.tenant.ip(
      'link add link eth0 name tag type vlan id 7',
      'addr add 10.7.0.2/24 dev tag',
      'link set tag up',
    )
    await warm(x.tenant, '10.7.0.2')
    t.ok(await passes(x.tenant, '10.7.0.2'))
  })
})

t.test(
  'a MAC that only the kernel sees does not age, and ages when it is silent',
  { skip },
  async (t) => {
    const { hosts } = await overlay(t, [{ uplink: 'raw' }, { uplink: 'raw' }])
    const [a, b] = hosts
    const aging: Operation = {
      op: 'networkSet',
      vni,
      suppress: true,
      agingSeconds: 3,
      stormFramesPerSecond: 0,
      stormBurst: 0,
    }
    await a.dataplane.apply([aging])
    const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24')
    const y = await addTenant(b, 'y', 'netdev', '10.1.0.2/24')
    await a.dataplane.apply([behind(await y.tenant.mac(), b.host.vtep4)])
    await b.dataplane.apply([behind(await x.tenant.mac(), a.host.vtep4)])
    await warm(x.tenant, '10.1.0.2')
    const mac = await x.tenant.mac()
    const known = (): boolean =>
      a.dataplane.table('macs').some((row) => row.mac === mac && row.origin === 'local')
    // No ARP meanwhile: only what goes the fast path.
    const [ipX, ipY] = ['10.1.0.1', '10.1.0.2']
    await x.tenant.ip(`neigh replace ${ipY} lladdr ${await y.tenant.mac()} dev eth0 nud permanent`)
    await y.tenant.ip(`neigh replace ${ipX} lladdr ${mac} dev eth0 nud permanent`)
    const { received } = await ping(x.tenant, ipY, { count: 60, intervalSeconds: 0.1 })
    t.ok(received > 50, `${received} of 60`)
    t.ok(known(), 'after six seconds')
    await until('the silent MAC ages', () => !known(), { seconds: 15 })
  },
)
