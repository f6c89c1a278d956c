// What `vtep import` makes of an frr.conf and of the kernel's devices: forms that people have, and that no line is lost
// without a word.

import fc from 'fast-check'
import { test } from 'tap'
import { importConfig } from '../../src/host/index.js'
import type { DeviceRow, Devices } from '../../src/io/index.js'

interface Form {
  readonly name: string
  readonly frr: string
  readonly devices?: Devices
  /** Part of the document. */
  readonly document: object
  /** Lines that are not carried over, "line: why". */
  readonly lost?: readonly RegExp[]
}

const loopback: DeviceRow = device('lo', undefined, { addresses: ['10.0.0.11/32'] })

function device(
  ifname: string,
  kind?: string,
  more: {
    readonly data?: Readonly<Record<string, unknown>>
    readonly master?: string
    readonly link?: string
    readonly addresses?: readonly string[]
    readonly mac?: string
  } = {},
): DeviceRow {
  const { data, master, link, addresses = [], mac = '02:00:00:00:00:01' } = more
  return {
    ifname,
    flags: ['UP'],
    mtu: 1500,
    address: mac,
    ...(master === undefined ? {} : { master }),
    ...(link === undefined ? {} : { link }),
    addr_info: addresses.map((text) => {
      const [local = '', length] = text.split('/')
      return {
        family: local.includes(':') ? 'inet6' : 'inet',
        local,
        prefixlen: Number(length),
        scope: 'global',
      }
    }),
    ...(kind === undefined
      ? {}
      : { linkinfo: { info_kind: kind, ...(data === undefined ? {} : { info_data: data }) } }),
  }
}

const vxlan = (id: number, master: string, more: object = {}): DeviceRow =>
  device(`vxlan${id}`, 'vxlan', { master, data: { id, local: '10.0.0.11', port: 4789, ...more } })

const host = (...devices: readonly DeviceRow[]): Devices => ({
  devices: [loopback, ...devices],
  vlans: [],
  tunnels: [],
  fdb: [],
})

/** br100 with VNI 10100 and a VM's tap. */
const simple = host(
  device('br100', 'bridge'),
  vxlan(10100, 'br100'),
  device('vnet0', 'tun', { master: 'br100' }),
)

const blue = { name: 'br100', vni: 10100, ports: [{ name: 'vnet0', wait: true }] }

