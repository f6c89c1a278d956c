// What is printed for a leaf: every platform's lines, and the linter, a trap per row.

import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { stringify } from 'yaml'
import {
  type Config,
  type FabricOptions,
  fabricConfig,
  formatFabric,
  loadConfig,
  type VendorName,
  vendors,
} from '../../src/host/index.js'

const names = Object.keys(vendors) as VendorName[]

interface Document {
  readonly asn?: number
  readonly vtep?: object
  readonly bgp?: object
  readonly vrfs?: readonly object[]
  readonly networks?: readonly object[]
  readonly profile?: string
  readonly routerId?: string
}

function configOf(document: Document): Config {
  const text = stringify({ asn: 65011, vtep: { address: '203.0.113.11' }, ...document })
  const loaded = loadConfig(text, 'vtep.yaml')
  if ('problems' in loaded) throw new Error(loaded.problems.map((one) => one.text).join('\n'))
  return loaded.config
}

const targets = (vni: number) => ({
  routeTargets: { import: [`65000:${vni}`], export: [`65000:${vni}`] },
})

/** A host that no platform has a trap for: an explicit everything, between loopbacks. */
const sound: Document = {
  bgp: {
    announceVtep: true,
    neighbors: [{ address: '203.0.113.1', asn: 65000, families: ['evpn', 'ipv4'], allowAsIn: 1 }],
  },
  vrfs: [{ name: 'red', vni: 50001, ...targets(50001) }],
  networks: [
    { name: 'blue', vni: 10100, vrf: 'red', gateway: ['10.1.0.1/24'], ...targets(10100) },
    { name: 'bare', vni: 10200, ...targets(10200) },
  ],
}

const linesOf = (vendor: VendorName, document: Document, options: FabricOptions = {}): string[] =>
  fabricConfig(vendor, configOf(document), options).sections.flatMap(({ lines }) => lines)

/** Line by line in this order, with others in between. */
const printed: Readonly<Record<VendorName, readonly string[]>> = {
  frr: [
    'ip link set swp9 mtu 1550',
    'ip link add name red type vrf table 50001',
    'ip link add name vxlan50001 type vxlan id 50001 local 203.0.113.1 dstport 4789 nolearning',
    'ip link set br10100 master red',
    'ip address add 10.1.0.1/24 dev br10100',
    'ip prefix-list VTEP-203-0-113-11 permit 203.0.113.11/32',
    'router bgp 65000',
    ' bgp disable-ebgp-connected-route-check',
    ' neighbor 203.0.113.11 remote-as 65011',
    ' neighbor 203.0.113.11 ebgp-multihop 4',
    '  neighbor 203.0.113.11 attribute-unchanged next-hop',
    '  vni 10100',
    '   route-target import 65000:10100',
    '   route-target export 65000:10100',
    'vrf red',
    ' vni 50001',
    'router bgp 65000 vrf red',
    '  advertise ipv4 unicast',
  ],
  eos: [
    'interface swp9',
    '   mtu 1550',
    'vlan 100',
    '   name blue',
    'ip virtual-router mac-address 02:76:74:65:70:01',
    '   ip address virtual 10.1.0.1/24',
    '   vxlan vlan 100 vni 10100',
    '   vxlan vrf red vni 50001',
    'router bgp 65000',
    '   neighbor 203.0.113.11 send-community extended',
    '   neighbor 203.0.113.11 next-hop-unchanged',
    '   vlan 100',
    '      rd 203.0.113.1:100',
    '      route-target import 65000:10100',
    '      redistribute learned',
    '   address-family evpn',
    '      neighbor 203.0.113.11 activate',
    '   vrf red',
    '      route-target export evpn 65000:50001',
  ],
  nxos: [
    'nv overlay evpn',
    'fabric forwarding anycast-gateway-mac 0276.7465.7001',
    'vlan 100',
    '  vn-segment 10100',
    'vrf context red',
    '  vni 50001',
    '    route-target import 65000:50001 evpn',
    '  fabric forwarding mode anycast-gateway',
    '  vni 10100 l2',
    '    route-target import 65000:10100',
    'interface nve1',
    '  member vni 10100',
    '    ingress-replication protocol bgp',
    '  member vni 50001 associate-vrf',
    'route-map VTEP-KEEP-NEXT-HOP permit 10',
    '  set ip next-hop unchanged',
    'router bgp 65000',
    '    retain route-target all',
    '  neighbor 203.0.113.11',
    '    remote-as 65011',
    '      send-community extended',
    '      route-map VTEP-KEEP-NEXT-HOP out',
  ],
  cumulus: [
    'nv set interface swp9 link mtu 1550',
    'nv set nve vxlan source address 203.0.113.1',
    'nv set bridge domain br_default vlan 100 vni 10100',
    'nv set evpn vni 10100 route-target import 65000:10100',
    'nv set interface vlan100 ip vrr address 10.1.0.1/24',
    'nv set vrf red evpn vni 50001',
    'nv set vrf red router bgp route-import from-evpn route-target 65000:50001',
    'nv set vrf default router bgp neighbor 203.0.113.11 remote-as 65011',
    'nv set vrf default router bgp neighbor 203.0.113.11 multihop-ttl 4',
    'nv set vrf default router bgp neighbor 203.0.113.11 address-family l2vpn-evpn state enabled',
  ],
  junos: [
    'set interfaces swp9 mtu 1564',
    'set routing-instances blue instance-type mac-vrf',
    'set routing-instances blue vrf-target import target:65000:10100',
    'set routing-instances blue vlans blue vxlan vni 10100',
    'set interfaces irb unit 100 family inet address 10.1.0.1/24',
    'set routing-instances red interface irb.100',
    'set routing-instances red protocols evpn ip-prefix-routes vni 50001',
    'set protocols bgp group vtep-hosts family evpn signaling',
    'set protocols bgp group vtep-hosts multihop no-nexthop-change',
    'set protocols bgp group vtep-hosts neighbor 203.0.113.11 peer-as 65011',
  ],
  srlinux: [
    'set / interface swp9 subinterface 0 ip-mtu 1550',
    'set / tunnel-interface vxlan1 vxlan-interface 2 type routed',
    'set / tunnel-interface vxlan1 vxlan-interface 100 ingress vni 10100',
    'set / network-instance blue type mac-vrf',
    'set / network-instance blue protocols bgp-vpn bgp-instance 1 route-target export-rt target:65000:10100',
    'set / interface irb0 subinterface 100 ipv4 address 10.1.0.1/24 anycast-gw true',
    'set / network-instance default protocols bgp afi-safi evpn evpn inter-as-vpn true',
    'set / network-instance default protocols bgp neighbor 203.0.113.11 peer-as 65011',
  ],
  aoscx: [
    'interface swp9',
    '    ip mtu 1550',
    'vrf red',
    '    route-target import 65000:50001 evpn',
    '    active-gateway ip 10.1.0.1',
    'evpn',
    '    vlan 100',
    '        route-target import 65000:10100',
    'interface vxlan 1',
    '    vni 10100',
    '        vlan 100',
    '        routing',
    'router bgp 65000',
    '        neighbor 203.0.113.11 send-community extended',
    '        neighbor 203.0.113.11 next-hop-unchanged',
  ],
}

