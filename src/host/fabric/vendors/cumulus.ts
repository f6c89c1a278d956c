// NVIDIA Cumulus Linux 5, by the commands of NVUE.

import { gatewayParts, type LeafFacts, type LeafInstance, type LeafNetwork } from '../facts.js'
import {
  leafAsn,
  leafNetworks,
  leafVrfs,
  MULTIHOP,
  peerName,
  SECRET,
  unicastFamily,
} from '../text.js'
import type { Vendor } from '../traits.js'

const is = (condition: boolean, ...lines: readonly string[]): readonly string[] =>
  condition ? lines : []

function session(facts: LeafFacts): string[] {
  const { config } = facts
  const { neighbor, isUnnumbered, isInternal, isDirect, reflectsToUs } = facts.session
  const peer = `vrf default router bgp neighbor ${peerName(facts)}`
  const evpn = `${peer} address-family l2vpn-evpn`
  const family = unicastFamily(facts)
  return [
    `vrf default router bgp autonomous-system ${leafAsn(facts)}`,
    'vrf default router bgp address-family l2vpn-evpn state enabled',
    `${peer} type ${isUnnumbered ? 'unnumbered' : 'numbered'}`,
    `${peer} remote-as ${config.asn}`,
    `${peer} description vtep-${config.vtep.address}`,
    ...is(!isDirect, `${peer} update-source lo`),
    ...is(!isDirect && !isInternal, `${peer} multihop-ttl ${MULTIHOP}`),
    ...is(
      neighbor.ttlSecurity !== undefined,
      `${peer} ttl-security state enabled`,
      `${peer} ttl-security hops ${neighbor.ttlSecurity}`,
    ),
    ...is(neighbor.password !== undefined, `${peer} password ${SECRET}`),
    ...is(neighbor.bfd !== undefined, `${peer} bfd state enabled`),
    ...is(family !== 4, `${peer} address-family ipv4-unicast state disabled`),
    ...is(family !== undefined, `${peer} address-family ipv${family}-unicast state enabled`),
    `${evpn} state enabled`,
    ...is(reflectsToUs, `${evpn} route-reflector-client enabled`),
  ]
}

const targets = (path: string, { imports, exports }: LeafInstance): string[] => [
  ...imports.map((target) => `${path} route-target import ${target}`),
  ...exports.map((target) => `${path} route-target export ${target}`),
]

function svi(facts: LeafFacts, { vlan, vrf, gateway }: LeafNetwork): string[] {
  if (vrf === undefined || gateway.length === 0) return []
  const path = `interface vlan${vlan}`
  return [
    `${path} type svi`,
    `${path} vlan ${vlan}`,
    `${path} ip vrf ${vrf.name}`,
    ...gateway.map((text) => `${path} ip vrr address ${gatewayParts(text).text}`),
    `${path} ip vrr mac-address ${facts.gatewayMac}`,
    `${path} ip vrr state up`,
  ]
}

function vrfLines(facts: LeafFacts, vrf: LeafInstance): string[] {
  const path = `vrf ${vrf.name}`
  const bgp = `${path} router bgp`
  return [
    `${path} evpn state enabled`,
    `${path} evpn vni ${vrf.vni}`,
    `${bgp} autonomous-system ${leafAsn(facts)}`,
    `${bgp} address-family ipv4-unicast redistribute connected state enabled`,
    `${bgp} address-family ipv4-unicast route-export to-evpn state enabled`,
    ...vrf.imports.map((target) => `${bgp} route-import from-evpn route-target ${target}`),
    ...vrf.exports.map((target) => `${bgp} route-export to-evpn route-target ${target}`),
  ]
}

function tunnels(facts: LeafFacts): string[] {
  const networks = leafNetworks(facts)
  if (networks.length === 0) return []
  const { udpPort } = facts.config.vtep
  return [
    'nve vxlan state enabled',
    'nve vxlan arp-nd-suppress enabled',
    ...is(facts.leafVtep !== undefined, `nve vxlan source address ${facts.leafVtep}`),
    ...is(udpPort !== 4789, `nve vxlan port ${udpPort}`),
    'evpn state enabled',
    ...networks.flatMap((network) => [
      `bridge domain br_default vlan ${network.vlan} vni ${network.vni}`,
      ...targets(`evpn vni ${network.vni}`, network),
      ...svi(facts, network),
    ]),
    ...leafVrfs(facts).flatMap((vrf) => vrfLines(facts, vrf)),
  ]
}

function configuration(facts: LeafFacts): string[] {
  return [
    ...is(facts.leafPort !== undefined, `interface ${facts.leafPort} link mtu ${facts.mtu}`),
    ...tunnels(facts),
    ...session(facts),
  ].map((line) => `nv set ${line}`)
}

export const cumulus: Vendor = {
  traits: {
    title: 'Cumulus Linux (NVUE)',
    comment: '#',
    portExample: 'swp1',
    unnumbered: true,
    profile: 'frr',
    importsAnyAsn: true,
    vnis: { least: 1, most: 0xffffff },
    // What it takes for L3 VNIs in br_l3vni, and the kernel's own.
    vlans: { least: 2, most: 4094, reserved: [[3600, 3999]] },
    keepsNextHop: true,
    ipv6Vtep: false,
    otherUdpPorts: true,
    ethernetTags: false,
    tcpAo: false,
    severalTargets: true,
    refusesReplicators: true,
    caveats: [
      {
        code: 'nvueWords',
        what: 'the lines are in the words of Cumulus Linux 5.15 and newer',
        why: '5.14 and older have `enable on` where these say `state enabled`, and `on` for `enabled`',
        fix: 'on an older release change these words',
        concerns: () => true,
      },
      {
        code: 'vrrNeedsAddress',
        what: 'VRR is an address beside that of the interface',
        why: 'an SVI without an address of its own does not bring its VRR up',
        fix: 'give each leaf one: nv set interface vlanN ip address',
        concerns: (facts) => leafNetworks(facts).some(({ gateway }) => gateway.length > 0),
      },
    ],
  },
  sections: (facts) => [{ name: 'nvue', lines: configuration(facts) }],
  verifications: (facts) => [
    {
      command: 'nv show vrf default router bgp neighbor',
      expect: `${peerName(facts)} established`,
    },
    ...leafNetworks(facts).map(({ vni }) => ({
      command: `nv show evpn vni ${vni} remote-vtep`,
      expect: facts.config.vtep.address,
    })),
  ],
}
