// Peers named by interface, with FRR: found by router advertisements, joined over link-local addresses, IPv4 prefixes with
// IPv6 next hops (RFC 8950).

import t, { test } from 'tap'
import {
  type Frr,
  type Host,
  missing,
  reaches,
  startFrr,
  startVtep,
  until,
  type Vtep,
  wire,
} from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

const skip = missing('vtysh', 'bgpd')

// They wait for advertisements, each in networks of its own.
t.jobs = 3

async function linkLocal(host: Host): Promise<string> {
  return until(`${host.name}: a link-local address`, async () => {
    const text = await host.exec(['ip', '-6', '-o', 'addr', 'show', 'dev', 'eth0', 'scope', 'link'])
    return text.includes('tentative') ? undefined : /inet6 (fe80[^/]*)/.exec(text)?.[1]
  })
}

function frrLines(passive: boolean): string[] {
  return [
    'router bgp 65002',
    ' neighbor eth0 interface remote-as external',
    ' neighbor eth0 timers 3 9',
    ' neighbor eth0 timers connect 1',
    ' neighbor eth0 advertisement-interval 0',
    ...(passive ? [' neighbor eth0 passive'] : []),
    ' address-family ipv4 unicast',
    '  neighbor eth0 activate',
    '  network 10.255.0.2/32',
    ' exit-address-family',
    ' address-family l2vpn evpn',
    '  neighbor eth0 activate',
    ' exit-address-family',
    'exit',
  ]
}

const established = (vtep: Vtep, frr: Frr): Promise<unknown> =>
  Promise.all([vtep.established('eth0', 30), frr.established('eth0', 30)])

for (const who of ['we connect', 'FRR connects'] as const) {
  test(`unnumbered: ${who}`, { skip, buffered: true }, async (t) => {
    const weConnect = who === 'we connect'
    const { hosts } = await wire(t)
    const [h1, h2] = [hosts[0]!, hosts[1]!]
    const vm1 = await h1.tenant('vm1', tenantOptions(1))
    const kernel = await h2.kernelVtep(vni)
    await h2.tenant('vm2', { ...tenantOptions(2), bridge: kernel.bridge })
    // Nothing but link-local addresses, or FRR would prefer the others as next hop.
    await h1.ip(`addr del ${h1.vtep6}/64 dev eth0`)
    await h2.ip(`addr del ${h2.vtep6}/64 dev eth0`, 'addr add 10.255.0.2/32 dev lo')
    const ours = await linkLocal(h1)
    const theirs = await linkLocal(h2)
    const frr = await startFrr(h2, { asn: 65002, peers: [], extra: frrLines(weConnect) })
    const config = leaf(h1, { asn: 65001, ports: ['vm1'] })
    const neighbor = {
      interface: 'eth0',
      asn: 'external',
      families: ['evpn', 'ipv4'],
      passive: !weConnect,
      holdTimeSeconds: 9,
    }
    const listen = weConnect ? {} : { listen: { address: '::' } }
    const bgp = { announceVtep: true, ...listen, neighbors: [neighbor] }
    const vtep = await startVtep(h1, { ...config, bgp })
    await established(vtep, frr)
    t.match(await vtep.peers(), [{ peer: 'eth0', asn: 65002 }])

    await t.test('IPv4 prefixes by link-local next hops, both ways', async (t) => {
      const row = await until('its prefix', async () =>
        (await vtep.routes('--family', 'ipv4')).find(({ peer }) => peer === 'eth0'),
      )
      t.match(row, { prefix: '10.255.0.2/32', nextHop: theirs })
      const route = await until('ours in its kernel', async () => {
        const text = await h2.exec(['ip', 'route', 'show', '10.255.0.1'])
        return text.includes('via') && text
      })
      t.match(route, `via inet6 ${ours} dev eth0`)
    })

    await t.test('and EVPN as ever', async (t) => {
      await reaches(vm1, ipOf(2))
      t.match(await vtep.learned(macOf(2), { kind: 'remote' }), { dst: h2.vtep4 })
    })

    await t.test('withdrawn, and back over a new interface', async () => {
      await h1.ip('link set eth0 down')
      await until(
        'the session ends',
        async () => (await vtep.peers()).every(({ state }) => state !== 'Established'),
        { seconds: 15 },
      )
      await until(
        'it is withdrawn there',
        async () => {
          const text = await h2.exec(['ip', 'route', 'show', '10.255.0.1'])
          return !text.includes('via')
        },
        { seconds: 15 },
      )
      await h1.ip('link set eth0 up', `addr replace ${h1.vtep4}/24 dev eth0`)
      await established(vtep, frr)
    })
  })
}

test('two of us, and an interface that comes later', {
  skip: missing(),
  buffered: true,
}, async (t) => {
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const daemons: Vtep[] = []
  for (const [i, host] of hosts.entries()) {
    const config = leaf(host, { asn: 65001 + i })
    const neighbor = { interface: 'eth0', asn: 'external', families: ['evpn', 'ipv4'] }
    const bgp = { announceVtep: true, listen: { address: '::' }, neighbors: [neighbor] }
    daemons.push(await startVtep(host, { ...config, bgp }))
  }
  for (const daemon of daemons) await daemon.established('eth0', 30)
  const [v1] = daemons
  const row = await until('its VTEP', async () =>
    (await v1!.routes('--family', 'ipv4')).find(({ peer }) => peer === 'eth0'),
  )
  t.match(row, { prefix: `${h2.vtep4}/32`, nextHop: await linkLocal(h2) })
  const refused = await v1!.cli('peer', 'add', '--interface', 'eth9', '--asn', 'external')
  t.equal(refused.code, 1)
  t.match(refused.stderr, /interface: expected an interface of this host \(.*eth0.*\), got eth9/)
  t.equal((await v1!.cli('peer', 'remove', 'eth0')).code, 0)
  await until('gone', async () => (await v1!.peers()).length === 0)
  const added = await v1!.cli('peer', 'add', '--interface', 'eth0', '--asn', 'external')
  t.equal(added.code, 0, added.stderr)
  await v1!.established('eth0', 30)
  t.ok(h1)
})
