// ExaBGP: injects and withdraws EVPN routes as bytes that we did not write, and decodes ours.

import { test } from 'tap'
import { missing, routedFabric, startExabgp, startVtep, until } from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

const octets = (mac: string): number[] => mac.split(':').map((part) => Number.parseInt(part, 16))
const address = (ip: string): number[] => ip.split('.').map(Number)
const rd = (ip: string): number[] => [0, 1, ...address(ip), 0, 1]
const label = [vni >> 16, (vni >> 8) & 0xff, vni & 0xff]

/** Type 2, RFC 7432 section 7.2: RD, ESI, Ethernet tag, MAC, IP, label. */
function macIp(vtep: string, mac: string, ip: string): number[] {
  const body = [
    ...rd(vtep),
    ...Array<number>(10 + 4).fill(0),
    48,
    ...octets(mac),
    32,
    ...address(ip),
    ...label,
  ]
  return [2, body.length, ...body]
}

const afiSafi = [0, 25, 70]
const reach = (nextHop: string, nlri: readonly number[]): Uint8Array =>
  Uint8Array.from([...afiSafi, 4, ...address(nextHop), 0, ...nlri])
const unreach = (nlri: readonly number[]): Uint8Array => Uint8Array.from([...afiSafi, ...nlri])

test('ExaBGP injects and withdraws', { skip: missing('exabgp') }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await h1.tenant('vm1', tenantOptions(1))
  const routeTarget = `65000:${vni}`
  // The route that carries our bytes is one of IPv4.
  const peers = [{ address: h2.vtep4, asn: 65000, families: ['evpn', 'ipv4'] }]
  const vtep = await startVtep(h1, leaf(h1, { peers, ports: ['vm1'], routeTarget }))
  const exabgp = await startExabgp(h2, { asn: 65000, peers: [{ address: h1.vtep4, asn: 65000 }] })
  await vtep.established()
  await vm1.announce(ipOf(1))

  await t.test('it decodes our types 3 and 2', async () => {
    await until('type 3', () => /"code": 3, "parsed": true/.test(exabgp.events()))
    await until('type 2', () => new RegExp(`"code": 2,.*${macOf(1)}`, 'i').test(exabgp.events()))
  })

  const encapsulation = '0x030c000000000008'
  await t.test('a route comes and goes', async (t) => {
    const nlri = macIp(h2.vtep4, macOf(2), ipOf(2))
    exabgp.reach(reach(h2.vtep4, nlri), [`target:${routeTarget}`, encapsulation])
    const row = await vtep.learned(macOf(2), { kind: 'remote' })
    t.match(row, { vni, dst: h2.vtep4, ips: [ipOf(2)], sequence: 0 })
    exabgp.unreach(unreach(nlri))
    await vtep.forgot(macOf(2))
  })

  await t.test('a sticky MAC with sequence number', async (t) => {
    const nlri = macIp(h2.vtep4, macOf(3), ipOf(3))
    // MAC Mobility, RFC 7432 section 7.7: flags 1 = sticky, sequence 7.
    const communities = [`target:${routeTarget}`, encapsulation, '0x0600010000000007']
    exabgp.reach(reach(h2.vtep4, nlri), communities)
    const row = await vtep.learned(macOf(3), { kind: 'remote' })
    t.match(row, { sequence: 7, sticky: true })
    exabgp.unreach(unreach(nlri))
    await vtep.forgot(macOf(3))
  })

  await t.test('what some vendors send and others do not', async (t) => {
    const known = (n: number) => vtep.learned(macOf(n), { kind: 'remote', dst: h2.vtep4 })
    const target = `target:${routeTarget}`
    // No encapsulation community, and one of another tunnel beside VXLAN.
    exabgp.reach(reach(h2.vtep4, macIp(h2.vtep4, macOf(6), ipOf(6))), [target])
    await known(6)
    const mpls = '0x030c00000000000a'
    exabgp.reach(reach(h2.vtep4, macIp(h2.vtep4, macOf(7), ipOf(7))), [target, mpls, encapsulation])
    await known(7)
    // Route types that are not known, in front of one that is: they are skipped by their length.
    const strange = [9, 10, 11, 200].flatMap((type) => [type, 5, 1, 2, 3, 4, 5])
    const good = macIp(h2.vtep4, macOf(8), ipOf(8))
    exabgp.reach(reach(h2.vtep4, [...strange, ...good]), [target, encapsulation])
    await known(8)
    // A route that contradicts itself, in front of a good one (RFC 7606 section 5.4): a MAC of 47 bits.
    const broken = macIp(h2.vtep4, macOf(9), ipOf(9)).map((octet, i) => (i === 24 ? 47 : octet))
    const next = macIp(h2.vtep4, macOf(10), ipOf(10))
    exabgp.reach(reach(h2.vtep4, [...broken, ...next]), [target, encapsulation])
    await known(10)
    t.notOk((await vtep.macs()).some((row) => row.mac === macOf(9)))
    // Withdrawn with another label than it had, and with two.
    const zero = [...good.slice(0, -3), 0x80, 0, 0]
    exabgp.unreach(unreach(zero))
    await vtep.forgot(macOf(8))
    const two = [2, next[1]! + 3, ...next.slice(2), 0, 0, 0]
    exabgp.unreach(unreach([...strange, ...two]))
    await vtep.forgot(macOf(10))
    t.match(await vtep.peers(), [{ state: 'Established' }])
  })

  await t.test('another route target is none of our business', async (t) => {
    const nlri = macIp(h2.vtep4, macOf(4), ipOf(4))
    exabgp.reach(reach(h2.vtep4, nlri), ['target:65000:99', encapsulation])
    const good = macIp(h2.vtep4, macOf(5), ipOf(5))
    exabgp.reach(reach(h2.vtep4, good), [`target:${routeTarget}`, encapsulation])
    await vtep.learned(macOf(5), { kind: 'remote' })
    t.notOk((await vtep.macs()).some((row) => row.mac === macOf(4)))
    t.equal((await vtep.peers())[0]?.state, 'Established')
  })
})
