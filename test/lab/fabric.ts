// Underlays. Host number N has the VTEP addresses 10.255.0.N and fd00:255::N.
//   routed  hN eth0 172.31.N.1/31, fd00:31:N::1/127 == port hN of the spine; VTEP addresses on lo, routes in the spine
//   wire    h1 eth0 == eth0 h2, VTEP addresses on eth0 itself

import { Host } from './host.js'
import { Lab, type Owner } from './lab.js'
import { connect, type Namespace } from './namespace.js'

export interface Fabric {
  readonly lab: Lab
  /** Where a reflector may live; in a wire there is none. */
  readonly spine: Host | undefined
  readonly hosts: readonly Host[]
}

export interface RoutedFabric extends Fabric {
  readonly spine: Host
}

export interface FabricOptions {
  readonly hosts?: number
  /** Underlay MTU. The default holds 1500-byte tenants over IPv4 (50 bytes more) and IPv6 (70). */
  readonly mtu?: number
}

const spineNumber = 254

/** Hosts behind a router that knows all VTEP addresses: next hops differ from the far VTEPs, as in a real fabric. */
export async function routedFabric(
  owner: Owner | undefined,
  options: FabricOptions = {},
): Promise<RoutedFabric> {
  const { hosts: count = 2, mtu = 1600 } = options
  const lab = Lab.open(owner)
  const spine = await lab.add(new Host(lab, 'spine', spineNumber))
  await forwarding(spine)
  await spine.ip(`addr add ${spine.vtep4}/32 dev lo`, `addr add ${spine.vtep6}/128 dev lo`)
  const hosts: Host[] = []
  for (let n = 1; n <= count; n++) hosts.push(await routedHost(lab, spine, n, mtu))
  return { lab, spine, hosts }
}

async function routedHost(lab: Lab, spine: Host, n: number, mtu: number): Promise<Host> {
  const host = await lab.add(new Host(lab, `h${n}`, n))
  await forwarding(host)
  await connect({ namespace: host, ifname: 'eth0' }, { namespace: spine, ifname: host.name }, mtu)
  await spine.ip(
    `addr add 172.31.${n}.0/31 dev ${host.name}`,
    `addr add fd00:31:${n}::/127 dev ${host.name}`,
    `route add ${host.vtep4}/32 via 172.31.${n}.1`,
    `route add ${host.vtep6}/128 via fd00:31:${n}::1`,
  )
  await host.ip(
    `addr add ${host.vtep4}/32 dev lo`,
    `addr add ${host.vtep6}/128 dev lo`,
    `addr add 172.31.${n}.1/31 dev eth0`,
    `addr add fd00:31:${n}::1/127 dev eth0`,
    `route add default via 172.31.${n}.0`,
    `route add default via fd00:31:${n}::`,
  )
  return host
}

/** Two hosts and one cable: the shortest underlay, for measuring. */
export async function wire(
  owner: Owner | undefined,
  options: Pick<FabricOptions, 'mtu'> = {},
): Promise<Fabric> {
  const lab = Lab.open(owner)
  const h1 = await lab.add(new Host(lab, 'h1', 1))
  const h2 = await lab.add(new Host(lab, 'h2', 2))
  await connect(
    { namespace: h1, ifname: 'eth0' },
    { namespace: h2, ifname: 'eth0' },
    options.mtu ?? 1600,
  )
  for (const host of [h1, h2]) {
    await host.ip(`addr add ${host.vtep4}/24 dev eth0`, `addr add ${host.vtep6}/64 dev eth0`)
  }
  return { lab, spine: undefined, hosts: [h1, h2] }
}

async function forwarding(node: Namespace): Promise<void> {
  await node.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 })
}
