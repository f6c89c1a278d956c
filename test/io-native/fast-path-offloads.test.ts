// What the kernel's fast path leaves to a device that does not finish it: the workers get those frames, find out what is
// wrong, and the fast path has them back when it is over.

import t, { type Test } from 'tap'
import { PortFlag, UnderlayFlag } from '../../src/fib/tables.gen.js'
import { missing, ping, plantHarm, reaches, sleep, type Tenant, tcp, until } from '../lab/index.js'
import { addTenant, type DataplaneHost, kernelCarries, overlay } from './overlay.js'

t.setTimeout(120_000)

const skip = missing('fping', 'iperf3', 'tc')
const promisedSeconds = 5

/** Whether the kernel alone forwards. */
async function kernelForwards(
  hosts: readonly DataplaneHost[],
  from: Tenant,
  to: string,
): Promise<boolean> {
  await ping(from, to, { count: 5, intervalSeconds: 0.05 })
  await sleep(0.1)
  return kernelCarries(hosts, from, to)
}

/** TCP runs, after two seconds the harm is done, and `off` says that it was found. */
async function findsHarm(
  t: Test,
  transfer: (seconds: number) => Promise<{ readonly bitsPerSecond: number }>,
  plant: () => Promise<() => Promise<void>>,
  off: () => boolean,
): Promise<() => Promise<void>> {
  const running = Promise.all([transfer(11), transfer(11)])
  await sleep(2)
  const mend = await plant()
  const started = performance.now()
  await until('it is off', off, { seconds: 9, everySeconds: 0.05 })
  const seconds = (performance.now() - started) / 1000
  t.ok(seconds < promisedSeconds, `${seconds.toFixed(1)} s`)
  await running
  const { bitsPerSecond } = await transfer(1)
  t.ok(bitsPerSecond > 50e6, `TCP works again: ${Math.round(bitsPerSecond / 1e6)} Mb/s`)
  return mend
}

t.test('a port', { skip }, async (t) => {
  const { hosts } = await overlay(t, [{ uplink: 'raw' }, { uplink: 'raw' }])
  const [a] = hosts
  const { tenant: x } = await addTenant(a, 'x', 'netdev', '10.1.0.1/24')
  const { tenant: y, port } = await addTenant(a, 'y', 'netdev', '10.1.0.2/24')
  await reaches(x, '10.1.0.2')
  if (!(await kernelForwards([a], x, '10.1.0.2'))) return t.comment('no fast path')
  const flags = (): number => a.dataplane.table('ports').find(({ id }) => id === port)!.flags
  const mend = await findsHarm(
    t,
    (seconds) => tcp(x, y, '10.1.0.2', { seconds }),
    () => plantHarm(y, 'eth0', 'every super-frame'),
    () => (flags() & PortFlag.tsoOff) !== 0,
  )
  t.notOk(await kernelForwards([a], x, '10.1.0.2'), 'the workers have it')
  await mend()
  await until('it is on again', () => (flags() & PortFlag.tsoOff) === 0, { seconds: 20 })
  t.ok(await kernelForwards([a], x, '10.1.0.2'), 'and the kernel')
})

t.test('an underlay interface', { skip }, async (t) => {
  const { fabric, hosts } = await overlay(t, [{ uplink: 'raw' }, { uplink: 'raw' }])
  const [a, b] = hosts
  const { tenant: x } = await addTenant(a, 'x', 'netdev', '10.1.0.1/24')
  const { tenant: y } = await addTenant(b, 'y', 'netdev', '10.1.0.2/24')
  for (const [host, tenant, far] of [
    [a, y, b],
    [b, x, a],
  ] as const)
    await host.dataplane.apply([
      {
        op: 'macSetRemote',
        vni: 10100,
        mac: await tenant.mac(),
        remote: far.host.vtep4,
        sticky: false,
        override: true,
      },
    ])
  await reaches(x, '10.1.0.2')
  if (!(await kernelForwards(hosts, x, '10.1.0.2'))) return t.comment('no fast path')
  const flags = (): number => a.dataplane.table('underlays')[0]!.flags
  const mend = await findsHarm(
    t,
    (seconds) => tcp(x, y, '10.1.0.2', { seconds }),
    () => plantHarm(fabric.spine!, 'h1', 'every super-frame'),
    () => (flags() & UnderlayFlag.tunnelOff) !== 0,
  )
  t.notOk(await kernelForwards(hosts, x, '10.1.0.2'), 'the workers have it')
  await mend()
  await until('it is on again', () => (flags() & UnderlayFlag.tunnelOff) === 0, { seconds: 20 })
  t.ok(await kernelForwards(hosts, x, '10.1.0.2'), 'and the kernel')
})
