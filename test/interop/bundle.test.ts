// VLAN-aware bundle: GoBGP announces routes of one RD and target under several Ethernet tags, and each lands in its network.

import { test } from 'tap'
import { missing, routedFabric, startGobgp, startVtep, until } from '../lab/index.js'
import { macOf } from './support.js'

const asn = 65000
const target = '65000:1'

test('the Ethernet tag chooses the network', { skip: missing('gobgpd', 'gobgp') }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const gobgp = await startGobgp(h2, { asn, peers: [{ address: h1.vtep4, asn }] })
  const bundled = (name: string, vni: number, ethernetTag: number) => ({
    name,
    vni,
    ethernetTag,
    routeDistinguisher: `${h1.vtep4}:1`,
    routeTargets: { import: [target], export: [target] },
  })
  const vtep = await startVtep(h1, {
    asn,
    vtep: { address: h1.vtep4 },
    bgp: { listen: {}, neighbors: [{ address: h2.vtep4, asn, families: ['evpn'] }] },
    networks: [bundled('a', 10101, 101), bundled('b', 10102, 102)],
  })
  await vtep.established()
  await until('ours are told apart by their tag', async () => {
    const rib = await gobgp.rib()
    return [101, 102].every((tag) =>
      new RegExp(`type:multicast.*etag:${tag}.*${h1.vtep4}`).test(rib),
    )
  })
  const rd = `${h2.vtep4}:1`
  const host = (n: number, tag: number, label: number) =>
    gobgp.add(
      ...['macadv', macOf(n), '0.0.0.0', 'etag', `${tag}`, 'label', `${label}`],
      ...['rd', rd, 'rt', target, 'encap', 'vxlan'],
    )
  await host(1, 101, 10101)
  await host(2, 102, 10102)
  await host(3, 103, 10102)
  await gobgp.add(
    ...['multicast', h2.vtep4, 'etag', '102', 'rd', rd, 'rt', target, 'encap', 'vxlan'],
    ...['pmsi', 'ingress-repl', '10102', h2.vtep4],
  )
  t.match(await vtep.learned(macOf(1)), { network: 'a', dst: h2.vtep4 })
  t.match(await vtep.learned(macOf(2)), { network: 'b', dst: h2.vtep4 })
  await until('broadcasts of b alone go there', async () => {
    const networks = await vtep.read<{ name: string; vteps: string[] }[]>('networks')
    return JSON.stringify(networks.map(({ vteps }) => vteps)) === JSON.stringify([[], [h2.vtep4]])
  })
  t.same((await vtep.macs()).length, 2, 'a tag that we do not have is nobody’s')
})
