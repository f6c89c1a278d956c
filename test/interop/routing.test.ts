// Symmetric IRB (RFC 9135): tenants of different subnets reach each other through the gateways of their own hosts, on
// one host, between two of ours, and with FRR.

import { test } from 'tap'
import {
  type Host,
  missing,
  passes,
  ping,
  reaches,
  routedFabric,
  startFrr,
  startVtep,
  type Tenant,
  tcp,
  until,
  type Vtep,
  type VtepConfig,
} from '../lab/index.js'

const skip = missing('iperf3')
const skipFrr = missing('vtysh', 'bgpd', 'iperf3')

const asn = 65000
const vrf = { name: 'red', vni: 50001 }
const subnets = {
  blue: { vni: 10100, number: 1 },
  green: { vni: 10200, number: 2 },
} as const
type Subnet = keyof typeof subnets

const gateways = (subnet: Subnet): readonly [string, string] => {
  const { number } = subnets[subnet]
  return [`10.${number}.0.1`, `2001:db8:${number}::1`]
}
const ip4Of = (subnet: Subnet, n: number): string => `10.${subnets[subnet].number}.0.1${n}`
const ip6Of = (subnet: Subnet, n: number): string => `2001:db8:${subnets[subnet].number}::1${n}`
const macOf = (subnet: Subnet, n: number): string => `02:00:00:0${subnets[subnet].number}:00:0${n}`

/** A tenant that knows its gateway. */
async function attach(host: Host, subnet: Subnet, n: number, port: string): Promise<Tenant> {
  const tenant = await host.tenant(port, {
    mac: macOf(subnet, n),
    ip4: `${ip4Of(subnet, n)}/24`,
    ip6: `${ip6Of(subnet, n)}/64`,
  })
  const [gateway4, gateway6] = gateways(subnet)
  await tenant.ip(`route add default via ${gateway4}`, `route add default via ${gateway6}`)
  return tenant
}

function router(
  host: Host,
  peers: readonly string[],
  ports: Readonly<Partial<Record<Subnet, readonly string[]>>>,
): VtepConfig {
  return {
    asn,
    routerId: host.vtep4,
    vtep: { address: host.vtep4 },
    bgp: { listen: {}, neighbors: peers.map((address) => ({ address, asn })) },
    vrfs: [vrf],
    networks: Object.entries(ports).map(([name, names]) => ({
      name,
      vni: subnets[name as Subnet].vni,
      vrf: vrf.name,
      gateway: [`${gateways(name as Subnet)[0]}/24`, `${gateways(name as Subnet)[1]}/64`],
      ports: names.map((port) => ({ name: port })),
    })),
  }
}

interface PrefixRow {
  readonly vrf: string
  readonly prefix: string
  readonly kind: string
  readonly dst: string | null
  readonly via: string | null
  readonly mac: string | null
}

async function prefixOf(vtep: Vtep, prefix: string): Promise<PrefixRow> {
  return until(`${vtep.host.name} has ${prefix}`, async () => {
    return (await vtep.read<PrefixRow[]>('prefixes')).find((row) => row.prefix === prefix)
  })
}

/** Who says that a probe went no further than `ttl` hops. */
async function hop(from: Tenant, to: string, ttl: number): Promise<string | undefined> {
  const { stdout } = await from.attempt(['ping', '-n', '-c', '1', '-W', '1', '-t', `${ttl}`, to])
  return /From (\S+) icmp_seq=1 Time (?:to live )?exceeded/.exec(stdout)?.[1]
}

