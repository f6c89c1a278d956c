// What `vtep fabric-config frr` prints is all that an FRR leaf needs: nothing else is typed there, and tenants of both
// sides reach each other.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { test } from 'tap'
import {
  type Frr,
  type Host,
  missing,
  reaches,
  startFrrWith,
  startVtep,
  type Tenant,
  Vtep,
  type VtepConfig,
  wire,
} from '../lab/index.js'

const skip = missing('vtysh', 'bgpd')

// They wait for advertisements, each in networks of its own.
t.jobs = 3

/** Not every kernel has VRF devices; without, an FRR leaf routes no tenants of a VRF. */
const noVrfs = ((): string | false => {
  if (skip !== false) return skip
  const words = ['-n', 'ip', 'link', 'add', 'name', 'red', 'type', 'vrf', 'table', '1001']
  return spawnSync('unshare', words).status !== 0 && 'the kernel has no VRF devices'
})()

interface Shape {
  readonly asn: number
  readonly bgp: object
  /** Written down, the same on both sides. */
  readonly routeTargets: boolean
  /** Two networks, routed in a VRF; else one. */
  readonly isRouted: boolean
}

const addresses = (n: 1 | 2, host: number) => ({
  mac: `02:00:00:0${n}:00:0${host}`,
  ip4: `10.${n}.0.1${host}/24`,
  ip6: `2001:db8:${n}::1${host}/64`,
})

function configOf({ asn, bgp, routeTargets, isRouted }: Shape, address: string): VtepConfig {
  const targets = (vni: number) => {
    const list = [`65002:${vni}`]
    return routeTargets ? { routeTargets: { import: list, export: list } } : {}
  }
  const routed = (n: number) =>
    isRouted ? { vrf: 'red', gateway: [`10.${n}.0.1/24`, `2001:db8:${n}::1/64`] } : {}
  const green = { name: 'green', vni: 70200, ...routed(2), ...targets(70200) }
  return {
    asn,
    vtep: { address },
    // The leaf's first attempt finds us, so that nobody waits for a second.
    bgp: { listen: { address: '::' }, ...bgp },
    vrfs: isRouted ? [{ name: 'red', vni: 50001, ...targets(50001) }] : [],
    networks: [
      { name: 'blue', vni: 10100, ...routed(1), ...targets(10100), ports: [{ name: 'vm1' }] },
      ...(isRouted ? [green] : []),
    ],
  }
}

/** vm1 in blue at h1, and a daemon whose neighbour is the leaf. */
async function startHost(h1: Host, shape: Shape): Promise<Vtep> {
  const vm1 = await h1.tenant('vm1', addresses(1, 1))
  await vm1.ip('route add default via 10.1.0.1', 'route add default via 2001:db8:1::1')
  return startVtep(h1, configOf(shape, h1.vtep4))
}

async function print(vtep: Vtep, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await vtep.cli('fabric-config', 'frr', ...words)
  if (code !== 0) throw new Error(`fabric-config: ${code} ${stderr}${stdout}`)
  return stdout
}

/** The leaf gets the printed devices and the printed configuration, and no more. */
async function becomeLeaf(leaf: Host, vtep: Vtep, ...words: readonly string[]): Promise<Frr> {
  await leaf.exec(['sh', '-e', '-c', await print(vtep, ...words, '--section', 'devices')])
  return startFrrWith(leaf, await print(vtep, ...words))
}

async function tenantsMeet(h1: Host, h2: Host): Promise<void> {
  const vm1 = h1.lab.find(`${h1.name}-vm1`) as Tenant
  const vm2 = await h2.tenant('vm2', { ...addresses(1, 2), bridge: 'br10100' })
  await reaches(vm1, '10.1.0.12')
  await reaches(vm2, '10.1.0.11')
}

/** Nothing but link-local addresses on the link: VTEP addresses are on lo. */
async function unnumber(...all: readonly Host[]): Promise<void> {
  for (const host of all) {
    await host.ip(
      `addr del ${host.vtep4}/24 dev eth0`,
      `addr del ${host.vtep6}/64 dev eth0`,
      `addr add ${host.vtep4}/32 dev lo`,
    )
  }
}

