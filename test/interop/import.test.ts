// A host with FRR and the kernel's bridges and vxlan devices becomes one of ours: `vtep import` reads both, its commands
// are carried out, vtep runs with what it wrote, and the tenants reach the far side as before.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { test } from 'tap'
import {
  type Host,
  missing,
  reaches,
  startFrrWith,
  startVtep,
  type Tenant,
  until,
  Vtep,
  wire,
} from '../lab/index.js'

const skip = missing('bgpd', 'vtysh')

// They wait for sessions, each in networks of its own.
t.jobs = 2

interface Imported {
  readonly yaml: string
  readonly notes: readonly { readonly kind: string; readonly what: string }[]
  readonly changeOver: readonly string[]
  readonly problems: readonly unknown[]
}

const far = { address: '10.255.0.2', asn: 65002 }

/** The far side: blue and green in red, and the tenant of green. */
async function startFar(host: Host, near: Host): Promise<Tenant> {
  const tenant = await host.tenant('vm3', { mac: '02:00:00:02:00:03', ip4: '10.2.0.13/24' })
  await tenant.ip('route add default via 10.2.0.1')
  await host.tenant('vm2', { mac: '02:00:00:01:00:02', ip4: '10.1.0.12/24' })
  await startVtep(host, {
    asn: far.asn,
    vtep: { address: host.vtep4 },
    bgp: { listen: {}, neighbors: [{ address: near.vtep4, asn: 'external', passive: true }] },
    vrfs: [{ name: 'red', vni: 50001 }],
    networks: [
      { name: 'blue', vni: 10100, vrf: 'red', gateway: ['10.1.0.1/24'], ports: [{ name: 'vm2' }] },
      { name: 'green', vni: 10200, vrf: 'red', gateway: ['10.2.0.1/24'], ports: [{ name: 'vm3' }] },
    ],
  })
  return tenant
}

/** No VRF device is needed where the default VRF has the L3 VNI. */
const devices = (local: string): string[] => [
  'link add br50001 type bridge',
  `link add vxlan50001 type vxlan id 50001 local ${local} dstport 4789 nolearning`,
  'link set br50001 up',
  'link set vxlan50001 master br50001 up',
  'link add br10100 address 02:76:74:65:70:01 type bridge',
  `link add vxlan10100 type vxlan id 10100 local ${local} dstport 4789 nolearning`,
  'link set vxlan10100 addrgenmode none master br10100 up',
  'link set br10100 addrgenmode none up',
  'addr add 10.1.0.1/24 dev br10100',
]

const frrConf = (near: Host): string => `frr version 8.4.4
frr defaults traditional
hostname hypervisor
service integrated-vtysh-config
!
vni 50001
!
router bgp 65001
 bgp router-id ${near.vtep4}
 no bgp default ipv4-unicast
 neighbor leaves peer-group
 neighbor leaves remote-as external
 neighbor leaves timers 3 9
 neighbor leaves timers connect 1
 neighbor ${far.address} peer-group leaves
 neighbor ${far.address} description the leaf
 !
 address-family ipv4 unicast
  network 10.1.0.0/24
 exit-address-family
 !
 address-family l2vpn evpn
  neighbor leaves activate
  neighbor leaves route-map ALL in
  neighbor leaves route-map ALL out
  advertise-all-vni
  vni 10100
   rd ${near.vtep4}:77
   route-target export 65001:10100
  exit-vni
  advertise ipv4 unicast
 exit-address-family
exit
!
route-map ALL permit 10
exit
!
end
`

