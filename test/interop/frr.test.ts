// An FRR leaf over the kernel's bridge and vxlan, and us: two implementations of everything, one network.

import { test } from 'tap'
import {
  counted,
  type Frr,
  type FrrPath,
  type Host,
  type KernelVtep,
  missing,
  passes,
  reaches,
  routedFabric,
  startFrr,
  startVtep,
  type Tenant,
  tcp,
  until,
  type Vtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

const skip = missing('vtysh', 'bgpd', 'iperf3', 'tcpdump', 'arping')

interface Pair {
  readonly h1: Host
  readonly h2: Host
  readonly vtep: Vtep
  readonly frr: Frr
  readonly kernel: KernelVtep
}

/** h1 runs us, h2 FRR; the session is up. */
async function pair(
  t: { teardown(handler: () => Promise<void>): void },
  asns: readonly [number, number],
  ports: Parameters<typeof leaf>[1]['ports'] & {},
  prepare: (h1: Host) => Promise<void> = async () => undefined,
): Promise<Pair> {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  await prepare(h1)
  const kernel = await h2.kernelVtep(vni, { suppress: true, address: `${ipOf(250)}/24` })
  const frr = await startFrr(h2, { asn: asns[1], peers: [{ address: h1.vtep4, asn: asns[0] }] })
  const vtep = await startVtep(
    h1,
    leaf(h1, { asn: asns[0], peers: [{ address: h2.vtep4, asn: asns[1] }], ports }),
  )
  await vtep.established(h2.vtep4)
  await frr.established(h1.vtep4)
  return { h1, h2, vtep, frr, kernel }
}

async function frrPath(frr: Frr, prefix: string): Promise<FrrPath> {
  return until(`FRR has ${prefix}`, async () => {
    const found = (await frr.paths()).find((row) => row.prefix === prefix)
    return found?.path
  })
}

/** What FRR has keys for and we no counterpart: versions and sizes of its tables, its own bookkeeping. */
const shows: readonly { readonly words: string; readonly without: readonly string[] }[] = [
  { words: 'evpn vni', without: [] },
  { words: `evpn mac vni ${vni}`, without: ['macs.*.detectionCount'] },
  {
    words: 'bgp l2vpn evpn summary',
    without: [
      ...['tableVersion', 'ribCount', 'ribMemory', 'peerMemory', 'dynamicPeers'],
      ...['msgRcvd', 'msgSent', 'tableVersion', 'outq', 'inq', 'connectionsEstablished'].map(
        (key) => `peers.*.${key}`,
      ),
      ...['peers.*.connectionsDropped', 'bestPath', 'bestPath.multiPathRelax'],
    ],
  },
  {
    words: 'bgp l2vpn evpn route',
    without: ['*.*.prefixLen', '*.*.paths.selectionReason', '*.*.paths.nexthops.hostname'],
  },
]

/** Paths of all keys, with a star for what is a name and not a key: addresses, VNIs, route distinguishers, prefixes. */
function keysOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap(keysOf))]
  if (typeof value !== 'object' || value === null) return []
  const paths = Object.entries(value).flatMap(([key, member]) => {
    const name = /^[\d[]|[:.]/.test(key) ? '*' : key
    return [name, ...keysOf(member).map((below) => `${name}.${below}`)]
  })
  return [...new Set(paths)]
}