const forms: readonly Form[] = [
  {
    name: 'eBGP, numbered, the VTEP address announced',
    frr: `
router bgp 65011
 bgp router-id 10.0.0.11
 neighbor 10.1.1.1 remote-as 65000
 neighbor 10.1.1.1 ebgp-multihop 2
 address-family ipv4 unicast
  network 10.0.0.11/32
 exit-address-family
 address-family l2vpn evpn
  neighbor 10.1.1.1 activate
  advertise-all-vni
 exit-address-family
`,
    devices: simple,
    document: {
      asn: 65011,
      vtep: { address: '10.0.0.11' },
      bgp: {
        announceVtep: true,
        neighbors: [{ address: '10.1.1.1', asn: 65000, families: ['evpn', 'ipv4'], multihop: 2 }],
      },
      networks: [blue],
    },
  },
  {
    name: 'unnumbered, with the defaults of a datacenter',
    frr: `
frr defaults datacenter
router bgp 4200000011
 neighbor fabric peer-group
 neighbor fabric remote-as external
 neighbor eth0 interface peer-group fabric
 neighbor eth1 interface v6only remote-as external
 address-family ipv4 unicast
  redistribute connected route-map LOOPBACK
 exit-address-family
 address-family l2vpn evpn
  neighbor fabric activate
  neighbor eth1 activate
  advertise-all-vni
  neighbor fabric allowas-in origin
 exit-address-family
`,
    devices: simple,
    document: {
      asn: 4200000011,
      bgp: {
        listen: { address: '::' },
        announceVtep: true,
        neighbors: [
          {
            interface: 'eth0',
            asn: 'external',
            families: ['evpn', 'ipv4'],
            holdTimeSeconds: 9,
            allowAsIn: 1,
          },
          { interface: 'eth1', asn: 'external', families: ['evpn', 'ipv4'], holdTimeSeconds: 9 },
        ],
      },
    },
    lost: [/^8: of connected networks only the VTEP address/],
  },
  {
    name: 'iBGP, a client of reflectors, from lo, signed, with BFD',
    frr: `
router bgp 65000
 no bgp default ipv4-unicast
 neighbor RR peer-group
 neighbor RR remote-as 65000
 neighbor RR update-source lo
 neighbor RR password s3cret
 neighbor RR bfd profile fast
 neighbor 10.0.0.1 peer-group RR
 neighbor 10.0.0.2 peer-group RR
 neighbor 10.0.0.2 bfd 5 500 600
 neighbor 10.0.0.3 remote-as internal
 neighbor 10.0.0.3 shutdown
 address-family l2vpn evpn
  neighbor RR activate
  neighbor RR soft-reconfiguration inbound
  neighbor RR maximum-prefix 5000 80 restart 5
  neighbor 10.0.0.3 activate
  advertise-all-vni
 exit-address-family
bfd
 profile fast
  transmit-interval 100
  receive-interval 100
  detect-multiplier 4
 exit
`,
    devices: simple,
    document: {
      bgp: {
        neighbors: [
          {
            address: '10.0.0.1',
            asn: 65000,
            families: ['evpn'],
            password: 's3cret',
            bfd: { transmitMilliseconds: 100, receiveMilliseconds: 100, multiplier: 4 },
            maximumRoutes: { evpn: { routes: 5000, warnPercent: 80, restartSeconds: 300 } },
          },
          {
            address: '10.0.0.2',
            bfd: { multiplier: 5, receiveMilliseconds: 500, transmitMilliseconds: 600 },
          },
        ],
      },
    },
    lost: [/^12: neighbour 10\.0\.0\.3 is shut down/],
  },
  {
    name: 'a reflector with dynamic clients',
    frr: `
router bgp 65000
 bgp router-id 10.0.0.11
 bgp cluster-id 10.0.0.100
 no bgp default ipv4-unicast
 neighbor hosts peer-group
 neighbor hosts remote-as internal
 bgp listen range 10.0.0.0/24 peer-group hosts
 address-family l2vpn evpn
  neighbor hosts activate
  neighbor hosts route-reflector-client
 exit-address-family
`,
    document: {
      vtep: { address: '10.0.0.11' },
      bgp: {
        clusterId: '10.0.0.100',
        neighbors: [{ range: '10.0.0.0/24', asn: 'internal', routeReflectorClient: true }],
      },
    },
  },
  {
    name: 'a VRF with an L3 VNI, type 5 routes, and targets by hand',
    frr: `
vrf red
 vni 50001
 ip route 192.0.2.0/24 10.1.0.9
 ip route 198.51.100.0/24 blackhole
exit-vrf
vrf mgmt
exit-vrf
router bgp 65011
 neighbor 10.0.0.1 remote-as 65000
 address-family l2vpn evpn
  neighbor 10.0.0.1 activate
  advertise-all-vni
  vni 10100
   rd 10.0.0.11:7
   route-target import 65000:10100
   route-target import 65000:1
   route-target export 65000:10100
  exit-vni
  vni 10300
   route-target import *:10300
  exit-vni
 exit-address-family
router bgp 65011 vrf red
 address-family ipv4 unicast
  redistribute connected
  redistribute static
 exit-address-family
 address-family l2vpn evpn
  advertise ipv4 unicast
  route-target both 65000:50001
 exit-address-family
`,
    devices: host(
      device('red', 'vrf'),
      device('br50001', 'bridge', { master: 'red' }),
      vxlan(50001, 'br50001'),
      device('br100', 'bridge', {
        master: 'red',
        addresses: ['10.1.0.1/24'],
        mac: '02:00:5e:00:00:01',
      }),
      vxlan(10100, 'br100'),
      device('eth2', undefined, { master: 'br100' }),
    ),
    document: {
      vtep: { address: '10.0.0.11', gatewayMac: '02:00:5e:00:00:01' },
      vrfs: [
        {
          name: 'red',
          vni: 50001,
          routeTargets: { import: ['65000:50001'], export: ['65000:50001'] },
          routes: [{ prefix: '192.0.2.0/24', via: '10.1.0.9' }, { prefix: '198.51.100.0/24' }],
        },
      ],
      networks: [
        {
          name: 'br100',
          vni: 10100,
          vrf: 'red',
          gateway: ['10.1.0.1/24'],
          routeDistinguisher: '10.0.0.11:7',
          routeTargets: { import: ['65000:10100', '65000:1'], export: ['65000:10100'] },
          ports: [{ name: 'eth2' }],
        },
        { name: 'vni10300', vni: 10300 },
      ],
    },
    lost: [
      /^20: a target under any AS/,
      /^vrf mgmt: it has no VNI/,
      /^vni 10300: no vxlan device has it/,
    ],
  },
  {
    name: 'policies, and what is not about EVPN',
    frr: `
hostname h
log syslog informational
ip prefix-list P permit 10.0.0.0/8
route-map ALL permit 10
exit
route-map SOME permit 10
 match ip address prefix-list P
exit
router ospf
 network 10.0.0.0/8 area 0
exit
router bgp 65011
 neighbor 10.0.0.1 remote-as 65000
 neighbor 10.0.0.1 local-as 65099
 address-family l2vpn evpn
  neighbor 10.0.0.1 activate
  neighbor 10.0.0.1 route-map ALL in
  neighbor 10.0.0.1 route-map SOME out
  frobnicate 7
  advertise-all-vni
  dup-addr-detection max-moves 9 time 60
  autort rfc8365-compatible
 exit-address-family
`,
    devices: simple,
    document: { profile: 'rfc8365', duplicateDetection: { moves: 9, seconds: 60 } },
    lost: [
      /^3: policies are filterIn/,
      /^6: policies are filterIn/,
      /^7: policies are filterIn/,
      /^9: only BGP is spoken/,
      /^10: no counterpart is known \(in router ospf\)/,
      /^14: we have one AS number/,
      /^18: policies are filterIn/,
      /^19: no counterpart is known \(in router bgp 65011 > address-family l2vpn evpn\)/,
    ],
  },
  {
    name: 'hosts behind several VTEPs',
    frr: `
interface bond0
 evpn mh es-id 7
 evpn mh es-sys-mac 02:00:00:00:00:99
 evpn mh es-df-pref 50000
exit
router bgp 65011
 neighbor 10.0.0.1 remote-as 65000
 address-family l2vpn evpn
  neighbor 10.0.0.1 activate
  advertise-all-vni
`,
    devices: host(
      device('br100', 'bridge'),
      vxlan(10100, 'br100'),
      device('bond0', 'bond', { master: 'br100' }),
    ),
    document: {
      networks: [
        {
          ports: [
            {
              name: 'bond0',
              ethernetSegment: {
                esi: '03:02:00:00:00:00:99:00:00:07',
                df: { algorithm: 'preference', preference: 50000 },
              },
            },
          ],
        },
      ],
    },
  },
]

