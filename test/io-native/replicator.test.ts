// A second VTEP address on every kind of uplink, over IPv4 and IPv6: what comes there goes on to another VTEP, what comes to the first
// one does not. The VTEPs around it are the kernel's.

import t from 'tap'
import {
  BroadcastListener,
  BroadcastSender,
  type Host,
  missing,
  routedFabric,
  sleep,
  until,
} from '../lab/index.js'
import { addTenant, startHost, vni } from './overlay.js'

t.setTimeout(120_000)

const COUNT = 10
const MAC_ALL = '10.1.0.255'

t.test('two addresses on each uplink', { skip: missing('ip') }, async (t) => {
  const { spine, hosts, lab } = await routedFabric(t, { hosts: 3 })
  const [h1, h2, h3] = hosts as [Host, Host, Host]
  const second = { 4: '10.255.9.2', 6: 'fd00:259::2' }
  await h2.ip(`addr add ${second[4]}/32 dev lo`, `addr add ${second[6]}/128 dev lo`)
  await spine.ip(
    `route add ${second[4]}/32 via 172.31.2.1`,
    `route add ${second[6]}/128 via fd00:31:2::1`,
  )
  const ours = await startHost(t, h2, { workers: 2, uplink: 'udp' })
  const { dataplane } = ours
  const { tenant: y } = await addTenant(ours, 'y', 'netdev', '10.1.0.2/24')
  const here = await BroadcastListener.start(y)
  for (const family of [4, 6] as const) {
    const address = (host: Host) => (family === 4 ? host.vtep4 : host.vtep6)
    const other = vni + family
    await dataplane.apply([
      { op: 'networkSet', vni: other, suppress: false, agingSeconds: 300, replicate: true },
      { op: 'portAttach', port: 1, vni: other },
    ])
    const [from, to] = await Promise.all(
      [h1, h3].map((host) => host.kernelVtep(other, { local: address(host) })),
    )
    const x = await h1.tenant(`x${family}`, { ip4: '10.1.0.1/24', bridge: from!.bridge })
    const z = await h3.tenant(`z${family}`, { ip4: '10.1.0.3/24', bridge: to!.bridge })
    const there = await BroadcastListener.start(z)
    for (const uplink of ['udp', 'raw', 'af_xdp']) {
      await dataplane.configure({
        address: address(h2),
        replicatorAddress: second[family],
        udpPort: 4789,
        uplink,
        interfaces: [],
      })
      await dataplane.apply(
        [h1, h3].map((host) => ({ op: 'floodAdd', vni: other, remote: address(host) })),
      )
      await until('the way to the other VTEP', () =>
        dataplane.table('remotes').some((row) => row.address === address(h3) && row.resolved),
      )
      for (const [name, target, goesOn] of [
        ['replicated', second[family], true],
        ['delivered', address(h2), false],
      ] as const) {
        const label = `${name}-${uplink}-${family}`
        await from!.addRemote(target)
        const sender = await BroadcastSender.start(x, label, MAC_ALL)
        await until('they are sent', () => sender.sent >= COUNT, { everySeconds: 0.02 })
        await sender.stop()
        await sleep(0.1)
        await h1.bridge(`fdb del 00:00:00:00:00:00 dev ${from!.device} dst ${target} self`)
        const times = (listener: BroadcastListener) =>
          Array.from({ length: COUNT }, (_, i) => listener.counts(label).get(i + 1) ?? 0)
        t.same(times(here), Array(COUNT).fill(1), `${label}: our port`)
        t.same(times(there), Array(COUNT).fill(goesOn ? 1 : 0), `${label}: the other VTEP`)
      }
      const drops = dataplane.counters().drops
      t.same([drops['not_ours'], drops['unknown_vtep']], [0, 0])
    }
  }
  await dataplane.shutdown()
  await lab.close()
})
