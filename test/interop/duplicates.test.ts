// One MAC at two places that both speak: after five moves in three minutes it is left alone (RFC 7432 section 15.1), which
// is told as event and in the status, and ends by a verb.

import { test } from 'tap'
import { gratuitousArp, missing, routedFabric, startFrr, startVtep, until } from '../lab/index.js'
import { ipOf, leaf, macOf, vni } from './support.js'

const skip = missing('vtysh', 'bgpd', 'python3')

interface Health {
  readonly health: readonly { readonly code: string; readonly text: string }[]
}

test('two hosts with one MAC, behind us and behind FRR', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const [mac, ip] = [macOf(1), ipOf(1)]
  const twin = { mac, ip4: `${ip}/24`, ipv6: false }
  const ours = await h1.tenant('vm1', twin)
  const kernel = await h2.kernelVtep(vni)
  const theirs = await h2.tenant('vm1', { ...twin, bridge: kernel.bridge })
  const frr = await startFrr(h2, {
    asn: 65000,
    peers: [{ address: h1.vtep4, asn: 65000 }],
    extra: ['router bgp 65000', 'address-family l2vpn evpn', 'no dup-addr-detection'],
  })
  const vtep = await startVtep(
    h1,
    leaf(h1, { peers: [{ address: h2.vtep4, asn: 65000 }], ports: ['vm1'] }),
  )
  await vtep.established()
  const [here, there] = [await gratuitousArp(ours, mac, ip), await gratuitousArp(theirs, mac, ip)]

  await there()
  await vtep.learned(mac, { kind: 'remote', sequence: 0 })
  for (let n = 1; n <= 4; n++) {
    const isHere = n % 2 === 1
    if (isHere) await here()
    else await there()
    await vtep.learned(mac, { kind: isHere ? 'local' : 'remote', sequence: n })
    if (isHere) await until('FRR yields', async () => (await frr.mac(vni, mac))?.type === 'remote')
  }
  await here()
  const health = async () => (await vtep.request<Health>('GET', '/v1/status')).health
  const found = await until('it is too much', async () =>
    (await health()).find(({ code }) => code === 'duplicateMac'),
  )
  t.match(found.text, `${mac} of network blue moves too often`)
  const events = await vtep.request<{ kind: string; level: string }[]>('GET', '/v1/events')
  t.equal(events.filter(({ kind }) => kind === 'duplicateMac').length, 1, 'one alarm')
  const said = async () => (await vtep.routes('--mac', mac)).filter(({ peer }) => peer === 'local')
  t.same(await said(), [], 'we announce nothing of it')

  await t.test('remote events install nothing', async (t) => {
    await there()
    await until('FRR has it', async () => (await frr.mac(vni, mac))?.type === 'local')
    const row = (await vtep.macs()).find((one) => one.mac === mac)
    t.match(row, { duplicate: true })
    t.same(await said(), [])
  })

  const { code, stderr } = await vtep.cli('duplicate', 'clear', mac)
  t.equal(code, 0, stderr)
  t.same(await health(), [])
  await here()
  await vtep.learned(mac, { kind: 'local' })
  t.equal((await said()).length > 0, true, 'it is announced again')
})
