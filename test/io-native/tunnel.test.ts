// Tenants' super-frames over the underlay whole: to the kernel's own VXLAN and to both of our uplinks, over IPv4 and IPv6, at full size of
// the tenants' MTU. What left the host is read from the wire's counters, so a silent fall-back to small datagrams shows.

import t from 'tap'
import {
  type Fabric,
  type Host,
  missing,
  type Owner,
  passes,
  reaches,
  type Service,
  type Tenant,
  tcp,
  until,
  wire,
} from '../lab/index.js'
import { startHost, type TenantKind, vni } from './overlay.js'

t.setTimeout(240_000)
const skip = missing('fping', 'iperf3', 'ethtool')

interface Case {
  readonly peers: readonly ('kernel' | 'udp' | 'raw')[]
  readonly family: 4 | 6
  readonly wireMtu: number
  readonly kind: TenantKind
}

/** Outer IP, UDP and VXLAN header, and the inner Ethernet header. */
const overhead = { 4: 50, 6: 70 }
const cases: readonly Case[] = [
  { peers: ['kernel', 'udp', 'raw'], family: 4, wireMtu: 1500, kind: 'tap' },
  { peers: ['kernel', 'udp', 'raw'], family: 6, wireMtu: 1520, kind: 'netdev' },
  { peers: ['kernel'], family: 4, wireMtu: 9000, kind: 'netdev' },
  { peers: ['kernel', 'udp'], family: 6, wireMtu: 9000, kind: 'tap' },
]
const ipOf = (n: number): string => `10.1.0.${n}`
const vtepOf = (host: Host, { family }: Case): string => (family === 4 ? host.vtep4 : host.vtep6)
const mtuOf = ({ family, wireMtu }: Case): number => wireMtu - overhead[family]

async function ourTenant(
  owner: Owner,
  host: Host,
  far: Host,
  spec: Case,
  uplink: string,
): Promise<{ tenant: Tenant; process: Service }> {
  const { dataplane, process } = await startHost(owner, host, {
    uplink,
    family: spec.family,
    workers: 2,
  })
  await dataplane.apply([{ op: 'floodAdd', vni, remote: vtepOf(far, spec) }])
  const options = { ip4: `${ipOf(host.number)}/24`, mtu: mtuOf(spec), ipv6: false }
  const veth = spec.kind === 'netdev' ? await host.tenant('port', options) : undefined
  const port = await dataplane.openPort({
    name: 'port',
    kind: spec.kind,
    options: spec.kind === 'tap' ? { mtu: `${options.mtu}` } : {},
  })
  await dataplane.apply([{ op: 'portAttach', port, vni }])
  return { tenant: veth ?? (await host.tapTenant('vm', 'port', options)), process }
}

async function kernelTenant(host: Host, far: Host, spec: Case): Promise<Tenant> {
  const mtu = mtuOf(spec)
  const kernel = await host.kernelVtep(vni, { local: vtepOf(host, spec), mtu })
  await kernel.addRemote(vtepOf(far, spec))
  const ip4 = `${ipOf(host.number)}/24`
  return host.tenant('port', { ip4, mtu, bridge: kernel.bridge, ipv6: false })
}

const mean = (octets: number, packets: number): number => Math.round(octets / packets)

/** TCP from one tenant to the other; Mb/s, and mean sizes of what left its host and of what came to the other tenant. */
async function stream(
  from: Tenant,
  to: Tenant,
  host: Host,
): Promise<{ megabits: number; size: number; arrived: number }> {
  const read = () => Promise.all([host.counters('eth0'), to.traffic()])
  const before = await read()
  const { bitsPerSecond } = await tcp(from, to, ipOf(to.host.number))
  const after = await read()
  return {
    megabits: Math.round(bitsPerSecond / 1e6),
    size: mean(after[0].txBytes - before[0].txBytes, after[0].txPackets - before[0].txPackets),
    arrived: mean(after[1].rxBytes - before[1].rxBytes, after[1].rxPackets - before[1].rxPackets),
  }
}

async function hasTunnelTap(host: Host): Promise<boolean> {
  return (await host.exec(['ip', '-br', 'link'])).includes('vtep-out')
}

