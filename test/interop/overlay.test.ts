// Routes that lead by way of something else, told by ExaBGP for two kernels that are VTEPs by hand: a host behind a segment that both have, a
// prefix behind it (RFC 9136 section 4.3), and one behind a router's MAC (section 4.4.3).

import { test } from 'tap'
import {
  counted,
  type Host,
  missing,
  reaches,
  routedFabric,
  startExabgp,
  startVtep,
  until,
} from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

const l3 = 50001
const asn = 65000
const hostIp = '10.9.9.9'
const behindSegment = '192.0.2.0'
const behindRouter = '198.51.100.0'
const addressIn = (net: string): string => net.replace(/0$/, '1')

const octets = (text: string): number[] => text.split(':').map((part) => Number.parseInt(part, 16))
const address = (ip: string): number[] => ip.split('.').map(Number)
const number = (value: number, length: number): number[] =>
  Array.from({ length }, (_, i) => Math.floor(value / 256 ** (length - 1 - i)) % 256)
const rd = (ip: string, n: number): number[] => [0, 1, ...address(ip), 0, n]

const esi = octets('00:01:02:03:04:05:06:07:08:09')
const noEsi = Array<number>(10).fill(0)
const nlri = (type: number, body: readonly number[]): number[] => [type, body.length, ...body]

const ead = (vtep: string, n: number, tag: number, label: number): number[] =>
  nlri(1, [...rd(vtep, n), ...esi, ...number(tag, 4), ...number(label, 3)])
const wholeSegment = (vtep: string): number[] => ead(vtep, 9, 0xffffffff, 0)

function macIp(vtep: string, mac: string, ip?: string): number[] {
  const head = [...rd(vtep, 2), ...(ip === undefined ? noEsi : esi), 0, 0, 0, 0, 48, ...octets(mac)]
  const tail = ip === undefined ? [0] : [32, ...address(ip)]
  const labels = [...number(vni, 3), ...(ip === undefined ? [] : number(l3, 3))]
  return nlri(2, [...head, ...tail, ...labels])
}

const prefix = (vtep: string, net: string, segment: readonly number[]): number[] =>
  nlri(5, [...rd(vtep, 5), ...segment, 0, 0, 0, 0, 24, ...address(net), 0, 0, 0, 0, 0, 0, 0])

const reach = (nextHop: string, routes: readonly number[]): Uint8Array =>
  Uint8Array.from([0, 25, 70, 4, ...address(nextHop), 0, ...routes])
const unreach = (routes: readonly number[]): Uint8Array => Uint8Array.from([0, 25, 70, ...routes])

const encapsulation = '0x030c000000000008'
const esiLabel = '0x0601000000000000'
const routerMac = (mac: string): string => `0x0603${mac.replaceAll(':', '')}`
const ofNetwork = `target:${asn}:${vni}`
const ofVrf = `target:${asn}:${l3}`

/** Of the kernels: in the IP-VRF, and in the network. */
const macs = (n: number): { readonly routed: string; readonly bridged: string } => ({
  routed: `02:00:00:00:f${n}:01`,
  bridged: `02:00:00:00:f${n}:02`,
})

/** A router with an address of each kind, that answers by the IP-VRF. */
async function kernelRouter(host: Host, n: number, first: Host): Promise<void> {
  const device = (name: string, id: number, mac: string): string[] => [
    `link add ${name} type vxlan id ${id} local ${host.vtep4} dstport 4789 nolearning`,
    `link set ${name} address ${mac} addrgenmode none up`,
  ]
  const ours = `02:76:${octetsText(first.vtep4)}`
  await host.ip(
    ...device('routed', l3, macs(n).routed),
    ...device('bridged', vni, macs(n).bridged),
    ...[hostIp, addressIn(behindSegment), addressIn(behindRouter)].map(
      (ip) => `addr add ${ip}/32 dev lo`,
    ),
    `route add ${ipOf(1)}/32 dev routed src ${hostIp}`,
    `neigh add ${ipOf(1)} lladdr ${ours} dev routed`,
  )
  await host.bridge(`fdb add ${ours} dev routed dst ${first.vtep4} self`)
}

const octetsText = (ip: string): string =>
  address(ip)
    .map((octet) => octet.toString(16).padStart(2, '0'))
    .join(':')