for (const vendor of names) {
  test(`${vendor}: the lines of a sound host, and no error`, async (t) => {
    const fabric = fabricConfig(vendor, configOf(sound), { leafPort: 'swp9' })
    const errors = fabric.findings.filter(({ severity }) => severity === 'error')
    t.same(errors, [])
    const lines = fabric.sections.flatMap((section) => section.lines)
    let at = -1
    for (const line of printed[vendor]) {
      const next = lines.indexOf(line, at + 1)
      t.ok(next > at, `${JSON.stringify(line)} after line ${at} of\n${lines.join('\n')}`)
      at = Math.max(at, next)
    }
    t.same(
      lines.filter((line) => /LEAF-|undefined|null|NaN/.test(line)),
      [],
    )
    const { comment } = vendors[vendor].traits
    const whole = formatFabric(fabric)
    t.notMatch(whole, /[^\x00-\x7f]/, 'nothing that a terminal of a switch chokes on')
    const own = new Set(fabric.sections.filter(({ aside }) => !aside).flatMap((one) => one.lines))
    for (const line of whole.trimEnd().split('\n'))
      t.ok(own.has(line) || line.startsWith(comment), `a line or a comment: ${line}`)
  })

  test(`${vendor}: a leaf that only passes routes on has nothing of the networks`, async (t) => {
    const text = linesOf(vendor, sound, { transit: true }).join('\n')
    t.notMatch(text, /10100|50001|blue/)
    t.match(text, /203\.0\.113\.11/)
  })

  test(`${vendor}: the leaf reflects in an AS, and keeps no next hop by itself`, async (t) => {
    const bgp = { neighbors: [{ address: '203.0.113.1', asn: 'internal' }] }
    const text = linesOf(vendor, { ...sound, bgp }).join('\n')
    t.match(text, /route-reflector|cluster 203\.0\.113\.1/)
    t.notMatch(text, /next-?hop.(?:unchanged|change)|unchanged next|multihop|inter-as/)
    t.match(text, /65011/)
  })
}

const unnumbered = { bgp: { neighbors: [{ interface: 'lo', asn: 65000 }] } }
const small = { networks: [{ name: 'blue', vni: 100, ...targets(100) }] }

