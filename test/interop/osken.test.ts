// os-ken exchanges types 2 and 3 with us.

import { test } from 'tap'
import { missing, oskenMissing, routedFabric, startOsken, startVtep, until } from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

const skip = missing() || (await oskenMissing())

test('os-ken exchanges types 2 and 3', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await h1.tenant('vm1', tenantOptions(1))
  const routeTarget = `65000:${vni}`
  const osken = await startOsken(h2, { asn: 65000, peers: [{ address: h1.vtep4, asn: 65000 }] })
  const peers = [{ address: h2.vtep4, asn: 65000 }]
  const vtep = await startVtep(h1, leaf(h1, { peers, ports: ['vm1'], routeTarget }))
  await vtep.established()
  await vm1.announce(ipOf(1))

  const rd = `${h2.vtep4}:1`
  osken.command('vrf_add', {
    route_dist: rd,
    import_rts: [routeTarget],
    export_rts: [routeTarget],
    route_family: 'evpn',
  })

  await t.test('it has our routes', async (t) => {
    const seen = (kind: string): Promise<string> =>
      until(`best path ${kind}`, () => {
        const report = osken
          .reports()
          .find(({ event, nlri }) => event === 'best-path' && `${nlri}`.startsWith(kind))
        return report === undefined ? '' : JSON.stringify(report)
      })
    const imet = await seen('EvpnInclusiveMulticastEthernetTag')
    t.match(imet, h1.vtep4)
    const macIp = await seen('EvpnMacIPAdvertisement')
    t.match(macIp, macOf(1))
  })

  await t.test('we have its routes', async (t) => {
    const common = { route_dist: rd, ethernet_tag_id: 0, next_hop: h2.vtep4, tunnel_type: 'vxlan' }
    osken.command('evpn_prefix_add', {
      ...common,
      route_type: 'multicast_etag',
      ip_addr: h2.vtep4,
      vni,
      pmsi_tunnel_type: 6,
    })
    const macIp = {
      ...common,
      route_type: 'mac_ip_adv',
      esi: 0,
      mac_addr: macOf(2),
      ip_addr: ipOf(2),
      vni,
    }
    osken.command('evpn_prefix_add', { ...macIp, mac_mobility: 7 })
    const row = await vtep.learned(macOf(2), { kind: 'remote' })
    t.match(row, { vni, dst: h2.vtep4, ips: [ipOf(2)], sequence: 7 })
    const imet = await until('its type 3', async () =>
      (await vtep.routes()).find((route) => route.type === 3 && route.peer === h2.vtep4),
    )
    t.match(imet, { originator: h2.vtep4, label: vni, routeTargets: [routeTarget] })
    osken.command('evpn_prefix_del', {
      route_type: 'mac_ip_adv',
      route_dist: rd,
      esi: 0,
      ethernet_tag_id: 0,
      mac_addr: macOf(2),
      ip_addr: ipOf(2),
    })
    await vtep.forgot(macOf(2))
  })
  t.same(
    osken.reports().filter(({ event }) => event === 'error'),
    [],
  )
})
