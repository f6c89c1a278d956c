// Tenants without any configuration of their own: the kernel takes prefix, default router and MTU from the gateway's
// advertisements, and reaches hosts of other subnets.

import { test } from 'tap'
import { missing, routedFabric, startVtep, type Tenant, until } from '../lab/index.js'

interface Address {
  readonly addr_info: readonly { readonly local: string; readonly scope: string }[]
}

/** The address that the tenant has made itself. */
function autoconfigured(tenant: Tenant, prefix: string): Promise<string> {
  return until(`${tenant.name} has an address of ${prefix}`, async () => {
    const rows = await tenant.json<Address[]>(['ip', '-j', '-6', 'addr', 'show', 'eth0'])
    return rows.flatMap(({ addr_info }) => addr_info).find(({ local }) => local.startsWith(prefix))
      ?.local
  })
}

const route = (tenant: Tenant): Promise<string> =>
  tenant.exec(['ip', '-6', 'route', 'show', 'default'])

test('SLAAC by the gateway', { skip: missing(), timeout: 60_000 }, async (t) => {
  const { hosts } = await routedFabric(t, { hosts: 1 })
  const host = hosts[0]!
  const early = await host.tenant('early')
  const green = await host.tenant('green')
  const config = (gateway: string) => ({
    asn: 65000,
    vtep: { address: host.vtep4 },
    vrfs: [{ name: 'red', vni: 50001 }],
    networks: [
      {
        name: 'blue',
        vni: 10100,
        vrf: 'red',
        gateway: [gateway],
        routerAdvertisements: { mtu: 1400, lifetimeSeconds: 600 },
        ports: [{ name: 'early' }],
      },
      {
        name: 'green',
        vni: 10200,
        vrf: 'red',
        gateway: ['2001:db8:2::1/64'],
        routerAdvertisements: {},
        ports: [{ name: 'green' }],
      },
    ],
  })
  const vtep = await startVtep(host, config('2001:db8:1::1/64'))
  const [one, two] = [
    await autoconfigured(early, '2001:db8:1:'),
    await autoconfigured(green, '2001:db8:2:'),
  ]
  t.match(await route(early), /via fe80::76:74ff:fe65:7001 dev eth0 proto ra .*expires 5\d\dsec/)
  t.match(await early.exec(['cat', '/proc/sys/net/ipv6/conf/eth0/mtu']), /^1400$/m)
  await until('across subnets', async () => {
    const { code } = await early.attempt(['ping', '-6', '-c', '1', '-W', '1', '-I', one, two])
    return code === 0
  })

  // Who comes up anew asks, and need not wait for minutes.
  await early.ip('link set eth0 down')
  await early.ip('link set eth0 up')
  t.ok(await autoconfigured(early, '2001:db8:1:'), 'asked for')

  const { networks, ...rest } = config('10.1.0.1/24')
  const [{ routerAdvertisements: _, ...blue }, other] = networks as [
    object & { routerAdvertisements: object },
    object,
  ]
  vtep.configure({ ...rest, networks: [blue, other] as typeof networks })
  vtep.service.signal('SIGHUP')
  await until('no router any more', async () => (await route(early)) === '')
  t.match(await route(green), /via fe80::76:74ff:fe65:7001/, 'the other one is')
})