for (const { name, frr, devices, document, lost = [] } of forms) {
  test(name, async (t) => {
    const text = frr.slice(1)
    const imported = importConfig({
      frr: { text, file: 'frr.conf' },
      ...(devices === undefined ? {} : { devices }),
    })
    t.same(imported.problems, [], imported.yaml)
    t.match(imported.document, document)
    const found = imported.notes
      .filter(({ kind }) => kind === 'lost')
      .map(
        ({ where, what, why }) =>
          `${where === 'frr.conf' ? what : where.replace('frr.conf:', '')}: ${why}`,
      )
    t.equal(found.length, lost.length, found.join('\n'))
    for (const [i, pattern] of lost.entries()) t.match(found[i], pattern)
    for (const { where, what, why } of imported.notes) {
      t.match(imported.yaml, `# `)
      t.ok(
        imported.yaml.includes(`${where}: `) &&
          imported.yaml.includes(what) &&
          imported.yaml.includes(why),
      )
    }
  })
}

test('a line that nobody knows is named wherever it stands', async (t) => {
  for (const { frr } of forms) {
    const lines = frr.slice(1).split('\n')
    for (let at = 0; at < lines.length; at++) {
      const indent = /^ */.exec(lines[at]!)![0]
      const text = [
        ...lines.slice(0, at),
        `${indent}frobnicate the ${at}th`,
        ...lines.slice(at),
      ].join('\n')
      const { notes } = importConfig({ frr: { text, file: 'f' } })
      const note = notes.find(({ where }) => where === `f:${at + 1}`)
      t.match(note, { kind: 'lost', what: `frobnicate the ${at}th` })
    }
  }
})

test('whatever the file says, it is read to its end', async (t) => {
  // The words of the forms in any order: statements that are nearly right, in blocks that are not theirs.
  const words = [...new Set(forms.flatMap(({ frr }) => frr.split(/\s+/)))].filter(
    (one) => one !== '',
  )
  const line = fc
    .array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 8 })), { maxLength: 6 })
    .map((all) => all.join(' '))
  const known = fc.constantFrom(...forms.flatMap(({ frr }) => frr.split('\n')))
  const text = fc.array(fc.oneof(line, known, known), { maxLength: 40 })
  fc.assert(
    fc.property(text, (lines) => {
      const { yaml, problems } = importConfig({
        frr: { text: lines.join('\n'), file: 'f' },
        devices: simple,
      })
      return yaml.length > 0 && problems.every(({ expected }) => expected !== 'YAML')
    }),
    { numRuns: 300 },
  )
  t.pass('300 files')
})