test('external, numbered, from a four-octet AS', { skip, buffered: true }, async (t) => {
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const bgp = { neighbors: [{ address: h2.vtep4, asn: 65002, families: ['evpn'] }] }
  const shape = { asn: 4200000011, bgp, routeTargets: false, isRouted: false }
  const vtep = await startHost(h1, shape)
  const told = await vtep.cli('fabric-config', 'frr', '--json')
  t.equal(told.code, 1, 'the VTEP address of the leaf is missing')
  t.match(JSON.parse(told.stdout), {
    vendor: 'frr',
    host: { asn: 4200000011, vtep: h1.vtep4 },
    leaf: { asn: 65002, vtep: null },
    findings: [{ code: 'leafVtepUnknown', severity: 'error' }],
  })
  const frr = await becomeLeaf(h2, vtep, '--leaf-vtep', h2.vtep4, '--leaf-port', 'eth0')
  await vtep.established(h2.vtep4)
  await frr.established(h1.vtep4)
  await tenantsMeet(h1, h2)
})

test('external, unnumbered, which carries the VTEP addresses, too', {
  skip,
  buffered: true,
}, async (t) => {
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  await unnumber(h1, h2)
  await h1.ip(`route add ${h2.vtep4}/32 dev eth0`)
  const neighbor = { interface: 'eth0', asn: 'external', families: ['evpn', 'ipv4'] }
  const bgp = { announceVtep: true, neighbors: [neighbor] }
  const vtep = await startHost(h1, { asn: 65001, bgp, routeTargets: true, isRouted: false })
  const words = ['--leaf-vtep', h2.vtep4, '--leaf-port', 'eth0']
  const unknown = await vtep.cli('fabric-config', 'frr', ...words)
  t.equal(unknown.code, 1)
  t.match(unknown.stdout, /^! error leafAsnUnknown: bgp\.neighbors\[0\]\.asn: /m)
  await becomeLeaf(h2, vtep, ...words, '--leaf-asn', '65002')
  await vtep.established('eth0', 30)
  t.match(await vtep.peers(), [{ peer: 'eth0', asn: 65002 }])
  t.match(await print(vtep, ...words), 'router bgp 65002', 'the session has told the AS')
  await tenantsMeet(h1, h2)
})

test('internal, where the leaf reflects between hosts', { skip, buffered: true }, async (t) => {
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const bgp = { neighbors: [{ address: h2.vtep4, asn: 'internal' }] }
  const vtep = await startHost(h1, { asn: 65002, bgp, routeTargets: true, isRouted: false })
  const frr = await becomeLeaf(h2, vtep, '--leaf-vtep', h2.vtep4)
  await frr.established(h1.vtep4)
  await tenantsMeet(h1, h2)
})

test('routed by the L3 VNI of a VRF', { skip: noVrfs, buffered: true }, async (t) => {
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const bgp = { neighbors: [{ address: h2.vtep4, asn: 65002 }] }
  const vtep = await startHost(h1, { asn: 65001, bgp, routeTargets: true, isRouted: true })
  const frr = await becomeLeaf(h2, vtep, '--leaf-vtep', h2.vtep4)
  await frr.established(h1.vtep4)
  await tenantsMeet(h1, h2)
  const vm1 = h1.lab.find(`${h1.name}-vm1`) as Tenant
  const vm3 = await h2.tenant('vm3', { ...addresses(2, 3), bridge: 'br70200' })
  await vm3.ip('route add default via 10.2.0.1', 'route add default via 2001:db8:2::1')
  await reaches(vm3, '10.1.0.11')
  await reaches(vm1, '10.2.0.13')
  await reaches(vm1, '2001:db8:2::13')
})

test('FRR understands every line', { skip }, async (t) => {
  const { hosts } = await wire(t)
  const h1 = hosts[0]!
  const more = { families: ['evpn', 'ipv4'], password: 'x', bfd: {} }
  for (const [asn, neighbor] of [
    [65001, { address: '10.255.0.2', asn: 65002, ...more }],
    [65001, { address: '192.0.2.7', asn: 65002, ttlSecurity: 3, families: ['evpn'] }],
    [65001, { address: '192.0.2.7', asn: 65002, families: ['evpn', 'ipv4'] }],
    [65002, { address: '192.0.2.7', asn: 'internal', routeReflectorClient: true }],
    [65001, { interface: 'eth0', asn: 65002, ...more }],
  ] as const) {
    const vtep = new Vtep(h1)
    const bgp = { announceVtep: true, neighbors: [neighbor] }
    vtep.configure(configOf({ asn, bgp, routeTargets: true, isRouted: true }, h1.vtep4))
    const words = ['--leaf-vtep', '192.0.2.7', '--leaf-port', 'eth0', '--config', vtep.configFile]
    const file = join(h1.directory, 'printed.conf')
    writeFileSync(file, await print(vtep, ...words))
    const { code, stdout, stderr } = await h1.attempt(['vtysh', '--dryrun', '--inputfile', file])
    t.same([code, stdout, stderr], [0, '', ''], JSON.stringify(neighbor))
  }
})
