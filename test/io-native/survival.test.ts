// What happens to traffic when the controller dies, and to whom the dataplane listens afterwards.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { NativeDataplane } from '../../src/io/native.js'
import { missing, ping, reaches, routedFabric, tcp, until } from '../lab/index.js'
import { addTenant, overlay, startHost, vni } from './overlay.js'

t.setTimeout(180_000)

const victimScript = fileURLToPath(new URL('./controller-process.js', import.meta.url))

/** A controller in a process of its own that applies operations without pause. Resolves when it has begun. */
function startController(path: string): Promise<{ pid: number; ended: Promise<void> }> {
  const child = spawn(process.execPath, [victimScript, path, String(vni)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return new Promise((resolve, reject) => {
    child.stdout!.once('data', () => resolve({ pid: child.pid!, ended }))
    child.once('exit', (code) => reject(new Error(`controller ended with status ${code}`)))
  })
}

t.test(
  'kill -9 of the controller loses not one frame',
  { skip: missing('fping', 'iperf3'), timeout: 90_000 },
  async (t) => {
    const { hosts } = await overlay(t)
    const [a, b] = hosts
    const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24')
    await addTenant(b, 'y', 'netdev', '10.1.0.2/24')
    await reaches(x.tenant, '10.1.0.2')
    const before = a.dataplane.snapshot()
    await a.dataplane.detach()
    const pings = ping(x.tenant, '10.1.0.2', { count: 400, intervalSeconds: 0.01 })
    let kills = 0
    const end = Date.now() + 3500
    while (Date.now() < end) {
      const victim = await startController(a.path)
      await new Promise((resolve) => setTimeout(resolve, 50 + 37 * (kills % 5)))
      process.kill(victim.pid, 'SIGKILL')
      await victim.ended
      kills++
    }
    const { sent, received } = await pings
    t.equal(received, sent, `${sent} pings while ${kills} controllers were killed`)
    t.ok(kills >= 5)

    const again = NativeDataplane.attach({ controlPath: a.path, role: 'controller' })
    t.teardown(() => again.detach())
    const after = again.snapshot()
    t.same(
      after.ports.map(({ id, name, kind }) => ({ id, name, kind })),
      before.ports.map(({ id, name, kind }) => ({ id, name, kind })),
      'the next controller finds the ports',
    )
    t.same(after.floods, before.floods, 'and the flood list')
    t.ok(
      after.macs.every(({ vni: each }) => each === vni),
      'and no row that was torn',
    )
  },
)

t.test(
  'a second configure with the same spec changes nothing, another one moves the uplink',
  { skip: missing('fping'), timeout: 60_000 },
  async (t) => {
    const { hosts } = await overlay(t, [{ uplink: 'raw' }, { uplink: 'udp' }])
    const [a, b] = hosts
    const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24')
    await addTenant(b, 'y', 'tap', '10.1.0.2/24')
    await reaches(x.tenant, '10.1.0.2')
    const spec = { address: a.host.vtep4, udpPort: 4789, interfaces: [] }
    const pings = ping(x.tenant, '10.1.0.2', { count: 100, intervalSeconds: 0.01 })
    for (let i = 0; i < 20; i++) {
      t.equal((await a.dataplane.configure({ ...spec, uplink: 'raw' })).kind, 'raw')
    }
    const { sent, received } = await pings
    t.equal(received, sent, 'not a frame is lost by adoption')
    t.equal((await a.dataplane.configure({ ...spec, uplink: 'udp' })).kind, 'udp')
    await reaches(x.tenant, '10.1.0.2')
    const chosen = await a.dataplane.configure({ ...spec, uplink: 'auto' })
    t.equal(chosen.kind, 'raw')
    t.not(chosen.reason, '')
    await reaches(x.tenant, '10.1.0.2')

    await t.rejects(
      a.dataplane.configure({ ...spec, address: '10.99.99.99', uplink: 'udp' }),
      { code: 'FAILED', message: /10\.99\.99\.99/ },
      'an address that the host does not have',
    )
    await reaches(x.tenant, '10.1.0.2')
    await t.rejects(a.dataplane.configure({ ...spec, address: 'nonsense', uplink: 'udp' }), {
      message: /nonsense/,
    })
    await t.rejects(a.dataplane.configure({ ...spec, uplink: 'pigeon' }), { message: /pigeon/ })
    await reaches(x.tenant, '10.1.0.2')
  },
)

t.test('an IPv6 underlay', { skip: missing('fping', 'iperf3'), timeout: 60_000 }, async (t) => {
  for (const uplink of ['udp', 'raw']) {
    const { hosts, fabric } = await overlay(t, [
      { uplink, family: 6 },
      { uplink, family: 6 },
    ])
    const [a, b] = hosts
    const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24', 'fd01::1/64')
    const y = await addTenant(b, 'y', 'tap', '10.1.0.2/24', 'fd01::2/64')
    await reaches(x.tenant, '10.1.0.2')
    for (const address of ['10.1.0.2', 'fd01::2']) {
      await reaches(x.tenant, address)
      for (const reverse of [false, true]) {
        const { bitsPerSecond } = await tcp(x.tenant, y.tenant, address, { reverse })
        t.ok(
          bitsPerSecond > 50e6,
          `${uplink}: TCP to ${address} ${Math.round(bitsPerSecond / 1e6)} Mb/s`,
        )
      }
    }
    await fabric.lab.close()
  }
})

t.test(
  'what is too large for the underlay is dropped by name, not fragmented',
  { skip: missing('fping'), timeout: 60_000 },
  async (t) => {
    for (const uplink of ['udp', 'raw']) {
      const fabric = await routedFabric(t, { mtu: 1500 })
      const [h1, h2] = [fabric.hosts[0]!, fabric.hosts[1]!]
      const a = await startHost(t, h1, { uplink })
      const b = await startHost(t, h2, { uplink })
      await a.dataplane.apply([{ op: 'floodAdd', vni, remote: h2.vtep4 }])
      await b.dataplane.apply([{ op: 'floodAdd', vni, remote: h1.vtep4 }])
      const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24')
      await addTenant(b, 'y', 'netdev', '10.1.0.2/24')
      await reaches(x.tenant, '10.1.0.2')
      const fits = { count: 2, sizeBytes: 1422, whole: true }
      t.equal((await ping(x.tenant, '10.1.0.2', fits)).received, 2, `${uplink}: 1450 bytes pass`)
      const one = { count: 1, sizeBytes: 1423, whole: true }
      t.equal((await ping(x.tenant, '10.1.0.2', one)).received, 0, `${uplink}: one more does not`)
      t.equal(a.dataplane.counters().drops['exceeds_mtu'], 1, `${uplink}: and has a name`)
      t.equal(a.dataplane.counters().uplink.txDropped, 1)
      await fabric.lab.close()
    }
  },
)

t.test(
  'follows the link of a port and the way to a VTEP',
  { skip: missing('fping'), timeout: 60_000 },
  async (t) => {
    const { hosts, fabric } = await overlay(t, [{ uplink: 'raw' }, { uplink: 'raw' }])
    const [a, b] = hosts
    const events: string[] = []
    a.dataplane.listen((batch) => events.push(...batch.map((each) => each.event)))
    const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24')
    await addTenant(b, 'y', 'netdev', '10.1.0.2/24')
    await reaches(x.tenant, '10.1.0.2')
    await x.tenant.ip('link set eth0 down')
    await until('portDown', () => events.includes('portDown'))
    await until('its MAC is gone', () =>
      a.dataplane.snapshot().macs.every(({ port }) => port !== x.port),
    )
    await x.tenant.ip('link set eth0 up')
    await until('portUp', () => events.includes('portUp'))
    await reaches(x.tenant, '10.1.0.2')
    t.match(a.dataplane.snapshot().remotes, [{ address: b.host.vtep4, resolved: true, mtu: 1600 }])
    await fabric.spine!.ip('link set h1 down')
    await until('remoteUnresolved', () => events.includes('remoteUnresolved'))
    await fabric.spine!.ip(
      'link set h1 up',
      'addr replace 172.31.1.0/31 dev h1',
      'route replace 10.255.0.1/32 via 172.31.1.1',
    )
    await reaches(x.tenant, '10.1.0.2', 20)
    await a.host.ip('link del x')
    await until('portGone', () => events.includes('portGone'))
    await a.dataplane.closePort(x.port)
    t.same(a.dataplane.snapshot().ports, [])
  },
)