for (const [kind, asns] of [
  ['iBGP', [65000, 65000]],
  ['eBGP', [65011, 65012]],
] as const) {
  test(`tenants across, ${kind}`, { skip }, async (t) => {
    let vm1: Tenant | undefined
    const { h1, h2, vtep, frr, kernel } = await pair(t, asns, ['vm1'], async (host) => {
      vm1 = await host.tenant('vm1', tenantOptions(1))
    })
    const vm2 = await h2.tenant('vm2', { ...tenantOptions(2), bridge: kernel.bridge })
    await reaches(vm1!, ipOf(2))
    await reaches(vm2, ipOf(1))

    await t.test('MACs on both sides', async (t) => {
      t.equal(await until('FRR installs our MAC', () => kernel.remoteOf(macOf(1))), h1.vtep4)
      const row = await vtep.learned(macOf(2), { kind: 'remote' })
      t.match(row, { vni, dst: h2.vtep4, sequence: 0, sticky: false })
      t.match(await vtep.learned(macOf(1), { kind: 'local' }), { vni, ifname: 'vm1' })
      t.equal(await kernel.remoteOf('00:00:00:00:00:00'), h1.vtep4, 'flood list from type 3')
    })

    await t.test('routes as FRR sees them', async (t) => {
      const macRoute = await frrPath(frr, `[2]:[0]:[48]:[${macOf(1)}]`)
      const communities = macRoute.extendedCommunity?.string ?? ''
      t.match(communities, `RT:${asns[0]}:${vni}`)
      t.match(communities, 'ET:8', 'encapsulation VXLAN')
      t.equal(macRoute.nexthops?.[0]?.ip, h1.vtep4)
      t.equal(macRoute['vni'], `${vni}`)
      const imet = await frrPath(frr, `[3]:[0]:[32]:[${h1.vtep4}]`)
      t.same(imet['pmsi'], { tunnelType: 'Ingress Replication', label: vni })
      await frrPath(frr, `[2]:[0]:[48]:[${macOf(1)}]:[32]:[${ipOf(1)}]`)
    })

    await t.test('routes as we see them', async (t) => {
      const routes = (await vtep.routes()).filter((route) => route.peer === h2.vtep4)
      const macRoute = routes.find((route) => route.type === 2 && route['mac'] === macOf(2))
      t.match(macRoute, {
        nextHop: h2.vtep4,
        label: vni,
        routeTargets: [`${asns[1]}:${vni}`],
        best: true,
      })
      const imet = routes.find((route) => route.type === 3)
      t.match(imet, { originator: h2.vtep4, nextHop: h2.vtep4, label: vni, best: true })
    })

    await t.test('TCP both ways with offloads on', async (t) => {
      for (const [from, to, address] of [
        [vm1!, vm2, ipOf(2)],
        [vm2, vm1!, ipOf(1)],
      ] as const) {
        const whole = await passes(from, address, { sizeBytes: 1472, whole: true })
        t.ok(whole, `${from.name}: a full-size packet crosses`)
        const { bitsPerSecond } = await tcp(from, to, address)
        t.ok(bitsPerSecond > 100e6, `${from.name}: ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
      }
      const { bitsPerSecond } = await tcp(vm1!, vm2, '2001:db8:100::2')
      t.ok(bitsPerSecond > 100e6, `over IPv6: ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
    })

    await t.test('ARP is answered where the answer is known', async (t) => {
      // FRR announces MAC+IP once the bridge's own address has heard from the tenant.
      await reaches(vm2, ipOf(250))
      await until('MAC+IP of FRR', async () =>
        (await vtep.macs()).some((row) => row.mac === macOf(2) && row.ips.includes(ipOf(2))),
      )
      for (const [asker, target, address] of [
        [vm1!, vm2, ipOf(2)],
        [vm2, vm1!, ipOf(1)],
      ] as const) {
        const broadcast = 'arp[6:2] = 1 and ether broadcast'
        const crossed = await counted(target, 'eth0', broadcast, async () => {
          await asker.exec(['ip', 'neigh', 'flush', 'dev', 'eth0'])
          await reaches(asker, address)
        })
        t.same(crossed, [], `no request of ${asker.name} reaches ${target.name}`)
      }
    })

    await t.test('the same words, columns and keys', async (t) => {
      for (const { words, without } of shows) {
        const theirs = keysOf(JSON.parse(await frr.vtysh(`show ${words} json`)))
        const { stdout } = await vtep.cli('show', ...words.split(' '), 'json')
        const ours = new Set(keysOf(JSON.parse(stdout)))
        const missing = theirs.filter((key) => !ours.has(key) && !without.includes(key))
        t.same(missing, [], `show ${words} json`)
      }
      for (const words of ['evpn vni', `evpn mac vni ${vni}`]) {
        const heading = (text: string): string => /^(MAC|VNI) .*$/m.exec(text)?.[0].trimEnd() ?? ''
        const { stdout } = await vtep.cli('show', ...words.split(' '))
        t.equal(heading(stdout), heading(await frr.vtysh(`show ${words}`)), `show ${words}`)
      }
    })

    await t.test('withdrawn on both sides when the ports go', async () => {
      await h2.ip('link set vm2 nomaster')
      await vtep.forgot(macOf(2))
      await vm1!.ip('link set eth0 down')
      await until('FRR removes our MAC', async () => !(await kernel.remoteOf(macOf(1))))
    })
  })
}

test('a port moves from FRR to us and back', { skip }, async (t) => {
  // The interface is not here yet: the port waits for it.
  const { h1, h2, vtep, kernel } = await pair(
    t,
    [65000, 65000],
    [{ name: 'vm1', wait: true }, 'vm3'],
    async (host) => {
      await host.tenant('vm3', tenantOptions(3))
    },
  )
  const vm1 = await h2.tenant('vm1', { ...tenantOptions(1), bridge: kernel.bridge })
  const vm2 = await h2.tenant('vm2', { ...tenantOptions(2), bridge: kernel.bridge })
  await reaches(vm1, ipOf(3))
  await vtep.learned(macOf(1), { kind: 'remote', dst: h2.vtep4 })
  for (let round = 1; round <= 2; round++) {
    await vm1.move(h1)
    await until('our port opens', async () => {
      await vm1.announce(ipOf(1))
      return (await vtep.macs()).some((row) => row.mac === macOf(1) && row.kind === 'local')
    })
    await until('FRR follows', async () => (await kernel.remoteOf(macOf(1))) === h1.vtep4)
    await reaches(vm2, ipOf(1))
    await reaches(vm1, ipOf(3))

    await vm1.move(h2, kernel.bridge)
    await vm1.announce(ipOf(1))
    await vtep.learned(macOf(1), { kind: 'remote', dst: h2.vtep4 })
    await until('FRR forgets us', async () => (await kernel.remoteOf(macOf(1))) === undefined)
    await reaches(vm2, ipOf(1))
    await reaches(vm1, ipOf(3))
  }
  t.pass('both sides agreed after every move')
})

test('sequence numbers decide who has a MAC', { skip }, async (t) => {
  // Both ends of a live migration exist for a while: whoever spoke last has the MAC.
  const twin = { mac: macOf(1), ip4: `${ipOf(1)}/24`, ipv6: false }
  const { h1, h2, vtep, frr, kernel } = await pair(t, [65000, 65000], ['vm1'], async (host) => {
    await host.tenant('vm1', twin)
  })
  const ours = h1.lab.find('h1-vm1') as Tenant
  const theirs = await h2.tenant('vm9', { ...twin, bridge: kernel.bridge })

  await theirs.announce(ipOf(1))
  const first = await vtep.learned(macOf(1), { kind: 'remote', dst: h2.vtep4 })
  await ours.announce(ipOf(1))
  const second = await vtep.learned(macOf(1), { kind: 'local' })
  t.equal(second.sequence, first.sequence + 1, 'we took it over with the next number')
  const yielded = await until('FRR yields', async () => {
    const row = await frr.mac(vni, macOf(1))
    return row?.type === 'remote' ? row : undefined
  })
  t.match(yielded, { remoteVtep: h1.vtep4, remoteSequence: second.sequence })
  t.equal(await kernel.remoteOf(macOf(1)), h1.vtep4)
  const path = await frrPath(frr, `[2]:[0]:[48]:[${macOf(1)}]`)
  t.match(path.extendedCommunity?.string ?? '', `MM:${second.sequence}`)

  await theirs.announce(ipOf(1))
  const third = await vtep.learned(macOf(1), { kind: 'remote', dst: h2.vtep4 })
  t.equal(third.sequence, second.sequence + 1, 'FRR took it back with the next number')
  t.match(await frr.mac(vni, macOf(1)), { type: 'local', localSequence: third.sequence })
})