test('the devices of a kernel', async (t) => {
  const frr = { text: 'router bgp 65011\n', file: 'frr.conf' }
  const networksOf = (devices: Devices) => {
    const { document, notes, problems, changeOver } = importConfig({ frr, devices })
    t.same(problems, [])
    const { networks } = document as { networks: object[] }
    return { networks, notes: notes.map(({ where, what }) => `${where}: ${what}`), changeOver }
  }

  await t.test('a bridge with VLANs, a vxlan device for each', async (t) => {
    const vlans = [
      { ifname: 'vxlan10100', vlans: [{ vlan: 100, flags: ['PVID', 'Egress Untagged'] }] },
      { ifname: 'vnet1', vlans: [{ vlan: 100, flags: ['PVID', 'Egress Untagged'] }] },
      { ifname: 'vnet2', vlans: [{ vlan: 200, flags: ['PVID', 'Egress Untagged'] }] },
      {
        ifname: 'eth3',
        vlans: [
          { vlan: 1, flags: ['PVID', 'Egress Untagged'] },
          { vlan: 90, vlanEnd: 110 },
        ],
      },
    ]
    const bridge = device('br', 'bridge', { data: { vlan_filtering: 1 } })
    const members = ['vnet1', 'vnet2', 'eth3'].map((name) =>
      device(name, undefined, { master: 'br' }),
    )
    const result = networksOf({ ...host(bridge, vxlan(10100, 'br'), ...members), vlans })
    t.same(result.networks, [{ name: 'vni10100', vni: 10100, ports: [{ name: 'vnet1' }] }])
    t.ok(result.notes.includes('eth3: carries VLAN 100 with a tag'))
    t.same(result.changeOver.slice(1), [
      'ip link set vnet1 nomaster',
      'ip link del vxlan10100',
      'ip link del br',
    ])
  })

  await t.test('one vxlan device for many', async (t) => {
    const svd = device('vxlan0', 'vxlan', {
      master: 'br',
      data: { external: true, port: 4789, local: '10.0.0.11' },
    })
    const result = networksOf({
      ...host(
        device('br', 'bridge', { data: { vlan_filtering: 1 } }),
        svd,
        device('vnet1', undefined, { master: 'br' }),
        device('br.101', 'vlan', { link: 'br', data: { id: 101 }, addresses: ['10.2.0.1/24'] }),
      ),
      vlans: [{ ifname: 'vnet1', vlans: [{ vlan: 101, flags: ['PVID', 'Egress Untagged'] }] }],
      tunnels: [
        { ifname: 'vxlan0', tunnels: [{ vlan: 100, vlanEnd: 101, tunid: 10100, tunidEnd: 10101 }] },
      ],
    })
    t.same(result.networks, [
      { name: 'vni10100', vni: 10100 },
      { name: 'vni10101', vni: 10101, ports: [{ name: 'vnet1' }] },
    ])
    t.ok(result.notes.includes('br.101: addresses 10.2.0.1/24'))
  })

  await t.test('static VTEPs, a multicast group, another UDP port', async (t) => {
    const fdb = [
      {
        mac: '00:00:00:00:00:00',
        ifname: 'vxlan10100',
        dst: '10.0.0.12',
        state: 'permanent',
        flags: ['self'],
      },
      {
        mac: '02:00:00:00:00:0a',
        ifname: 'vxlan10100',
        dst: '10.0.0.12',
        state: 'permanent',
        flags: ['self'],
      },
      {
        mac: '02:00:00:00:00:0b',
        ifname: 'vxlan10100',
        dst: '10.0.0.13',
        state: 'permanent',
        flags: ['self', 'extern_learn'],
      },
      { mac: '02:00:00:00:00:0c', ifname: 'vxlan10100', dst: '10.0.0.14', flags: ['self'] },
    ]
    const devices = host(
      device('br100', 'bridge'),
      vxlan(10100, 'br100', { group: '239.0.0.1', port: 8472 }),
    )
    const { document, notes } = importConfig({ frr, devices: { ...devices, fdb } })
    t.match(document, {
      vtep: { udpPort: 8472 },
      networks: [{ remotes: [{ address: '10.0.0.12', macs: ['02:00:00:00:00:0a'] }] }],
    })
    t.ok(notes.some(({ what }) => what === 'floods to multicast group 239.0.0.1'))
  })
})

test('nothing to import', async (t) => {
  const { problems, notes } = importConfig({})
  t.match(
    problems.map(({ path }) => path),
    ['asn', 'vtep.address'],
  )
  t.match(notes, [{ what: 'no `router bgp`' }, { what: 'no local address' }])
})
