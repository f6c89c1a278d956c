// Arista EOS.

import { gatewayParts, type LeafFacts, type LeafInstance, type LeafNetwork } from '../facts.js'
import {
  hostPrefix,
  hostTag,
  indent,
  leafAsn,
  leafNetworks,
  leafPort,
  leafRd,
  leafVrfs,
  MULTIHOP,
  peerName,
  SECRET,
  unicastFamily,
  when,
} from '../text.js'
import type { Line, Vendor } from '../traits.js'

const GROUP = 'VTEP-HOSTS'

const port = (facts: LeafFacts): readonly Line[] => {
  const { isUnnumbered } = facts.session
  return when(facts.leafPort !== undefined || isUnnumbered, [
    `interface ${leafPort(facts)}`,
    ['no switchport', `mtu ${facts.mtu}`, ...when(isUnnumbered, 'ipv6 enable')],
  ])
}

const gateway = (network: LeafNetwork): readonly Line[] =>
  when(network.vrf !== undefined && network.gateway.length > 0, [
    `interface Vlan${network.vlan}`,
    [
      `vrf ${network.vrf?.name}`,
      ...network.gateway.map((text) =>
        gatewayParts(text).family === 4
          ? `ip address virtual ${text}`
          : `ipv6 address virtual ${text}`,
      ),
    ],
  ])

const targets = ({ imports, exports }: LeafInstance, word = ''): string[] => [
  ...imports.map((target) => `route-target import ${word}${target}`),
  ...exports.map((target) => `route-target export ${word}${target}`),
]

function tunnels(facts: LeafFacts): readonly Line[] {
  const networks = leafNetworks(facts)
  const { udpPort } = facts.config.vtep
  return [
    ...networks.map(({ vlan, name }): Line => [`vlan ${vlan}`, [`name ${name.slice(0, 32)}`]]),
    ...leafVrfs(facts).flatMap(({ name }): Line[] => [
      `vrf instance ${name}`,
      `ip routing vrf ${name}`,
    ]),
    ...when(
      networks.some((network) => network.gateway.length > 0),
      `ip virtual-router mac-address ${facts.gatewayMac}`,
    ),
    ...networks.flatMap(gateway),
    ...when(networks.length > 0, [
      'interface Vxlan1',
      [
        ...when(udpPort !== 4789, `vxlan udp-port ${udpPort}`),
        ...networks.map(({ vlan, vni }) => `vxlan vlan ${vlan} vni ${vni}`),
        ...leafVrfs(facts).map(({ name, vni }) => `vxlan vrf ${name} vni ${vni}`),
      ],
    ]),
  ]
}

function session(facts: LeafFacts): readonly Line[] {
  const { config } = facts
  const { neighbor, isUnnumbered, isInternal, isDirect, reflectsToUs } = facts.session
  const name = `neighbor ${isUnnumbered ? GROUP : peerName(facts)}`
  return [
    ...when(
      isUnnumbered,
      `${name} peer group`,
      `neighbor interface ${leafPort(facts)} peer-group ${GROUP} remote-as ${config.asn}`,
    ),
    ...when(!isUnnumbered, `${name} remote-as ${config.asn}`),
    `${name} description vtep ${config.vtep.address}`,
    ...when(!isDirect, `${name} update-source Loopback0`),
    ...when(!isDirect && !isInternal, `${name} ebgp-multihop ${MULTIHOP}`),
    ...when(neighbor.ttlSecurity !== undefined, `${name} ttl maximum-hops ${neighbor.ttlSecurity}`),
    `${name} send-community extended`,
    ...when(!isInternal, `${name} next-hop-unchanged`),
    ...when(reflectsToUs, `${name} route-reflector-client`),
    ...when(neighbor.password !== undefined, `${name} password 0 ${SECRET}`),
    ...when(neighbor.bfd !== undefined, `${name} bfd`),
  ]
}

function router(facts: LeafFacts): readonly Line[] {
  const { isUnnumbered } = facts.session
  const name = `neighbor ${isUnnumbered ? GROUP : peerName(facts)}`
  const family = unicastFamily(facts)
  return [
    ...session(facts),
    ...leafNetworks(facts).map(
      (network): Line => [
        `vlan ${network.vlan}`,
        [`rd ${leafRd(facts, network)}`, ...targets(network), 'redistribute learned'],
      ],
    ),
    ['address-family evpn', [`${name} activate`]],
    ...when(family !== undefined, [
      `address-family ipv${family}`,
      [
        `${name} activate`,
        `${name} prefix-list ${hostTag(facts)} in`,
        ...when(isUnnumbered && family === 4, `${name} next-hop address-family ipv6 originate`),
      ],
    ]),
    ...when(family === undefined, ['address-family ipv4', [`no ${name} activate`]]),
    ...leafVrfs(facts).map(
      (vrf): Line => [
        `vrf ${vrf.name}`,
        [`rd ${leafRd(facts, vrf)}`, ...targets(vrf, 'evpn '), 'redistribute connected'],
      ],
    ),
  ]
}

function configuration(facts: LeafFacts): string[] {
  const family = unicastFamily(facts)
  const ip = family === 6 ? 'ipv6' : 'ip'
  return indent(
    [
      // EVPN is there with this one only; a change of it takes a restart of the routing agent.
      'service routing protocols model multi-agent',
      ...when(facts.session.isUnnumbered, 'ipv6 unicast-routing', 'ip routing ipv6 interfaces'),
      ...port(facts),
      ...tunnels(facts),
      ...when(family !== undefined, [
        `${ip} prefix-list ${hostTag(facts)}`,
        [`seq 10 permit ${hostPrefix(facts)}`],
      ]),
      [`router bgp ${leafAsn(facts)}`, router(facts)],
    ],
    3,
  )
}

export const eos: Vendor = {
  traits: {
    title: 'Arista EOS',
    comment: '!',
    portExample: 'Ethernet1',
    unnumbered: true,
    profile: 'arista',
    importsAnyAsn: false,
    vnis: { least: 1, most: 0xfffffe },
    vlans: { least: 2, most: 4094, reserved: [] },
    keepsNextHop: false,
    ipv6Vtep: true,
    otherUdpPorts: true,
    ethernetTags: true,
    tcpAo: true,
    severalTargets: true,
    refusesReplicators: false,
    caveats: [
      {
        code: 'internalVlans',
        what: 'EOS gives VLANs from 1006 up to its routed ports',
        why: 'a VLAN that is taken is refused, and what is free differs from switch to switch',
        fix: 'look at `show vlan internal usage`, or choose lower ones by --vlan',
        concerns: (facts) =>
          [...leafNetworks(facts), ...leafVrfs(facts)].some(({ vlan }) => vlan >= 1006),
      },
    ],
  },
  sections: (facts) => [{ name: 'eos', lines: configuration(facts) }],
  verifications: (facts) => [
    { command: 'show bgp evpn summary', expect: `${peerName(facts)} in state Estab` },
    { command: 'show vxlan vtep', expect: facts.config.vtep.address },
    ...leafNetworks(facts).map(({ vni }) => ({
      command: `show bgp evpn route-type imet vni ${vni}`,
      expect: `a route of ${facts.config.vtep.address}`,
    })),
  ],
}
