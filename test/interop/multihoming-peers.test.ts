// Ethernet segments between us and others: FRR as the leaf that reaches our segment, GoBGP as a VTEP of it. An FRR that has a
// segment itself wants a bond of the kernel, which not every kernel has.

import { test } from 'tap'
import type { SegmentView } from '../../src/host/views/index.js'
import {
  counted,
  Multihomed,
  missing,
  ping,
  reaches,
  routedFabric,
  sleep,
  startFrr,
  startGobgp,
  startVtep,
  until,
  type Vtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, vni } from './support.js'

const ASN = 65000
const CE = 9
const ESI = '03:02:00:00:00:00:01:00:00:01'

test('FRR reaches a segment of ours by both of its hosts', {
  skip: missing('vtysh', 'bgpd', 'tcpdump', 'bridge'),
}, async (t) => {
  const { hosts } = await routedFabric(t, { hosts: 3 })
  const [h1, h2, h3] = [hosts[0]!, hosts[1]!, hosts[2]!]
  const ours = [h1, h2] as const
  const ce = await Multihomed.create(ours, 'ce', { mac: macOf(CE), ip4: `${ipOf(CE)}/24` })
  const kernel = await h3.kernelVtep(vni)
  const quiet = { mac: macOf(3), ip4: `${ipOf(3)}/24`, ipv6: false }
  const vm3 = await h3.tenant('vm3', { ...quiet, bridge: kernel.bridge })
  const to = (...addresses: string[]) => addresses.map((address) => ({ address, asn: ASN }))
  const frr = await startFrr(h3, { asn: ASN, peers: to(h1.vtep4, h2.vtep4) })
  const daemons: Vtep[] = []
  for (const host of ours) {
    const ethernetSegment = { esi: ESI, df: { waitSeconds: 1 } }
    const other = host === h1 ? h2 : h1
    const peers = to(h3.vtep4, other.vtep4)
    const ports = [{ name: 'ce', ethernetSegment }]
    daemons.push(await startVtep(host, leaf(host, { asn: ASN, peers, ports })))
  }
  for (const daemon of daemons) await daemon.established()

  interface Segment {
    readonly vteps?: readonly { readonly vtep: string; readonly nexthopId?: number }[]
  }
  const vteps = async (): Promise<readonly string[]> => {
    const segment = await frr.json<Segment>(`show evpn es ${ESI}`)
    return (segment.vteps ?? []).map(({ vtep }) => vtep).sort()
  }
  await until('FRR knows both', async () => {
    await ping(vm3, ipOf(CE))
    return (await vteps()).join() === `${h1.vtep4},${h2.vtep4}`
  })
  await reaches(vm3, ipOf(CE))
  // FRR may hear of a host of ours before that one hears of FRR, and is nobody to it then.
  for (const daemon of daemons) await daemon.learned(macOf(3))
  t.match(await h3.exec(['bridge', 'fdb', 'show', 'dev', 'vxlan10100']), `${macOf(CE)} nhid `)
  const routes = await frr.vtysh('show bgp l2vpn evpn route type ead')
  t.match(routes, `[1]:[4294967295]:[${ESI}]`)
  t.match(routes, 'ESI-label-Rt:AA', 'all-active')

  const udp = `udp and ether src ${macOf(3)}`
  const script = `for i in $(seq 64); do echo x > /dev/udp/${ipOf(CE)}/$((10000 + i)); done`
  let inner: readonly string[] = []
  const outer = await counted(ce, 'eth1', udp, async () => {
    inner = await counted(ce, 'eth2', udp, async () => {
      await vm3.exec(['bash', '-c', script])
    })
  })
  t.equal(outer.length + inner.length, 64, 'each once')
  t.ok(outer.length > 5 && inner.length > 5, `${outer.length} and ${inner.length}`)

  const running = ping(vm3, ipOf(CE), { count: 150, intervalSeconds: 0.01 })
  await sleep(0.3)
  await ce.cut('eth1')
  const { received } = await running
  t.ok(received > 130, `${received} of 150 pings while the first link fails`)
  t.same(await vteps(), [h2.vtep4], 'FRR has heard of it')
})

