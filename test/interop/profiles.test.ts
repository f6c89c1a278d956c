// FRR derives route targets as RFC 8365 says; we do so with the profile, and stop when it is another.

import { test } from 'tap'
import { missing, reaches, routedFabric, startFrr, startVtep, until } from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

const skip = missing('vtysh', 'bgpd')

test('profile rfc8365 and FRR with autort rfc8365-compatible', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await h1.tenant('vm1', tenantOptions(1))
  const kernel = await h2.kernelVtep(vni)
  const frr = await startFrr(h2, {
    asn: 65012,
    peers: [{ address: h1.vtep4, asn: 65011 }],
    extra: ['router bgp 65012', 'address-family l2vpn evpn', 'autort rfc8365-compatible'],
  })
  const peers = [{ address: h2.vtep4, asn: 65012 }]
  const config = leaf(h1, { asn: 65011, peers, ports: ['vm1'] })
  const vtep = await startVtep(h1, { ...config, profile: 'rfc8365' })
  await vtep.established(h2.vtep4)
  const vm2 = await h2.tenant('vm2', { ...tenantOptions(2), bridge: kernel.bridge })
  await reaches(vm1, ipOf(2))
  await reaches(vm2, ipOf(1))

  const number = 0x1000_0000 + vni
  await vtep.learned(macOf(2), { kind: 'remote', dst: h2.vtep4 })
  const theirs = (await vtep.routes('--type', '3')).find(({ peer }) => peer === h2.vtep4)
  t.same(theirs?.routeTargets, [`65012:${number}`], 'FRR exports what we derive for it')
  t.equal(await until('FRR imports ours', () => kernel.remoteOf(macOf(1))), h1.vtep4)
  const imet = `[3]:[0]:[32]:[${h1.vtep4}]`
  const ours = async () =>
    (await frr.paths()).find(({ prefix }) => prefix === imet)?.path.extendedCommunity?.string ?? ''
  t.match(await ours(), `RT:65011:${number}`)

  vtep.configure({ ...config, profile: 'frr' })
  t.equal((await vtep.cli('reload')).code, 0)
  await until('FRR has the other target', async () => (await ours()).includes(`RT:65011:${vni}`))
  await until('FRR does not import it', async () => !(await kernel.remoteOf(macOf(1))))
  await vtep.forgot(macOf(2))
  const { health } = await vtep.read<{ health: { code: string; text: string }[] }>('status')
  t.match(
    health.find(({ code }) => code === 'routeTargetMismatch')?.text,
    `VTEP ${h2.vtep4} announces VNI ${vni} under 65012:${number}, network blue imports *:${vni}; profile junos would import it`,
  )

  vtep.configure({ ...config, profile: 'junos' })
  t.equal((await vtep.cli('reload')).code, 0)
  t.same((await vtep.read<{ health: object[] }>('status')).health, [])
  await reaches(vm1, ipOf(2))
  await reaches(vm2, ipOf(1))
})