test('overlay indices', { skip: missing('exabgp', 'tcpdump', 'bridge') }, async (t) => {
  const { hosts } = await routedFabric(t, { hosts: 3 })
  const [h1, h2, h3] = hosts as [Host, Host, Host]
  const vm1 = await h1.tenant('vm1', tenantOptions(1))
  await vm1.ip(`route add default via ${ipOf(254)}`)
  const more = { vrf: 'red', gateway: [`${ipOf(254)}/24`] }
  const peers = [{ address: h2.vtep4, asn, families: ['evpn', 'ipv4'] }]
  const config = leaf(h1, { asn, peers, ports: ['vm1'], more })
  const vtep = await startVtep(h1, { ...config, vrfs: [{ name: 'red', vni: l3 }] })
  await kernelRouter(h2, 2, h1)
  await kernelRouter(h3, 3, h1)
  const exabgp = await startExabgp(h2, { asn, peers: [{ address: h1.vtep4, asn }] })
  await vtep.established()

  interface Row {
    readonly prefix: string
    readonly dst: string | null
    readonly mac: string | null
  }
  const leads = (to: string, ...vteps: readonly Host[]) =>
    until(`${to} leads to ${vteps.map(({ name }) => name).join()}`, async () => {
      const rows = (await vtep.read<Row[]>('prefixes')).filter((row) => row.prefix === to)
      const got = rows.map(({ dst }) => dst).sort()
      return got.join() === vteps.map(({ vtep4 }) => vtep4).join()
    })
  const pinged = async (at: Host, device: string, to: string): Promise<number> =>
    (await counted(at, device, `icmp and dst ${to}`, () => reaches(vm1, to))).length

  for (const host of [h2, h3]) {
    exabgp.reach(reach(host.vtep4, wholeSegment(host.vtep4)), [ofVrf, encapsulation, esiLabel])
  }
  const circuit = ead(h3.vtep4, 3, 0, l3)
  const communities = [ofVrf, encapsulation, routerMac(macs(3).routed)]
  exabgp.reach(reach(h3.vtep4, circuit), communities)
  const host = macIp(h2.vtep4, macOf(7), hostIp)
  const ofHost = [ofNetwork, ofVrf, encapsulation, routerMac(macs(2).routed)]
  exabgp.reach(reach(h2.vtep4, host), ofHost)

  await t.test('a host that one VTEP tells of is reached by both', async (t) => {
    await leads(`${hostIp}/32`, h2, h3)
    await reaches(vm1, hostIp)
    const flows = 'for i in $(seq 64); do echo x > /dev/udp/10.9.9.9/$((10000 + i)); done'
    let second: readonly string[] = []
    const third = await counted(h3, 'routed', 'udp', async () => {
      second = await counted(h2, 'routed', 'udp', async () => {
        await vm1.exec(['bash', '-c', flows])
      })
    })
    t.equal(second.length + third.length, 64, 'each flow by one of them')
    t.ok(second.length > 10 && third.length > 10, `${second.length} and ${third.length}`)
  })

  await t.test('a VTEP is no longer connected, though it tells of the host still', async (t) => {
    exabgp.unreach(unreach(wholeSegment(h2.vtep4)))
    await leads(`${hostIp}/32`, h3)
    t.ok((await pinged(h3, 'routed', hostIp)) > 0)
  })

  await t.test('a prefix behind the segment leads into the network that has it', async (t) => {
    const ofPrefix = [ofVrf, encapsulation, routerMac(macs(3).bridged)]
    exabgp.reach(reach(h2.vtep4, prefix(h2.vtep4, behindSegment, esi)), ofPrefix)
    await leads(`${behindSegment}/24`, h3)
    exabgp.unreach(unreach(circuit))
    await leads(`${behindSegment}/24`)
    exabgp.reach(reach(h3.vtep4, ead(h3.vtep4, 2, 0, vni)), [ofNetwork, encapsulation])
    await leads(`${behindSegment}/24`, h3)
    t.ok((await pinged(h3, 'bridged', addressIn(behindSegment))) > 0)
  })

  await t.test('a prefix behind the MAC of a router', async (t) => {
    const { bridged } = macs(2)
    exabgp.reach(reach(h2.vtep4, prefix(h2.vtep4, behindRouter, noEsi)), [
      ofVrf,
      encapsulation,
      routerMac(bridged),
    ])
    const router = macIp(h2.vtep4, bridged)
    exabgp.reach(reach(h2.vtep4, router), [ofNetwork, encapsulation])
    await leads(`${behindRouter}/24`, h2)
    t.ok((await pinged(h2, 'bridged', addressIn(behindRouter))) > 0)
    exabgp.unreach(unreach(router))
    await leads(`${behindRouter}/24`)
  })
})
