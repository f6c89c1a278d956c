// FRR on Linux: frr.conf, and the kernel's devices that it announces.

import { gatewayParts, type LeafFacts, type LeafInstance, type LeafNetwork } from '../facts.js'
import {
  hostPrefix,
  hostTag,
  indent,
  leafAsn,
  leafNetworks,
  leafVrfs,
  leafVtep,
  MULTIHOP,
  peerName,
  SECRET,
  unicastFamily,
  when,
} from '../text.js'
import type { Line, Vendor } from '../traits.js'

/** Interfaces have names of at most 15 characters. */
const vrfDevice = ({ name, vni }: LeafInstance): string =>
  /^[\w.-]{1,15}$/.test(name) ? name : `vrf${vni}`

const vxlan = (facts: LeafFacts, vni: number): string[] => [
  `ip link add name br${vni} type bridge mcast_snooping 0`,
  `ip link add name vxlan${vni} type vxlan id ${vni} local ${leafVtep(facts)} dstport ${facts.config.vtep.udpPort} nolearning`,
  `ip link set vxlan${vni} addrgenmode none mtu ${facts.tenantMtu} master br${vni} up`,
  `bridge link set dev vxlan${vni} learning off neigh_suppress on`,
]

function networkDevices(facts: LeafFacts, { vni, vrf, gateway }: LeafNetwork): string[] {
  const isRouted = vrf !== undefined && gateway.length > 0
  return [
    ...vxlan(facts, vni),
    ...(vrf === undefined ? [] : [`ip link set br${vni} master ${vrfDevice(vrf)}`]),
    ...(isRouted
      ? [`ip link set br${vni} address ${facts.gatewayMac}`]
      : [`ip link set br${vni} addrgenmode none`]),
    `ip link set br${vni} mtu ${facts.tenantMtu} up`,
    // Every VTEP has them: nobody is to ask whether they are free.
    ...(isRouted
      ? gateway.map(
          (address) =>
            `ip address add ${address} dev br${vni}${address.includes(':') ? ' nodad' : ''}`,
        )
      : []),
  ]
}

function vrfDevices(facts: LeafFacts, vrf: LeafInstance): string[] {
  const device = vrfDevice(vrf)
  return [
    // The L3 VNI is a number that no other table of this machine is likely to have.
    `ip link add name ${device} type vrf table ${vrf.vni}`,
    `ip link set ${device} up`,
    ...vxlan(facts, vrf.vni),
    `ip link set br${vrf.vni} master ${device} addrgenmode none`,
    `ip link set br${vrf.vni} mtu ${facts.tenantMtu} up`,
  ]
}

function devices(facts: LeafFacts): string[] {
  const vrfs = leafVrfs(facts)
  return [
    ...(facts.leafPort === undefined ? [] : [`ip link set ${facts.leafPort} mtu ${facts.mtu}`]),
    ...(vrfs.length === 0
      ? []
      : ['sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1']),
    ...vrfs.flatMap((vrf) => vrfDevices(facts, vrf)),
    ...leafNetworks(facts).flatMap((network) => networkDevices(facts, network)),
  ]
}

const targets = ({ imports, exports }: LeafInstance): string[] => [
  ...imports.map((target) => `route-target import ${target}`),
  ...exports.map((target) => `route-target export ${target}`),
]

function router(facts: LeafFacts): Line[] {
  const { session, config } = facts
  const { neighbor, isInternal, isDirect } = session
  const peer = `neighbor ${peerName(facts)}`
  const family = unicastFamily(facts)
  const isMultihop = !isDirect && !isInternal && neighbor.ttlSecurity === undefined
  return [
    // bgpd 8.4 was seen to track a multihop peer's next hops as ones that must be connected: inaccessible for good, the session up.
    ...when(isMultihop, 'bgp disable-ebgp-connected-route-check'),
    `${peer}${session.isUnnumbered ? ' interface' : ''} remote-as ${config.asn}`,
    `${peer} description vtep ${config.vtep.address}`,
    ...when(!isDirect, `${peer} update-source ${leafVtep(facts)}`),
    ...when(isMultihop, `${peer} ebgp-multihop ${MULTIHOP}`),
    ...when(
      neighbor.ttlSecurity !== undefined,
      `${peer} ttl-security hops ${neighbor.ttlSecurity}`,
    ),
    ...when(neighbor.password !== undefined, `${peer} password ${SECRET}`),
    ...when(neighbor.bfd !== undefined, `${peer} bfd`),
    ...when(
      family !== 4,
      ['address-family ipv4 unicast', [`no ${peer} activate`]],
      'exit-address-family',
    ),
    ...when(
      family !== undefined,
      [
        `address-family ipv${family} unicast`,
        [
          `${peer} activate`,
          `${peer} route-map ${hostTag(facts)} in`,
          `${peer} route-map VTEP-ALL out`,
        ],
      ],
      'exit-address-family',
    ),
    [
      'address-family l2vpn evpn',
      [
        `${peer} activate`,
        ...when(!isInternal, `${peer} attribute-unchanged next-hop`),
        ...when(session.reflectsToUs, `${peer} route-reflector-client`),
        `${peer} route-map VTEP-ALL in`,
        `${peer} route-map VTEP-ALL out`,
        ...when(!facts.isTransit, 'advertise-all-vni'),
        ...leafNetworks(facts).flatMap((network): Line[] => [
          [`vni ${network.vni}`, targets(network)],
          'exit-vni',
        ]),
      ],
    ],
    'exit-address-family',
  ]
}