test('between two of ours', { skip }, async (t) => {
  const { hosts } = await routedFabric(t, { mtu: 1500 })
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await attach(h1, 'blue', 1, 'vm1')
  const vm3 = await attach(h1, 'green', 3, 'vm3')
  const vm2 = await attach(h2, 'green', 2, 'vm2')
  const first = await startVtep(h1, router(h1, [h2.vtep4], { blue: ['vm1'], green: ['vm3'] }))
  const second = await startVtep(h2, router(h2, [h1.vtep4], { green: ['vm2'] }))
  await first.established()
  await second.established()

  await t.test('the gateway is there', async (t) => {
    for (const address of gateways('blue')) await reaches(vm1, address)
    const neighbours = await vm1.exec(['ip', 'neigh', 'show', gateways('blue')[0]])
    t.match(neighbours, '02:76:74:65:70:01')
  })

  await t.test('between subnets of one host', async (t) => {
    const before = await first.read<{ reason: string; count: number }[]>('drops')
    for (const address of [ip4Of('green', 3), ip6Of('green', 3)]) {
      t.equal(
        (await ping(vm1, address)).received,
        1,
        `${address}: the first packet waits for the MAC`,
      )
    }
    const nobody = ip4Of('green', 9)
    t.equal((await ping(vm1, nobody)).received, 0)
    const lost = await until('nobody there: lost by name, once', async () => {
      const rows = await first.read<{ reason: string; count: number }[]>('drops')
      return rows.find(({ reason }) => reason === 'no_neighbour')?.count
    })
    const was = before.find(({ reason }) => reason === 'no_neighbour')?.count ?? 0
    t.equal(lost - was, 1)
  })

  await t.test('to a subnet of another host, which ours does not have', async (t) => {
    await reaches(vm2, ip4Of('blue', 1))
    await reaches(vm1, ip4Of('green', 2))
    await reaches(vm1, ip6Of('green', 2))
    const host = await prefixOf(second, `${ip4Of('blue', 1)}/32`)
    t.match(host, { vrf: 'red', kind: 'remote', dst: h1.vtep4 })
    t.match(await prefixOf(second, '10.1.0.0/24'), { kind: 'remote', dst: h1.vtep4 })
    t.match(await prefixOf(first, '10.1.0.0/24'), { kind: 'connected' })
    t.match(await second.read('vrfs'), [{ name: 'red', vni: vrf.vni, networks: ['green'] }])
  })

  await t.test('a traceroute reads well', async (t) => {
    t.equal(await hop(vm1, ip4Of('green', 2), 1), gateways('blue')[0])
    t.equal(await hop(vm1, ip4Of('green', 2), 2), gateways('green')[0])
    t.equal(await hop(vm1, ip6Of('green', 2), 1), gateways('blue')[1])
    t.equal(await hop(vm1, ip4Of('green', 2), 3), undefined, 'and there it is')
  })

  await t.test('a packet that is too large is answered with the MTU', async (t) => {
    const { stdout, stderr } = await vm1.attempt([
      ...['ping', '-n', '-c', '2', '-i', '0.2', '-W', '1', '-M', 'do', '-s', '1472'],
      ip4Of('green', 2),
    ])
    t.match(`${stdout}${stderr}`, /mtu ?= ?1450/i)
    t.ok(await passes(vm1, ip4Of('green', 2), { sizeBytes: 1422, whole: true }))
  })

  await t.test('TCP, tenants at 1500 octets as they come', async (t) => {
    for (const to of [ip4Of('green', 2), ip6Of('green', 2)]) {
      const { bitsPerSecond } = await tcp(vm1, vm2, to)
      t.ok(bitsPerSecond > 100e6, `${to}: ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
    }
    const { bitsPerSecond } = await tcp(vm1, vm3, ip4Of('green', 3))
    t.ok(bitsPerSecond > 100e6, `on one host: ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
  })

  await t.test('no way: the sender is told at once', async (t) => {
    const { stdout } = await vm1.attempt(['ping', '-n', '-c', '1', '-W', '1', '198.51.100.1'])
    t.match(stdout, `From ${gateways('blue')[0]} icmp_seq=1 Destination Net Unreachable`)
  })

  await t.test('a host that says nothing is found', async (t) => {
    const silent = await h1.tenant('vm4', { mac: macOf('blue', 4), ip4: `${ip4Of('blue', 4)}/24` })
    await silent.ip(`route add default via ${gateways('blue')[0]}`)
    t.equal((await first.cli('port', 'add', 'vm4', '--network', 'blue')).code, 0)
    await reaches(vm2, ip4Of('blue', 4))
    t.pass('asked for by the gateway behind which it is')
  })

  await t.test('what goes is withdrawn', async (t) => {
    t.equal((await first.cli('network', 'remove', 'blue')).code, 0)
    await until('the subnet is gone', async () => {
      const rows = await second.read<PrefixRow[]>('prefixes')
      return rows.every(({ prefix }) => !prefix.startsWith('10.1.'))
    })
    t.equal((await ping(vm2, ip4Of('blue', 1))).received, 0)
    t.match(await first.read('status'), { health: [] })
  })
})

test('with FRR', { skip: skipFrr }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await attach(h1, 'blue', 1, 'vm1')
  // No VRF device is needed where the default VRF has the L3 VNI.
  const lan = await h2.kernelVtep(subnets.green.vni, {
    suppress: true,
    address: `${gateways('green')[0]}/24`,
  })
  const l3 = await h2.kernelVtep(vrf.vni, {})
  const vm2 = await h2.tenant('vm2', {
    mac: macOf('green', 2),
    ip4: `${ip4Of('green', 2)}/24`,
    bridge: lan.bridge,
  })
  await vm2.ip(`route add default via ${gateways('green')[0]}`)
  const frr = await startFrr(h2, {
    asn,
    peers: [{ address: h1.vtep4, asn }],
    extra: [
      `vni ${vrf.vni}`,
      `router bgp ${asn}`,
      ' address-family ipv4 unicast',
      '  network 10.2.0.0/24',
      ' exit-address-family',
      ' address-family l2vpn evpn',
      '  advertise ipv4 unicast',
      ' exit-address-family',
      'exit',
    ],
  })
  const vtep = await startVtep(h1, router(h1, [h2.vtep4], { blue: ['vm1'] }))
  await vtep.established()
  await frr.established(h1.vtep4)

  await t.test('its routes are ours', async (t) => {
    const subnet = await prefixOf(vtep, '10.2.0.0/24')
    t.match(subnet, { kind: 'remote', dst: h2.vtep4 })
    const [link] = await h2.json<{ address: string }[]>(['ip', '-j', 'link', 'show', l3.bridge])
    t.equal(subnet.mac, link!.address, 'its router MAC')
    await reaches(vm2, gateways('green')[0])
    t.match(await prefixOf(vtep, `${ip4Of('green', 2)}/32`), { kind: 'remote', dst: h2.vtep4 })
  })

  await t.test('ours are its', async (t) => {
    await reaches(vm1, gateways('blue')[0])
    for (const prefix of ['10.1.0.0/24', ip4Of('blue', 1)]) {
      await until(`FRR routes ${prefix}`, async () => {
        return (await h2.exec(['ip', 'route', 'show', prefix])).includes(`via ${h1.vtep4}`)
      })
    }
    const path = (await frr.paths()).find(({ prefix }) =>
      prefix.includes(`[32]:[${ip4Of('blue', 1)}]`),
    )
    t.match(path?.path.extendedCommunity?.string, 'Rmac:02:76:0a:ff:00:01')
  })

  await t.test('tenants reach each other', async (t) => {
    await reaches(vm1, ip4Of('green', 2))
    await reaches(vm2, ip4Of('blue', 1))
    const { bitsPerSecond } = await tcp(vm1, vm2, ip4Of('green', 2))
    t.ok(bitsPerSecond > 100e6, `${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
    const back = await tcp(vm1, vm2, ip4Of('green', 2), { reverse: true })
    t.ok(back.bitsPerSecond > 100e6, `${Math.round(back.bitsPerSecond / 1e6)} Mbit/s back`)
  })
})

// As Calico does it: hosts have a /32 and a gateway that is not theirs, and no layer 2 among them.
test('hosts without a subnet', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const daemons: Vtep[] = []
  const tenants: Tenant[] = []
  for (const [index, host] of [h1, h2].entries()) {
    const far = index === 0 ? h2 : h1
    for (const n of [1, 2]) {
      const id = 2 * index + n
      const tenant = await host.tenant(`vm${n}`, {
        mac: `02:00:00:01:00:0${id}`,
        ip4: `10.65.0.${id}/32`,
        ip6: `fd65::${id}/128`,
      })
      await tenant.ip(
        'route add 169.254.1.1 dev eth0 scope link',
        'route add default via 169.254.1.1',
        'route add fd65:ffff::1 dev eth0',
        'route add default via fd65:ffff::1',
      )
      tenants.push(tenant)
    }
    const vtep = await startVtep(host, {
      asn,
      vtep: { address: host.vtep4 },
      bgp: { listen: {}, neighbors: [{ address: far.vtep4, asn }] },
      vrfs: [vrf],
      networks: [
        {
          name: 'pods',
          vni: 10300,
          vrf: vrf.name,
          gateway: ['169.254.1.1/32', 'fd65:ffff::1/128'],
          ports: [1, 2].map((n) => ({
            name: `vm${n}`,
            mac: `02:00:00:01:00:0${2 * index + n}`,
            ip: [`10.65.0.${2 * index + n}`, `fd65::${2 * index + n}`],
          })),
        },
      ],
    })
    daemons.push(vtep)
  }
  await daemons[0]!.established()
  for (const [net, length] of [
    ['10.65.0.', 32],
    ['fd65::', 128],
  ] as const) {
    for (const id of [2, 3, 4]) await reaches(tenants[0]!, `${net}${id}`)
    t.match(await prefixOf(daemons[0]!, `${net}2/${length}`), { kind: 'connected' })
    t.match(await prefixOf(daemons[0]!, `${net}3/${length}`), { kind: 'remote', dst: h2.vtep4 })
  }
  const neighbours = await tenants[0]!.exec(['ip', 'neigh'])
  t.notMatch(neighbours, /10\.65\.|fd65::/, 'it knows the MAC of nobody')
  const { bitsPerSecond } = await tcp(tenants[0]!, tenants[3]!, '10.65.0.4')
  t.ok(bitsPerSecond > 100e6, `${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
})

test('VRFs that import from each other, and a prefix behind a host', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const both = { import: ['65000:50001', '65000:50002'] }
  const grey = { name: 'grey', vni: 50002 }
  const target = (vni: number) => ({ routeTargets: { ...both, export: [`65000:${vni}`] } })
  const config = (host: Host, far: Host, subnet: Subnet, own: object): VtepConfig => {
    const { networks = [], ...rest } = router(host, [far.vtep4], { [subnet]: ['vm'] })
    const name = subnet === 'blue' ? vrf.name : grey.name
    const vrfs = [
      { ...vrf, ...target(vrf.vni), ...(subnet === 'blue' ? own : {}) },
      { ...grey, ...target(grey.vni) },
    ]
    return { ...rest, vrfs, networks: networks.map((network) => ({ ...network, vrf: name })) }
  }
  const vm1 = await attach(h1, 'blue', 1, 'vm')
  const vm2 = await attach(h2, 'green', 2, 'vm')
  // A tenant that is a router itself, to what is behind it.
  await vm1.ip('addr add 192.0.2.1/24 dev lo')
  const routes = [{ prefix: '192.0.2.0/24', via: ip4Of('blue', 1) }]
  const first = await startVtep(h1, config(h1, h2, 'blue', { routes }))
  const second = await startVtep(h2, config(h2, h1, 'green', {}))
  await first.established()
  t.match(await prefixOf(second, '10.1.0.0/24'), { kind: 'remote', dst: h1.vtep4 })
  const imported = (await second.read<PrefixRow[]>('prefixes')).filter(
    ({ prefix }) => prefix === '10.1.0.0/24',
  )
  t.same(imported.map((row) => row.vrf).sort(), ['grey', 'red'], 'in both VRFs')
  await reaches(vm2, ip4Of('blue', 1))
  await reaches(vm1, ip4Of('green', 2))
  t.match(await prefixOf(first, '192.0.2.0/24'), { kind: 'gateway', via: ip4Of('blue', 1) })
  await reaches(vm2, '192.0.2.1')
  const local = await prefixOf(second, '10.2.0.0/24')
  t.match(local, { kind: 'connected' })
})
