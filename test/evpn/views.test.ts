// What can be read: MACs, networks, VTEPs; and that a port can change its network.

import t from 'tap'
import { Evpn } from '../../src/evpn/index.js'
import { ZERO_ESI } from '../../src/net/index.js'
import { type EvpnRoute, evpnKey } from '../../src/wire/index.js'
import { actionText } from './replay.js'

function machine(): Evpn {
  const evpn = new Evpn({ asn: 65000, routerId: '10.0.0.1', vtep: '10.0.0.1', profile: 'frr' })
  for (const [name, vni] of [
    ['blue', 10100],
    ['red', 10200],
  ] as const) {
    evpn.step({
      event: 'networkAdded',
      network: { name, vni, agingSeconds: 300, suppress: vni === 10100 },
    })
  }
  return evpn
}

function remote(nlri: EvpnRoute, vni: number) {
  const extendedCommunities = [
    { type: 'encapsulation', tunnelType: 8 },
    { type: 'routeTarget', target: `65009:${vni}` },
    { type: 'macMobility', sequence: 4, sticky: false },
  ] as const
  const pmsiTunnel = { flags: 0, tunnelType: 6, label: vni, endpoint: '10.0.0.2' }
  const best = { nextHop: '10.0.0.2', attributes: { extendedCommunities, pmsiTunnel } }
  return { event: 'routes', changes: [{ key: evpnKey(nlri), nlri, best }] } as const
}

t.test('MACs, networks and VTEPs', async (t) => {
  const evpn = machine()
  evpn.step({
    event: 'portBound',
    binding: { vni: 10100, port: 1, mac: '02:00:00:00:00:01', ips: ['192.0.2.1'], sticky: true },
  })
  const learned = { vni: 10200, mac: '02:00:00:00:00:02', port: 2, timeNanoseconds: 1n }
  evpn.step({ event: 'dataplane', events: [{ event: 'macLearned', ...learned }] })
  const rd = '10.0.0.2:1'
  evpn.step(remote({ type: 'imet', rd, ethernetTag: 0, originator: '10.0.0.2' }, 10100))
  const mac = '02:00:00:00:00:03'
  const host = { type: 'macIp', rd, esi: ZERO_ESI, ethernetTag: 0, mac, label: 10100 } as const
  evpn.step(remote(host, 10100))
  evpn.step(remote({ ...host, ip: '192.0.2.3' }, 10100))
  const duplicate = false
  t.strictSame(
    [...evpn.macs()],
    [
      {
        network: 'blue',
        vni: 10100,
        mac: '02:00:00:00:00:01',
        sequence: 0,
        sticky: true,
        duplicate,
        kind: 'local',
        port: 1,
        static: true,
        ips: ['192.0.2.1'],
      },
      {
        network: 'blue',
        vni: 10100,
        mac,
        sequence: 4,
        sticky: false,
        duplicate,
        kind: 'remote',
        dst: '10.0.0.2',
        static: false,
        ips: ['192.0.2.3'],
      },
      {
        network: 'red',
        vni: 10200,
        mac: '02:00:00:00:00:02',
        sequence: 0,
        sticky: false,
        duplicate,
        kind: 'local',
        port: 2,
        static: false,
        ips: [],
      },
    ],
  )
  t.strictSame(evpn.networks(), [
    {
      name: 'blue',
      vni: 10100,
      rd: '10.0.0.1:10100',
      importTargets: ['*:10100'],
      exportTargets: ['65000:10100'],
      suppress: true,
      agingSeconds: 300,
      macs: { local: 1, remote: 1 },
      remotes: ['10.0.0.2'],
    },
    {
      name: 'red',
      vni: 10200,
      rd: '10.0.0.1:10200',
      importTargets: ['*:10200'],
      exportTargets: ['65000:10200'],
      suppress: false,
      agingSeconds: 300,
      macs: { local: 1, remote: 0 },
      remotes: [],
    },
  ])
  t.strictSame(evpn.vteps(), [{ address: '10.0.0.2', vnis: [10100], macs: 1 }])
})

t.test(
  'a port changes its network: what it had here is withdrawn, what it is bound to is announced there',
  async (t) => {
    const evpn = machine()
    const mac = '02:00:00:00:00:01'
    evpn.step({ event: 'portBound', binding: { vni: 10100, port: 1, mac, ips: ['192.0.2.1'] } })
    const actions = evpn.step({ event: 'portBound', binding: { vni: 10200, port: 1, mac } })
    t.strictSame(actions.flatMap(actionText), [
      'portAttach 1 10200',
      `macSetLocal 10200 ${mac} 1`,
      'neighbourRemove 10100 192.0.2.1 local',
      `originate [2]:[0]:[48]:[${mac}] rd 10.0.0.1:10200 via 10.0.0.1 label 10200 encap:vxlan rt:65000:10200`,
      `withdraw [2]:[0]:[48]:[${mac}] rd 10.0.0.1:10100`,
      `withdraw [2]:[0]:[48]:[${mac}]:[32]:[192.0.2.1] rd 10.0.0.1:10100`,
    ])
  },
)
