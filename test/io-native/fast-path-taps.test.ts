// The fast path of taps: those in the host's own network namespace, where the host's stack or a bridge stands behind them (moved
// ones: fast-path-moved.test.ts).

import t from 'tap'
import { PortFlag } from '../../src/fib/tables.gen.js'
import { missing, tcp } from '../lab/index.js'
import {
  addBridgedTenant,
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

const skip = missing('fping', 'iperf3')

t.test('a tap in a bridge of the host', { skip }, async (t) => {
  const { hosts } = await overlay(t, [{ uplink: 'raw', workers: 2 }, { uplink: 'raw' }])
  const [a, b] = hosts
  const x = await addBridgedTenant(a, 'x', '10.1.0.1/24')
  const y = await addBridgedTenant(b, 'y', '10.1.0.2/24')
  const z = await addTenant(b, 'z', 'netdev', '10.1.0.3/24')
  const flagged = (): boolean =>
    a.dataplane
      .table('ports')
      .some((row) => row.id === x.port && (row.flags & PortFlag.fastPath) !== 0)
  await a.dataplane.apply([
    behind(await y.tenant.mac(), b.host.vtep4),
    behind(await z.tenant.mac(), b.host.vtep4),
  ])
  await b.dataplane.apply([behind(await x.tenant.mac(), a.host.vtep4)])
  t.ok(flagged(), 'says that it goes the fast path')

  for (const [what, to, far] of [
    ['to a tap', '10.1.0.2', y.tenant],
    ['to a netdev port', '10.1.0.3', z.tenant],
  ] as const) {
    await warm(x.tenant, to)
    t.ok(await kernelCarries(hosts, x.tenant, to), `${what}: ping without us`)
    await tcp(x.tenant, far, to)
    for (const [from, at] of [
      [x.tenant, far],
      [far, x.tenant],
    ] as const) {
      const address = at === far ? to : '10.1.0.1'
      const { bitsPerSecond } = await whileStopped(hosts, () => tcp(from, at, address))
      t.ok(bitsPerSecond > 100e6, `${what}: TCP ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
    }
  }
  await warm(y.tenant, '10.1.0.3')
  t.ok(await kernelCarries(hosts, y.tenant, '10.1.0.3'), 'tap to netdev port')
  t.ok(await kernelCarries(hosts, z.tenant, '10.1.0.2'), 'netdev port to tap')

  t.test('counts like a worker', async (t) => {
    await countsLikeWorker(t, a, x, '10.1.0.2')
  })
})

t.test('the host itself behind a tap', { skip }, async (t) => {
  const { hosts } = await overlay(t, [{ uplink: 'raw' }, { uplink: 'raw' }])
  const [a, b] = hosts
  const tap = await a.dataplane.openPort({ name: 'host0', kind: 'tap', options: {} })
  await a.host.ip('addr add 10.1.0.1/24 dev host0')
  const y = await addTenant(b, 'y', 'netdev', '10.1.0.2/24')
  await a.dataplane.apply([
    { op: 'portAttach', port: tap, vni },
    behind(await y.tenant.mac(), b.host.vtep4),
  ])
  const mac = a.dataplane.table('ports').find((row) => row.id === tap)!.mac
  await b.dataplane.apply([behind(mac, a.host.vtep4)])
  await warm(y.tenant, '10.1.0.1')
  t.ok(await kernelCarries(hosts, y.tenant, '10.1.0.1'))
})