interface Trap {
  readonly code: string
  readonly document: Document
  readonly options?: FabricOptions
  readonly live?: Parameters<typeof fabricConfig>[3]
  /** Who walks into it; the others do not. */
  readonly vendors: readonly VendorName[]
}

const without = (...others: readonly VendorName[]): VendorName[] =>
  names.filter((name) => !others.includes(name))

const neighbor = { address: '203.0.113.1', asn: 65000 }

const traps: readonly Trap[] = [
  {
    code: 'leafAsnUnknown',
    document: { bgp: { neighbors: [{ ...neighbor, asn: 'external' }] } },
    vendors: names,
  },
  { code: 'leafVtepUnknown', document: { ...small, ...unnumbered }, vendors: names },
  { code: 'leafPortUnknown', document: unnumbered, vendors: names },
  { code: 'mtuNotShown', document: sound, vendors: names },
  { code: 'mtuLeast', document: sound, options: { leafPort: 'swp9' }, vendors: names },
  {
    code: 'mtu',
    document: sound,
    live: { peers: [], portMtus: [0, 1500, 9000], pathMtus: [0, 9000] },
    vendors: names,
  },
  {
    code: 'noEvpn',
    document: { bgp: { neighbors: [{ ...neighbor, families: ['ipv4'] }] } },
    vendors: names,
  },
  {
    code: 'hostAddress',
    document: { bgp: { neighbors: [{ ...neighbor, address: '2001:db8::1' }] } },
    vendors: names,
  },
  { code: 'unnumbered', document: unnumbered, vendors: ['nxos', 'junos', 'aoscx'] },
  { code: 'vniRange', document: { ...sound, vrfs: [], ...small }, vendors: ['nxos'] },
  { code: 'vniPortable', document: { ...sound, vrfs: [], ...small }, vendors: without('nxos') },
  { code: 'vlanRange', document: sound, options: { vlans: { blue: 1 } }, vendors: names },
  {
    code: 'vlanRange',
    document: sound,
    options: { vlans: { blue: 3700 } },
    vendors: ['cumulus'],
  },
  { code: 'vlanRange', document: sound, options: { vlans: { blue: 4000 } }, vendors: ['nxos'] },
  {
    code: 'vlanTwice',
    document: sound,
    options: { vlans: { blue: 200, bare: 200 } },
    vendors: names,
  },
  { code: 'vlanChosen', document: sound, vendors: names },
  {
    code: 'targetsDerived',
    document: { ...sound, asn: 4200000011, vrfs: [], networks: [{ name: 'blue', vni: 10100 }] },
    vendors: names,
  },
  {
    code: 'targetForm',
    document: {
      ...sound,
      vrfs: [],
      networks: [{ name: 'b', vni: 5000, routeTargets: { export: ['65000L:7'] } }],
    },
    vendors: names,
  },
  {
    code: 'severalTargets',
    document: {
      ...sound,
      vrfs: [],
      networks: [
        { name: 'b', vni: 5000, routeTargets: { import: ['1:1', '1:2'], export: ['1:1'] } },
      ],
    },
    vendors: ['srlinux'],
  },
  { code: 'nextHopUnchanged', document: sound, vendors: names },
  { code: 'sameAsn', document: { bgp: { neighbors: [neighbor] } }, vendors: names },
  {
    code: 'ipv6Vtep',
    document: {
      routerId: '203.0.113.11',
      vtep: { address: '2001:db8::11' },
      bgp: { neighbors: [{ ...neighbor, address: '2001:db8::1' }] },
    },
    vendors: ['cumulus', 'nxos', 'junos', 'srlinux', 'aoscx'],
  },
  {
    code: 'udpPort',
    document: { ...sound, vtep: { address: '203.0.113.11', udpPort: 8472 } },
    vendors: ['nxos', 'junos', 'srlinux', 'aoscx'],
  },
  {
    code: 'ethernetTag',
    document: { ...sound, vrfs: [], networks: [{ name: 'b', vni: 5000, ethernetTag: 7 }] },
    vendors: ['frr', 'cumulus', 'nxos'],
  },
  {
    code: 'bundle',
    document: { ...sound, vrfs: [], networks: [{ name: 'b', vni: 5000, ethernetTag: 7 }] },
    vendors: ['eos', 'junos', 'srlinux', 'aoscx'],
  },
  {
    code: 'tcpAo',
    document: { bgp: { neighbors: [{ ...neighbor, tcpAo: [{ sendId: 1, password: 'x' }] }] } },
    vendors: ['frr', 'cumulus', 'aoscx'],
  },
  {
    code: 'tcpAoByHand',
    document: { bgp: { neighbors: [{ ...neighbor, tcpAo: [{ sendId: 1, password: 'x' }] }] } },
    vendors: ['eos', 'nxos', 'junos', 'srlinux'],
  },
  {
    code: 'secret',
    document: { bgp: { neighbors: [{ ...neighbor, password: 'hunter2' }] } },
    vendors: names,
  },
  {
    code: 'keychain',
    document: { bgp: { neighbors: [{ ...neighbor, password: 'hunter2' }] } },
    vendors: ['srlinux'],
  },
  { code: 'underlayRoute', document: sound, vendors: names },
  { code: 'gatewayMac', document: sound, vendors: names },
  {
    code: 'replicator',
    document: {
      ...sound,
      vtep: { address: '203.0.113.11', replicatorAddress: '203.0.113.111' },
      networks: [{ name: 'b', vni: 5000, assistedReplication: { role: 'replicator' } }],
    },
    vendors: ['frr', 'cumulus'],
  },
  {
    code: 'segmentDf',
    document: {
      ...sound,
      vrfs: [],
      networks: [
        {
          name: 'b',
          vni: 5000,
          ports: [
            {
              name: 'eth2',
              ethernetSegment: { lacp: { systemMac: '02:00:00:00:00:99', key: 7 } },
            },
          ],
        },
      ],
    },
    vendors: names,
  },
  {
    code: 'otherPeers',
    document: { bgp: { neighbors: [neighbor, { ...neighbor, address: '203.0.113.2' }] } },
    vendors: names,
  },
  {
    code: 'vniOverflow',
    document: { ...sound, vrfs: [], networks: [{ name: 'b', vni: 70000 }] },
    vendors: ['aoscx'],
  },
  { code: 'arpLength', document: sound, vendors: ['aoscx'] },
  {
    code: 'directEvpn',
    document: { bgp: { neighbors: [{ ...neighbor, ttlSecurity: 1 }] } },
    vendors: ['aoscx'],
  },
  { code: 'ownTargets', document: sound, vendors: ['junos'] },
  { code: 'nvueWords', document: sound, vendors: ['cumulus'] },
  { code: 'vrrNeedsAddress', document: sound, vendors: ['cumulus'] },
  { code: 'internalVlans', document: sound, options: { vlans: { blue: 1006 } }, vendors: ['eos'] },
  {
    code: 'ipv6VtepIsNew',
    document: {
      routerId: '203.0.113.11',
      vtep: { address: '2001:db8::11' },
      bgp: { neighbors: [{ ...neighbor, address: '2001:db8::1' }] },
    },
    vendors: ['frr'],
  },
]