test('GoBGP is a VTEP of our segment, and of another', {
  skip: missing('gobgpd', 'gobgp'),
}, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  await h1.tenant('ce', { mac: macOf(CE), ip4: `${ipOf(CE)}/24` })
  const gobgp = await startGobgp(h2, { asn: ASN, peers: [{ address: h1.vtep4, asn: ASN }] })
  const ethernetSegment = {
    lacp: { systemMac: '02:00:00:00:00:01', key: 5 },
    df: { waitSeconds: 1 },
  }
  const ports = [{ name: 'ce', ethernetSegment }]
  const peers = [{ address: h2.vtep4, asn: ASN }]
  const vtep = await startVtep(h1, leaf(h1, { asn: ASN, peers, ports }))
  await vtep.established()
  const shared = ['esi', 'LACP', '02:00:00:00:00:01', '5']
  const other = ['esi', 'MAC', '02:00:00:00:00:02', '7']
  const network = ['rd', `${h2.vtep4}:${vni}`, 'rt', `${ASN}:${vni}`, 'encap', 'vxlan']
  const whole = ['rd', `${h2.vtep4}:0`, 'rt', `${ASN}:${vni}`, 'encap', 'vxlan']
  const ead = (esi: readonly string[]): string[] => {
    const tag = ['etag', '4294967295', 'label', '0']
    return ['a-d', ...esi, ...tag, ...whole, 'esi-label', '0']
  }
  const host = (esi: readonly string[], n: number): string[] => {
    const label = ['etag', '0', 'label', `${vni}`]
    return ['macadv', macOf(n), '0.0.0.0', ...esi, ...label, ...network]
  }
  for (const esi of [shared, other]) {
    await gobgp.add('a-d', ...esi, 'etag', '0', 'label', `${vni}`, ...network)
    await gobgp.add(...ead(esi))
  }
  await gobgp.add('esi', h2.vtep4, ...shared, ...whole)
  await gobgp.add(...host(shared, 7))
  await gobgp.add(...host(other, 8))
  const segments = () => vtep.request<SegmentView[]>('GET', '/v1/segments')
  await vtep.learned(macOf(7))
  await vtep.learned(macOf(8))
  await until('the forwarder is elected', async () => (await segments())[0]?.networks[0]?.df)

  const member = { dst: h2.vtep4, active: true }
  t.match(await segments(), [
    {
      esi: '01:02:00:00:00:00:01:00:05:00',
      kind: 'local',
      state: 'up',
      algorithm: 'modulo',
      networks: [{ df: h1.vtep4, designated: true }],
      members: [{ ...member, algorithm: 'modulo' }],
    },
    {
      esi: '03:02:00:00:00:00:02:00:00:07',
      kind: 'remote',
      members: [{ ...member, algorithm: null }],
    },
  ])
  t.match(await vtep.learned(macOf(7)), { kind: 'remote', ifname: 'ce', dst: h2.vtep4 })
  t.match(await vtep.learned(macOf(8)), { kind: 'remote', ifname: null, dst: h2.vtep4 })

  const rib = await gobgp.rib()
  t.match(rib, /type:A-D\].*port key 5\].*etag:4294967295\].*10\.255\.0\.1/)
  t.match(rib, /type:esi\].*port key 5\]\[ip:10\.255\.0\.1\].*es-import rt: 02:00:00:00:00:01/)

  await gobgp.remove(...ead(other))
  await until('it is no longer connected', async () =>
    (await segments()).every(({ kind }) => kind === 'local'),
  )
  await gobgp.remove('esi', h2.vtep4, ...shared, ...whole)
  await until('it takes no part any more', async () =>
    (await segments())[0]?.members.every(({ algorithm }) => algorithm === null),
  )
})