for (const spec of cases) {
  const name = `IPv${spec.family}, wire ${spec.wireMtu}, ${spec.kind}`
  t.test(name, { skip, timeout: 90_000 }, async (t) => {
    for (const peer of spec.peers) {
      const fabric: Fabric = await wire(t, { mtu: spec.wireMtu })
      const [h1, h2] = [fabric.hosts[0]!, fabric.hosts[1]!]
      const { tenant: x } = await ourTenant(t, h1, h2, spec, 'raw')
      const y =
        peer === 'kernel'
          ? await kernelTenant(h2, h1, spec)
          : (await ourTenant(t, h2, h1, spec, peer)).tenant
      // A far stack that checks what comes unmarked, and joins nothing.
      await y.exec(['ethtool', '-K', 'eth0', 'gro', 'off'])
      if (spec.kind === 'netdev') await y.exec(['ethtool', '-K', 'eth0', 'rx', 'off'])
      await reaches(x, ipOf(2))
      const sizeBytes = mtuOf(spec) - 28
      t.ok(await passes(x, ipOf(2), { sizeBytes, whole: true }), `${peer}: full size`)
      const there = await stream(x, y, h1)
      t.ok(there.megabits > 50, `${peer}: TCP there ${there.megabits} Mb/s`)
      if (await hasTunnelTap(h1))
        t.ok(there.size > 2 * spec.wireMtu, `${peer}: left the host in ${there.size} bytes each`)
      else t.pass('the kernel has no tunnel segmentation for taps (Linux 6.17)')
      const back = await stream(y, x, h2)
      t.ok(back.megabits > 50, `${peer}: TCP back ${back.megabits} Mb/s`)
      await fabric.lab.close()
    }
  })
}

// As on a wire of real Ethernet: nothing larger than the MTU crosses it.
t.test('a wire held to the MTU', { skip, timeout: 60_000 }, async (t) => {
  const spec: Case = { peers: ['raw'], family: 4, wireMtu: 1500, kind: 'tap' }
  for (const uplink of ['raw', 'udp']) {
    const { lab, hosts } = await wire(t, { mtu: 1500 })
    const [h1, h2] = [hosts[0]!, hosts[1]!]
    const off = ['tso', 'gso', 'tx-udp_tnl-segmentation', 'tx-udp-segmentation']
    for (const host of [h1, h2])
      await host.exec([
        ...['ethtool', '-K', 'eth0'],
        ...off.flatMap((name) => [name, 'off']),
        ...['gro', 'on'],
      ])
    const { tenant: x } = await ourTenant(t, h1, h2, spec, uplink)
    const { tenant: y } = await ourTenant(t, h2, h1, spec, uplink)
    await reaches(x, ipOf(2))
    const { megabits, size, arrived } = await stream(x, y, h1)
    t.ok(megabits > 50, `${uplink}: TCP ${megabits} Mb/s`)
    t.ok(size <= 1514, `${uplink}: left the host in ${size} bytes each`)
    t.ok(arrived > 6000, `${uplink}: came to the tenant in ${arrived} bytes each`)
    await lab.close()
  }
})

t.test(
  'an interface that loses the ability gets trains, and back',
  { skip, timeout: 60_000 },
  async (t) => {
    const spec: Case = { peers: ['kernel', 'udp', 'raw'], family: 4, wireMtu: 1500, kind: 'tap' }
    const { lab, hosts } = await wire(t, { mtu: 1500 })
    const [h1, h2] = [hosts[0]!, hosts[1]!]
    const { tenant: x, process } = await ourTenant(t, h1, h2, spec, 'raw')
    const y = await kernelTenant(h2, h1, spec)
    await reaches(x, ipOf(2))
    const set = (value: string): Promise<unknown> =>
      h1.exec(['ethtool', '-K', 'eth0', 'tx-udp_tnl-segmentation', value])
    for (const value of ['off', 'on', 'off']) {
      await set(value)
      const { megabits, size } = await stream(x, y, h1)
      t.ok(megabits > 50, `${value}: TCP ${megabits} Mb/s in ${size} bytes each`)
    }
    // The tap goes with its process, also when that is killed.
    if (await hasTunnelTap(h1)) {
      process.killNow()
      await until('no tap is left', async () => !(await hasTunnelTap(h1)))
    }
    await lab.close()
  },
)