function routerOfVrf(facts: LeafFacts, vrf: LeafInstance): Line[] {
  const families = new Set(
    facts.networks
      .filter((network) => network.vrf?.vni === vrf.vni)
      .flatMap(({ gateway }) => gateway.map((text) => gatewayParts(text).family)),
  )
  const used = families.size === 0 ? [4] : [...families].sort()
  return [
    [`vrf ${vrfDevice(vrf)}`, [`vni ${vrf.vni}`]],
    'exit-vrf',
    [
      `router bgp ${leafAsn(facts)} vrf ${vrfDevice(vrf)}`,
      [
        ...used.flatMap((family): Line[] => [
          [`address-family ipv${family} unicast`, ['redistribute connected']],
          'exit-address-family',
        ]),
        [
          'address-family l2vpn evpn',
          [...used.map((family) => `advertise ipv${family} unicast`), ...targets(vrf)],
        ],
        'exit-address-family',
      ],
    ],
    'exit',
  ]
}

function configuration(facts: LeafFacts): string[] {
  const family = unicastFamily(facts)
  const ip = family === 6 ? 'ipv6' : 'ip'
  return indent(
    [
      // Also what RFC 8212 asks for: nothing passes to or from an external peer without a policy.
      'route-map VTEP-ALL permit 10',
      'exit',
      ...when(
        family !== undefined,
        `${ip} prefix-list ${hostTag(facts)} permit ${hostPrefix(facts)}`,
        [
          `route-map ${hostTag(facts)} permit 10`,
          [`match ${ip} address prefix-list ${hostTag(facts)}`],
        ],
        'exit',
      ),
      [`router bgp ${leafAsn(facts)}`, router(facts)],
      'exit',
      ...leafVrfs(facts).flatMap((vrf) => routerOfVrf(facts, vrf)),
    ],
    1,
  )
}

export const frr: Vendor = {
  traits: {
    title: 'FRR',
    comment: '!',
    portExample: 'swp1',
    unnumbered: true,
    profile: 'frr',
    importsAnyAsn: true,
    vnis: { least: 1, most: 0xffffff },
    vlans: { least: 2, most: 4094, reserved: [] },
    keepsNextHop: true,
    ipv6Vtep: true,
    otherUdpPorts: true,
    ethernetTags: false,
    tcpAo: false,
    severalTargets: true,
    refusesReplicators: true,
    caveats: [
      {
        code: 'ipv6VtepIsNew',
        what: 'VXLAN between IPv6 addresses came with FRR 10.6',
        why: 'older versions drop the routes of an IPv6 VTEP',
        fix: 'see that the leaf has FRR 10.6 or newer, or use an IPv4 VTEP address',
        concerns: ({ config }) => config.vtep.address.includes(':'),
      },
    ],
  },
  sections: (facts) => [
    { name: 'devices', lines: devices(facts), aside: true },
    { name: 'frr', lines: configuration(facts) },
  ],
  verifications: (facts) => [
    {
      command: 'vtysh -c "show bgp l2vpn evpn summary"',
      expect: `${peerName(facts)}, and a number under State/PfxRcd`,
    },
    ...leafNetworks(facts).map(({ vni }) => ({
      command: `vtysh -c "show evpn vni ${vni}"`,
      expect: `${facts.config.vtep.address} under Remote VTEPs`,
    })),
    ...leafVrfs(facts).map(({ vni }) => ({
      command: `vtysh -c "show evpn vni ${vni}"`,
      expect: 'State: Up',
    })),
  ],
}
