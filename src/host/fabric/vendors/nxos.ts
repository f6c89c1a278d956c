// Cisco NX-OS on Nexus 9000.

import { gatewayParts, type LeafFacts, type LeafInstance, type LeafNetwork } from '../facts.js'
import {
  dottedMac,
  hostPrefix,
  hostTag,
  indent,
  leafAsn,
  leafNetworks,
  leafVrfs,
  MULTIHOP,
  peerName,
  SECRET,
  unicastFamily,
  when,
} from '../text.js'
import type { Line, Vendor } from '../traits.js'

const KEEP_NEXT_HOP = 'VTEP-KEEP-NEXT-HOP'

const targets = ({ imports, exports }: LeafInstance, suffix = ''): string[] => [
  ...imports.map((target) => `route-target import ${target}${suffix}`),
  ...exports.map((target) => `route-target export ${target}${suffix}`),
]

const vlan = ({ vlan: id, vni, name }: LeafInstance): Line => [
  `vlan ${id}`,
  [`name ${name.slice(0, 32)}`, `vn-segment ${vni}`],
]

const svi = ({ vlan: id, vrf, gateway }: LeafNetwork): readonly Line[] =>
  when(vrf !== undefined && gateway.length > 0, [
    `interface Vlan${id}`,
    [
      'no shutdown',
      `vrf member ${vrf?.name}`,
      ...gateway.map(
        (text) => `${gatewayParts(text).family === 4 ? 'ip' : 'ipv6'} address ${text}`,
      ),
      'fabric forwarding mode anycast-gateway',
    ],
  ])

const vrfLines = (vrf: LeafInstance): readonly Line[] => [
  [
    `vrf context ${vrf.name}`,
    [
      `vni ${vrf.vni}`,
      'rd auto',
      ...['ipv4', 'ipv6'].map(
        (family): Line => [`address-family ${family} unicast`, targets(vrf, ' evpn')],
      ),
    ],
  ],
  [
    `interface Vlan${vrf.vlan}`,
    [
      'no shutdown',
      `vrf member ${vrf.name}`,
      'no ip redirects',
      'no ipv6 redirects',
      'ip forward',
      'ipv6 address use-link-local-only',
    ],
  ],
]

function tunnels(facts: LeafFacts): readonly Line[] {
  const networks = leafNetworks(facts)
  const vrfs = leafVrfs(facts)
  if (networks.length + vrfs.length === 0) return []
  return [
    ...when(
      networks.some(({ gateway }) => gateway.length > 0),
      `fabric forwarding anycast-gateway-mac ${dottedMac(facts.gatewayMac)}`,
    ),
    ...[...networks, ...vrfs].map(vlan),
    ...vrfs.flatMap(vrfLines),
    ...networks.flatMap(svi),
    [
      'evpn',
      networks.map((network): Line => [`vni ${network.vni} l2`, ['rd auto', ...targets(network)]]),
    ],
    [
      'interface nve1',
      [
        'no shutdown',
        'host-reachability protocol bgp',
        ...networks.map(
          ({ vni }): Line => [`member vni ${vni}`, ['ingress-replication protocol bgp']],
        ),
        ...vrfs.map(({ vni }) => `member vni ${vni} associate-vrf`),
      ],
    ],
  ]
}

function router(facts: LeafFacts): readonly Line[] {
  const { config } = facts
  const { neighbor, isInternal, isDirect, reflectsToUs } = facts.session
  const family = unicastFamily(facts)
  return [
    // A leaf without the VNI drops the routes of the host, and nobody behind it gets them.
    ['address-family l2vpn evpn', ['retain route-target all']],
    [
      `neighbor ${peerName(facts)}`,
      [
        `remote-as ${config.asn}`,
        `description vtep ${config.vtep.address}`,
        ...when(!isDirect, 'update-source loopback0'),
        ...when(!isDirect && !isInternal, `ebgp-multihop ${MULTIHOP}`),
        ...when(neighbor.ttlSecurity !== undefined, `ttl-security hops ${neighbor.ttlSecurity}`),
        ...when(neighbor.password !== undefined, `password ${SECRET}`),
        ...when(neighbor.bfd !== undefined, 'bfd'),
        ...when(family !== undefined, [
          `address-family ipv${family} unicast`,
          [`prefix-list ${hostTag(facts)} in`],
        ]),
        [
          'address-family l2vpn evpn',
          [
            'send-community',
            'send-community extended',
            ...when(!isInternal, `route-map ${KEEP_NEXT_HOP} out`),
            ...when(reflectsToUs, 'route-reflector-client'),
          ],
        ],
      ],
    ],
  ]
}

function configuration(facts: LeafFacts): string[] {
  const { session } = facts
  const family = unicastFamily(facts)
  const ip = family === 6 ? 'ipv6' : 'ip'
  const isRouted = leafVrfs(facts).length > 0
  return indent(
    [
      'nv overlay evpn',
      'feature bgp',
      'feature nv overlay',
      'feature vn-segment-vlan-based',
      ...when(isRouted, 'feature interface-vlan', 'feature fabric forwarding'),
      ...when(session.neighbor.bfd !== undefined, 'feature bfd'),
      ...when(facts.leafPort !== undefined, [
        `interface ${facts.leafPort}`,
        ['no switchport', `mtu ${facts.mtu}`],
      ]),
      ...tunnels(facts),
      ...when(
        family !== undefined,
        `${ip} prefix-list ${hostTag(facts)} seq 10 permit ${hostPrefix(facts)}`,
      ),
      ...when(!session.isInternal, [
        `route-map ${KEEP_NEXT_HOP} permit 10`,
        ['set ip next-hop unchanged'],
      ]),
      [`router bgp ${leafAsn(facts)}`, router(facts)],
    ],
    2,
  )
}

export const nxos: Vendor = {
  traits: {
    title: 'Cisco NX-OS',
    comment: '!',
    portExample: 'Ethernet1/1',
    unnumbered: false,
    profile: 'nxos',
    importsAnyAsn: false,
    vnis: { least: 4096, most: 16773119 },
    vlans: { least: 2, most: 3967, reserved: [] },
    keepsNextHop: false,
    ipv6Vtep: false,
    otherUdpPorts: false,
    ethernetTags: false,
    tcpAo: true,
    severalTargets: true,
    refusesReplicators: false,
    caveats: [],
  },
  sections: (facts) => [{ name: 'nxos', lines: configuration(facts) }],
  verifications: (facts) => [
    {
      command: 'show bgp l2vpn evpn summary',
      expect: `${peerName(facts)}, and a number under State/PfxRcd`,
    },
    { command: 'show nve peers', expect: `${facts.config.vtep.address} in state Up` },
    ...leafNetworks(facts).map(({ vni }) => ({
      command: `show nve vni ${vni}`,
      expect: 'state Up, replication UnicastBGP',
    })),
  ],
}
