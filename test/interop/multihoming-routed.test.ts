// A tenant behind two hosts that share a segment, and one of another subnet behind a third host, which has no network of the first: routed
// flows take both ways, though one host alone has seen the tenant, and when its link fails they go on by the other.

import { test } from 'tap'
import {
  counted,
  type Host,
  Multihomed,
  missing,
  reaches,
  routedFabric,
  startVtep,
  until,
  type Vtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, reflector } from './support.js'

const asn = 65000
const CE = 9
const FLOWS = 64

test('routed flows to a segment', { skip: missing('tcpdump', 'bridge') }, async (t) => {
  const { spine, hosts } = await routedFabric(t, { hosts: 3 })
  const [h1, h2, h3] = hosts as [Host, Host, Host]
  const ce = await Multihomed.create([h1, h2], 'ce', { mac: macOf(CE), ip4: `${ipOf(CE)}/24` })
  await ce.ip(`route add default via ${ipOf(254)}`)
  const vm = await h3.tenant('vm', { mac: macOf(3), ip4: '10.2.0.3/24', ipv6: false })
  await vm.ip('route add default via 10.2.0.1')
  const clients = hosts.map(({ vtep4 }) => ({ address: vtep4, asn, passive: true }))
  await startVtep(spine, reflector(spine, asn, clients))
  const peers = [{ address: spine.vtep4, asn }]
  const vrfs = [{ name: 'red', vni: 50001 }]
  const ethernetSegment = { esi: '03:02:00:00:00:00:01:00:00:01', df: { waitSeconds: 1 } }
  const more = { vrf: 'red', gateway: [`${ipOf(254)}/24`] }
  const daemons: Vtep[] = []
  for (const host of [h1, h2]) {
    const config = leaf(host, { asn, peers, ports: [{ name: 'ce', ethernetSegment }], more })
    daemons.push(await startVtep(host, { ...config, vrfs }))
  }
  const green = { name: 'green', vni: 10200, vrf: 'red', gateway: ['10.2.0.1/24'] }
  const config = leaf(h3, { asn, peers })
  const networks = [{ ...green, ports: [{ name: 'vm' }] }]
  const far = await startVtep(h3, { ...config, vrfs, networks })
  for (const daemon of [...daemons, far]) await daemon.established()

  const paths = async (): Promise<readonly (string | null)[]> => {
    const rows = await far.read<{ prefix: string; dst: string | null }[]>('prefixes')
    return rows.filter(({ prefix }) => prefix === `${ipOf(CE)}/32`).map(({ dst }) => dst)
  }
  const leads = (...vteps: readonly Host[]) =>
    until(`it leads to ${vteps.map(({ name }) => name).join()}`, async () => {
      return [...(await paths())].sort().join() === vteps.map(({ vtep4 }) => vtep4).join()
    })
  await reaches(ce, ipOf(254))
  await leads(h1, h2)
  const told = (await far.routes('--type', '2')).filter(({ ip }) => ip === ipOf(CE))
  t.match(told, [{ nextHop: h1.vtep4 }], 'one has seen it')

  await reaches(vm, ipOf(CE))
  const flows = `for i in $(seq ${FLOWS}); do echo x > /dev/udp/${ipOf(CE)}/$((10000 + i)); done`
  const [first, second] = ce.links as [string, string]
  const filter = `udp and dst ${ipOf(CE)}`
  let inner: readonly string[] = []
  const outer = await counted(ce, first, filter, async () => {
    inner = await counted(ce, second, filter, async () => {
      await vm.exec(['bash', '-c', flows])
    })
  })
  t.equal(outer.length + inner.length, FLOWS, 'each once')
  t.ok(
    outer.length > 10 && inner.length > 10,
    `${outer.length} by one, ${inner.length} by the other`,
  )

  await ce.cut(first)
  await until('the first host is out', async () => !(await paths()).includes(h1.vtep4))
  // The route of the host has gone with the only one who had seen its address: by that of the subnet it is asked for.
  await reaches(vm, ipOf(CE))
  await leads(h2)
})
