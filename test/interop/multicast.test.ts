// Multicast by EVPN (RFC 9251): the kernel's own hosts join and leave, and only VTEPs with receivers get a stream; a VTEP that does
// not say what it wants gets all of it.

import { test } from 'tap'
import {
  counted,
  type Host,
  MulticastHost,
  missing,
  routedFabric,
  startFrr,
  startVtep,
  type Tenant,
  until,
  type Vtep,
} from '../lab/index.js'
import { ipOf, leaf, network, reflector, tenantOptions, vni } from './support.js'

const asn = 65000
const group = '239.1.1.1'
const channel = '232.1.1.1'
const group6 = 'ff15::1234'
const BURST = 10

interface GroupRow {
  readonly network: string
  readonly group: string
  readonly source: string
  readonly ports: readonly string[]
  readonly vteps: readonly string[]
}

/** Of the packet inside: the last octets of an IPv4 or IPv6 destination. */
const inside = (address: string): string =>
  address.includes(':')
    ? 'udp dst port 4789 and udp[66:4] = 0x00001234'
    : `udp dst port 4789 and udp[46:4] = 0x${address
        .split('.')
        .map((octet) => Number(octet).toString(16).padStart(2, '0'))
        .join('')}`

/** How many copies of a burst leave the sender's host, by VTEP. */
async function copies(
  from: Host,
  sender: MulticastHost,
  to: string,
): Promise<Record<string, number>> {
  const lines = await counted(from, 'eth0', inside(to), async () => {
    await sender.send(to, BURST)
  })
  const found: Record<string, number> = {}
  for (const line of lines) {
    const vtep = / > ([\d.]+)\.4789: /.exec(line)?.[1] ?? line
    found[vtep] = (found[vtep] ?? 0) + 1
  }
  return found
}

const groupsOf = async (vtep: Vtep): Promise<readonly string[]> =>
  (await vtep.request<GroupRow[]>('GET', '/v1/groups')).map(
    ({ group, source, ports, vteps }) =>
      `${source} ${group} ${[...ports, ...vteps].sort().join(' ')}`,
  )

test('only who has receivers gets a stream', {
  skip: missing('vtysh', 'bgpd', 'tcpdump'),
}, async (t) => {
  const { spine, hosts } = await routedFabric(t, { hosts: 4 })
  const clients = hosts.map((host) => ({ address: host.vtep4, asn }))
  await startVtep(spine, reflector(spine, asn, clients))
  const peers = [{ address: spine.vtep4, asn }]
  const [h1, h2, h3, h4] = hosts as [Host, Host, Host, Host]
  const tenants: Tenant[] = []
  for (const [i, host] of [h1, h2, h3].entries()) {
    tenants.push(await host.tenant(`vm${i + 1}`, tenantOptions(i + 1)))
  }
  const kernel = await h4.kernelVtep(vni)
  const vm4 = await h4.tenant('vm4', { ...tenantOptions(4), bridge: kernel.bridge })
  const members = await Promise.all([...tenants, vm4].map((tenant) => MulticastHost.start(tenant)))
  const [sender, second, third, fourth] = members as [
    MulticastHost,
    MulticastHost,
    MulticastHost,
    MulticastHost,
  ]
  await startFrr(h4, { asn, peers })
  const more = { multicast: { snooping: true } }
  const vteps: Vtep[] = []
  for (const [i, host] of [h1, h2, h3].entries()) {
    vteps.push(await startVtep(host, leaf(host, { peers, ports: [`vm${i + 1}`], more })))
  }
  const [v1, v2, v3] = vteps as [Vtep, Vtep, Vtep]
  await until('flood lists', async () => {
    const rows = await v1.request<{ vteps: string[] }[]>('GET', '/v1/networks')
    return rows[0]?.vteps.length === 3
  })
  const knows = (vtep: Vtep, row: string, is = true) =>
    until(`${vtep.host.name} knows ${row}: ${is}`, async () => {
      const rows = await groupsOf(vtep)
      if (rows.includes(row) !== is) throw new Error(JSON.stringify(rows))
      return true
    })

  t.same(
    await copies(h1, sender, group),
    { [h4.vtep4]: BURST },
    'nobody wants it but who says nothing',
  )
  fourth.join(group)
  second.join(group)
  await knows(v1, `* ${group} ${h2.vtep4}`)
  const both = { [h2.vtep4]: BURST, [h4.vtep4]: BURST }
  t.same(await copies(h1, sender, group), both, 'one of us wants it')
  await until('it is received', async () => second.received(group) === BURST)
  t.equal(fourth.received(group), BURST)
  t.equal(third.received(group), 0)
  t.match(await v1.routes('--type', '6'), [{ group, nextHop: h2.vtep4, flags: { v3: true } }])

  const left = performance.now()
  second.leave(group)
  await knows(v1, `* ${group} ${h2.vtep4}`, false)
  const seconds = (performance.now() - left) / 1000
  t.ok(seconds > 0.7 && seconds < 8, `gone after ${seconds.toFixed(1)} s`)
  t.same(await copies(h1, sender, group), { [h4.vtep4]: BURST }, 'and nobody gets it any more')

  third.join(channel, ipOf(1))
  await knows(v1, `${ipOf(1)} ${channel} ${h3.vtep4}`)
  const channelled = { [h3.vtep4]: BURST, [h4.vtep4]: BURST }
  t.same(await copies(h1, sender, channel), channelled, 'one source of a group')
  await until('it is received', async () => third.received(channel) === BURST)
  third.join(channel, ipOf(9))
  await knows(v1, `${ipOf(9)} ${channel} ${h3.vtep4}`)
  third.leave(channel, ipOf(1))
  await knows(v1, `${ipOf(1)} ${channel} ${h3.vtep4}`, false)
  t.same(await copies(h1, sender, channel), { [h4.vtep4]: BURST }, 'another source of it')

  second.join(group6)
  await knows(v1, `* ${group6} ${h2.vtep4}`)
  t.same(await copies(h1, sender, group6), both, 'IPv6')
  await until('it is received', async () => second.received(group6) === BURST)
  t.same(
    (await v2.request<GroupRow[]>('GET', '/v1/groups')).filter(({ group }) => group === group6),
    [{ network, vni, group: group6, source: '*', ports: ['vm2'], vteps: [] }],
  )
  await tenants[1]!.ip('link set eth0 down')
  await knows(v1, `* ${group6} ${h2.vtep4}`, false)
  // A router behind h3 hears of receivers elsewhere, and gets what nobody else wants.
  third.query(ipOf(3))
  await knows(v1, `* * ${h3.vtep4}`)
  const reports = await counted(tenants[2]!, 'eth0', 'igmp', async () => {
    sender.join('239.2.2.2')
    await knows(v2, `* 239.2.2.2 ${h1.vtep4}`)
  })
  t.ok(
    reports.some((line) => line.includes('239.2.2.2')),
    'a report',
  )
  t.same(await copies(h1, sender, '239.9.9.9'), { [h3.vtep4]: BURST, [h4.vtep4]: BURST }, 'all')

  const drops = await v3.read<{ reason: string; count: number }[]>('drops')
  t.ok(drops.some(({ reason, count }) => reason === 'no_multicast_router' && count > 0))
})