test('from FRR and the kernel to vtep, and the tenants stay reachable', {
  skip,
  buffered: true,
}, async (t) => {
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm3 = await startFar(h2, h1)
  await h1.sysctl({ 'net.ipv4.ip_forward': 1 })
  await h1.ip(...devices(h1.vtep4))
  await h1.bridge('link set dev vxlan10100 learning off')
  const vm1 = await h1.tenant('vm1', {
    mac: '02:00:00:01:00:01',
    ip4: '10.1.0.11/24',
    bridge: 'br10100',
  })
  await vm1.ip('route add default via 10.1.0.1')
  const frr = await startFrrWith(h1, frrConf(h1))
  await frr.established(far.address)
  await reaches(vm1, '10.1.0.12')
  await reaches(vm1, '10.2.0.13')

  const vtep = new Vtep(h1)
  const imported = await vtep.read<Imported>('import', '--frr', join(frr.directory, 'frr.conf'))
  t.same(imported.problems, [])
  t.same(
    imported.notes.filter(({ kind }) => kind === 'lost'),
    [],
  )
  t.match(imported.changeOver, ['systemctl disable --now frr', 'ip link set vm1 nomaster'])
  writeFileSync(vtep.configFile, imported.yaml)
  t.match(await vtep.cli('check', vtep.configFile), { code: 0 })

  await frr.stop()
  for (const command of imported.changeOver.slice(1)) await h1.exec(['sh', '-c', command])
  await vtep.run()
  await vtep.established(far.address)
  await reaches(vm1, '10.1.0.12')
  await reaches(vm1, '10.2.0.13')
  await reaches(vm3, '10.1.0.11')
  t.match(await vtep.read('networks'), [
    { name: 'br10100', vni: 10100, rd: `${h1.vtep4}:77`, vrf: 'default', gateway: ['10.1.0.1/24'] },
  ])
})

test('an internal session that is signed and watched', {
  skip: missing('bgpd', 'bfdd', 'vtysh'),
  buffered: true,
}, async (t) => {
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm2 = await h2.tenant('vm2', { mac: '02:00:00:01:00:02', ip4: '10.1.0.12/24' })
  const peer = await startVtep(h2, {
    asn: 65000,
    vtep: { address: h2.vtep4 },
    bgp: {
      listen: {},
      neighbors: [
        {
          address: h1.vtep4,
          asn: 'internal',
          routeReflectorClient: true,
          password: 's3cret',
          bfd: {},
        },
      ],
    },
    networks: [{ name: 'blue', vni: 10100, ports: [{ name: 'vm2' }] }],
  })
  await h1.ip(
    'link add br0 type bridge',
    `link add vxlan10100 type vxlan id 10100 local ${h1.vtep4} dstport 4789 nolearning`,
    'link set vxlan10100 addrgenmode none master br0 up',
    'link set br0 addrgenmode none up',
  )
  const vm1 = await h1.tenant('vm1', {
    mac: '02:00:00:01:00:01',
    ip4: '10.1.0.11/24',
    bridge: 'br0',
  })
  await h1.bridge('link set dev vxlan10100 learning off')
  const frr = await startFrrWith(
    h1,
    `router bgp 65000
 bgp router-id ${h1.vtep4}
 no bgp default ipv4-unicast
 neighbor ${h2.vtep4} remote-as internal
 neighbor ${h2.vtep4} update-source eth0
 neighbor ${h2.vtep4} password s3cret
 neighbor ${h2.vtep4} bfd
 address-family l2vpn evpn
  neighbor ${h2.vtep4} activate
  advertise-all-vni
 exit-address-family
exit
`,
    { bfd: true },
  )
  await frr.established(h2.vtep4)
  await reaches(vm1, '10.1.0.12')

  const vtep = new Vtep(h1)
  const imported = await vtep.read<Imported>('import', '--frr', join(frr.directory, 'frr.conf'))
  t.same(imported.problems, [])
  t.same(
    imported.notes.filter(({ kind }) => kind === 'lost'),
    [],
  )
  writeFileSync(vtep.configFile, imported.yaml)
  await frr.stop()
  for (const command of imported.changeOver.slice(1)) await h1.exec(['sh', '-c', command])
  await vtep.run()
  await vtep.established(h2.vtep4)
  await reaches(vm2, '10.1.0.11')
  t.match(await vtep.read('networks'), [{ name: 'br0', vni: 10100, ports: ['vm1'] }])
  const up = async (): Promise<boolean> =>
    (await peer.read<{ bfd: string }[]>('peers')).every(({ bfd }) => bfd === 'up')
  await until('BFD beside the session', up)
})
