// BaGPipe BGP with the kernel's VXLAN as client of our reflector, beside one of us: types 2 and 3, and tenants that ping across.

import { test } from 'tap'
import { missing, reaches, routedFabric, startBagpipe, startVtep, until } from '../lab/index.js'
import { ipOf, leaf, macOf, reflector, vni } from './support.js'

const asn = 65000

test('BaGPipe exchanges types 2 and 3 by our reflector', {
  skip: missing('bagpipe-bgp', 'brctl'),
}, async (t) => {
  const { spine, hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const routeTarget = `65000:${vni}`
  // Only IPv4: BaGPipe follows one route per MAC, and an IPv6 address would be a second one.
  const vm1 = await h1.tenant('vm1', { mac: macOf(1), ip4: `${ipOf(1)}/24`, ipv6: false })
  const vm2 = await h2.tenant('vm2', { mac: macOf(2), ip4: `${ipOf(2)}/24`, ipv6: false })
  const clients = [
    { address: h1.vtep4, asn },
    // It only connects, and refuses a hold time of 30 s or less.
    { address: h2.vtep4, asn, passive: true, holdTimeSeconds: 90 },
  ]
  const reflecting = await startVtep(spine, reflector(spine, asn, clients))
  const peers = [{ address: spine.vtep4, asn }]
  const bagpipe = await startBagpipe(h2, { asn, peers })
  const vtep = await startVtep(h1, leaf(h1, { peers, ports: ['vm1'], routeTarget }))
  await vm1.announce(ipOf(1))
  await vtep.established()
  await reflecting.established(h2.vtep4, 40)
  const port = { vni, routeTarget, mac: macOf(2), ip: `${ipOf(2)}/24`, ifname: 'vm2' }
  await bagpipe.attach(port)

  const imet = await until('its type 3', async () =>
    (await vtep.routes()).find((route) => route.type === 3 && route['originator'] === h2.vtep4),
  )
  t.match(imet, {
    peer: spine.vtep4,
    nextHop: h2.vtep4,
    label: vni,
    routeTargets: [routeTarget],
  })
  const row = await vtep.learned(macOf(2), { kind: 'remote' })
  t.match(row, { vni, dst: h2.vtep4, ips: [ipOf(2)] })
  // Its vxlan device answers ARP itself, or drops the request; which of our two type 2 of the MAC (with and without
  // address) it follows is chance. Forwarding is what counts here.
  await vm2.ip(`neigh replace ${ipOf(1)} lladdr ${macOf(1)} dev eth0`)
  await reaches(vm2, ipOf(1))
  await reaches(vm1, ipOf(2))
  await bagpipe.detach(port)
  await vtep.forgot(macOf(2))
})