test('each trap is found, where it is one', async (t) => {
  for (const { code, document, options = {}, live, vendors: caught } of traps) {
    const config = configOf(document)
    for (const vendor of names) {
      const { findings } = fabricConfig(vendor, config, options, live)
      const found = findings.filter((finding) => finding.code === code)
      t.equal(found.length > 0, caught.includes(vendor), `${code} on ${vendor}`)
      for (const { where, what, why, fix } of found)
        for (const text of [where, what, why, fix])
          t.match(text, /^\S[^\n]*$/, `${code}: a sentence`)
    }
  }
})

test('no trap without a row here', async (t) => {
  const found = new Set(traps.map(({ code }) => code))
  const file = new URL('../../../src/host/fabric/', import.meta.url)
  const known = ['rules.ts', ...names.map((name) => `vendors/${name}.ts`)].flatMap((path) =>
    [...readFileSync(new URL(path, file), 'utf8').matchAll(/code: '(\w+)'/g)].map(
      ([, code]) => code!,
    ),
  )
  t.ok(known.length > 20)
  t.same(
    [...new Set(known)].filter((code) => !found.has(code)),
    [],
  )
})

test('no password is printed', async (t) => {
  const config = configOf({ bgp: { neighbors: [{ ...neighbor, password: 'hunter2' }] } })
  for (const vendor of names)
    t.notMatch(JSON.stringify(fabricConfig(vendor, config, {})), 'hunter2', vendor)
})

test('VLANs: as the VNI reads, else the first that is free, else out of range', async (t) => {
  const vlansOf = (vnis: readonly number[]): string => {
    const networks = vnis.map((vni, i) => ({ name: `n${i}`, vni, ...targets(vni) }))
    const { findings } = fabricConfig('eos', configOf({ ...sound, vrfs: [], networks }), {})
    return findings.find(({ code }) => code === 'vlanChosen')?.where ?? ''
  }
  t.equal(vlansOf([10100, 20100, 10000]), 'n0=100 n1=2 n2=3')
  t.equal(vlansOf([20100, 10100]), 'n0=100 n1=2')
  const many = Array.from({ length: 4100 }, (_, i) => 10_000 + i)
  const networks = many.map((vni) => ({ name: `n${vni}`, vni, ...targets(vni) }))
  const { findings } = fabricConfig('eos', configOf({ ...sound, vrfs: [], networks }), {})
  t.equal(findings.filter(({ code }) => code === 'vlanRange').length, 4100 - 4093)
})
