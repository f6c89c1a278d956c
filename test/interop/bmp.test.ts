// BMP to foreign eyes: pmacct's collector reads what we tell of a session with FRR, and tshark the EVPN routes in it, which
// pmacct does not know.

import { join } from 'node:path'
import { test } from 'tap'
import {
  type BmpLog,
  missing,
  Pmbmpd,
  reaches,
  routedFabric,
  run,
  startFrr,
  startVtep,
  until,
} from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

const skip = missing('vtysh', 'bgpd', 'pmbmpd', 'tcpdump')

test('a collector watches a session with FRR', { skip }, async (t) => {
  const { spine, hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const station = await Pmbmpd.start(spine)
  const capture = join(spine.directory, 'bmp.pcap')
  const tcpdump = spine.start('tcpdump', [
    'tcpdump',
    '-U',
    '-i',
    'any',
    '-w',
    capture,
    'tcp port 11019',
  ])
  await tcpdump.said('listening on')
  const vm1 = await h1.tenant('vm1', tenantOptions(1))
  const kernel = await h2.kernelVtep(vni)
  await startFrr(h2, {
    asn: 65000,
    peers: [{ address: h1.vtep4, asn: 65000 }],
    extra: [
      'router bgp 65000',
      'address-family ipv4 unicast',
      `neighbor ${h1.vtep4} activate`,
      `network ${h2.vtep4}/32`,
    ],
  })
  const { bgp, ...config } = leaf(h1, {
    peers: [{ address: h2.vtep4, asn: 65000, families: ['evpn', 'ipv4'] }],
    ports: ['vm1'],
  })
  const views = ['prePolicy', 'postPolicy', 'locRib']
  const collectors = [{ address: spine.vtep4, views, statisticsSeconds: 1 }]
  const vtep = await startVtep(h1, { ...config, bgp: { ...bgp, collectors } })
  await vtep.established()
  const vm2 = await h2.tenant('vm2', { ...tenantOptions(2), bridge: kernel.bridge })
  await reaches(vm1, ipOf(2))
  await reaches(vm2, ipOf(1))
  await vtep.learned(macOf(2), { kind: 'remote' })

  const said = (wanted: Partial<BmpLog>) =>
    until(`pmbmpd says ${JSON.stringify(wanted)}`, () =>
      station
        .lines()
        .find((line) => Object.entries(wanted).every(([key, value]) => line[key] === value)),
    )
  await said({ bmp_msg_type: 'init', bmp_init_info_sysdescr: 'vtep 0.1.0' })
  const peer = { peer_ip: h2.vtep4, peer_asn: 65000, bgp_id: h2.vtep4 }
  await said({ bmp_msg_type: 'peer_up', ...peer, local_ip: h1.vtep4 })
  await said({ bmp_msg_type: 'peer_up', is_loc: 1, bgp_id: h1.vtep4 })
  const route = {
    bmp_msg_type: 'route_monitor',
    ip_prefix: `${h2.vtep4}/32`,
    bgp_nexthop: h2.vtep4,
  }
  await said({ ...route, log_type: 'update', peer_ip: h2.vtep4, is_in: 1, is_post: 0 })
  await said({ ...route, log_type: 'update', peer_ip: h2.vtep4, is_in: 1, is_post: 1 })
  await said({ ...route, log_type: 'update', is_loc: 1 })
  const known = (await vtep.routes()).filter((row) => row.peer === h2.vtep4 && row.type !== 'ipv4')
  const evpn = { afi: 25, safi: 70, counter_value: known.length }
  await said({ bmp_msg_type: 'stats', counter_type: 9, peer_ip: h2.vtep4, ...evpn })

  await vtep.cli('peer', 'clear', h2.vtep4)
  await said({ bmp_msg_type: 'peer_down', peer_ip: h2.vtep4, reason_type: 1 })
  await vtep.established()
  await vtep.stop()
  await said({ bmp_msg_type: 'term' })

  await t.test('EVPN routes', { skip: missing('tshark') }, async (t) => {
    await tcpdump.stop()
    const shark = (filter: string, ...fields: string[]) =>
      run([
        'tshark',
        ...['-r', capture, '-d', 'tcp.port==11019,bmp', '-Y', filter, '-T', 'fields'],
        ...fields.flatMap((field) => ['-e', field]),
      ])
    // It does not know that Peer Up of a loc-rib ends with the table's name (RFC 9069 section 5.3).
    const malformed = await shark('_ws.malformed && !(bmp.type == 3)', 'frame.number')
    t.equal(malformed, '', 'nothing is malformed')
    const macs = await shark('bgp.evpn.nlri.mac_addr', 'bmp.peer.type', 'bgp.evpn.nlri.mac_addr')
    t.match(macs, macOf(2), 'what FRR sent')
    t.match(macs, macOf(1), 'and what is ours, from the loc-rib')
  })
})
