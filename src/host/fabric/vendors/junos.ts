// Juniper Junos on QFX and EX, MAC-VRFs of the VLAN-based service: its default one sends Ethernet tags.

import { gatewayParts, type LeafFacts, type LeafInstance, type LeafNetwork } from '../facts.js'
import {
  leafNetworks,
  leafRd,
  leafVrfs,
  leafVtep,
  MULTIHOP,
  peerName,
  SECRET,
  unicastFamily,
} from '../text.js'
import type { Vendor } from '../traits.js'

const GROUP = 'protocols bgp group vtep-hosts'
const ETHERNET_HEADER = 14

const is = (condition: boolean, ...lines: readonly string[]): readonly string[] =>
  condition ? lines : []

/** An administrator of four octets ends in L. */
function target(text: string): string {
  const [administrator = '', number = ''] = text.split(':')
  const isLarge = /^\d+$/.test(administrator) && Number(administrator) > 0xffff
  return `target:${administrator}${isLarge ? 'L' : ''}:${number}`
}

/** One route target fits `vrf-target`; more need a policy. */
function targets(instance: LeafInstance, direction: 'import' | 'export'): string[] {
  const list = (direction === 'import' ? instance.imports : instance.exports).map(target)
  const path = `routing-instances ${instance.name}`
  if (list.length === 1) return [`${path} vrf-target ${direction} ${list[0]}`]
  const policy = `vtep-${instance.name}-${direction}`
  const statement = `policy-options policy-statement ${policy}`
  const names = list.map((_, i) => `${policy}-${i + 1}`)
  return [
    ...list.map((one, i) => `policy-options community ${names[i]} members ${one}`),
    ...(direction === 'export'
      ? names.map((name) => `${statement} then community add ${name}`)
      : [`${statement} term ours from community [ ${names.join(' ')} ]`]),
    `${statement}${direction === 'export' ? '' : ' term ours'} then accept`,
    ...is(direction === 'import', `${statement} then reject`),
    `${path} vrf-${direction} ${policy}`,
  ]
}

function irb(facts: LeafFacts, { vlan, gateway }: LeafNetwork): string[] {
  const path = `interfaces irb unit ${vlan}`
  return [
    ...gateway.map((text) => {
      const { family } = gatewayParts(text)
      return `${path} family ${family === 4 ? 'inet' : 'inet6'} address ${text}`
    }),
    `${path} mac ${facts.gatewayMac}`,
  ]
}

function network(facts: LeafFacts, one: LeafNetwork): string[] {
  const path = `routing-instances ${one.name}`
  const isRouted = one.vrf !== undefined && one.gateway.length > 0
  return [
    `${path} instance-type mac-vrf`,
    `${path} service-type vlan-based`,
    `${path} vtep-source-interface lo0.0`,
    `${path} route-distinguisher ${leafRd(facts, one)}`,
    ...targets(one, 'import'),
    ...targets(one, 'export'),
    `${path} protocols evpn encapsulation vxlan`,
    `${path} protocols evpn default-gateway no-gateway-community`,
    `${path} protocols evpn extended-vni-list all`,
    `${path} vlans ${one.name} vlan-id ${one.vlan}`,
    `${path} vlans ${one.name} vxlan vni ${one.vni}`,
    ...is(isRouted, `${path} vlans ${one.name} l3-interface irb.${one.vlan}`),
    ...(isRouted ? irb(facts, one) : []),
  ]
}

function vrfLines(facts: LeafFacts, vrf: LeafInstance): string[] {
  const path = `routing-instances ${vrf.name}`
  const routed = facts.networks.filter((one) => one.vrf?.vni === vrf.vni && one.gateway.length > 0)
  return [
    `${path} instance-type vrf`,
    ...routed.map(({ vlan }) => `${path} interface irb.${vlan}`),
    `${path} route-distinguisher ${leafRd(facts, vrf)}`,
    ...targets(vrf, 'import'),
    ...targets(vrf, 'export'),
    `${path} protocols evpn irb-symmetric-routing vni ${vrf.vni}`,
    `${path} protocols evpn ip-prefix-routes advertise direct-nexthop`,
    `${path} protocols evpn ip-prefix-routes encapsulation vxlan`,
    `${path} protocols evpn ip-prefix-routes vni ${vrf.vni}`,
  ]
}

function session(facts: LeafFacts): string[] {
  const { config } = facts
  const { neighbor, isInternal, isDirect, reflectsToUs } = facts.session
  const peer = `${GROUP} neighbor ${peerName(facts)}`
  const family = unicastFamily(facts)
  const { transmitMilliseconds = 300, multiplier = 3 } = neighbor.bfd ?? {}
  return [
    `${GROUP} type ${isInternal ? 'internal' : 'external'}`,
    `${GROUP} family evpn signaling`,
    ...is(family !== undefined, `${GROUP} family ${family === 4 ? 'inet' : 'inet6'} unicast`),
    // An external peer that is passed routes of others keeps their VTEP as next hop, and sends its own in the same way.
    ...is(!isInternal, `${GROUP} multihop no-nexthop-change`, `${GROUP} accept-remote-nexthop`),
    ...is(!isInternal && !isDirect, `${GROUP} multihop ttl ${MULTIHOP}`),
    ...is(reflectsToUs, `${GROUP} cluster ${leafVtep(facts)}`),
    ...is(!isDirect, `${GROUP} local-address ${leafVtep(facts)}`),
    `${peer} peer-as ${config.asn}`,
    `${peer} description "vtep ${config.vtep.address}"`,
    ...is(neighbor.password !== undefined, `${peer} authentication-key ${SECRET}`),
    ...is(
      neighbor.bfd !== undefined,
      `${peer} bfd-liveness-detection minimum-interval ${transmitMilliseconds}`,
      `${peer} bfd-liveness-detection multiplier ${multiplier}`,
    ),
  ]
}

function configuration(facts: LeafFacts): string[] {
  return [
    // Of the physical interface, with the Ethernet header.
    ...is(
      facts.leafPort !== undefined,
      `interfaces ${facts.leafPort} mtu ${facts.mtu + ETHERNET_HEADER}`,
    ),
    ...leafNetworks(facts).flatMap((one) => network(facts, one)),
    ...leafVrfs(facts).flatMap((vrf) => vrfLines(facts, vrf)),
    ...session(facts),
  ].map((line) => `set ${line}`)
}

export const junos: Vendor = {
  traits: {
    title: 'Juniper Junos',
    comment: '#',
    portExample: 'et-0/0/1',
    unnumbered: false,
    profile: 'junos',
    importsAnyAsn: false,
    vnis: { least: 1, most: 16777214 },
    vlans: { least: 2, most: 4094, reserved: [] },
    keepsNextHop: false,
    ipv6Vtep: false,
    otherUdpPorts: false,
    ethernetTags: true,
    tcpAo: true,
    severalTargets: true,
    refusesReplicators: false,
    caveats: [
      {
        code: 'ownTargets',
        what: 'only routes of types 2 and 3 carry the route targets of a network',
        why: 'those of Ethernet segments (type 1) carry that of the default instance',
        fix: "add it to routeTargets.import of networks with hosts behind the leaf's segments",
        concerns: (facts) => leafNetworks(facts).length > 0,
      },
    ],
  },
  sections: (facts) => [{ name: 'junos', lines: configuration(facts) }],
  verifications: (facts) => [
    { command: 'show bgp summary group vtep-hosts', expect: `${peerName(facts)} in state Establ` },
    {
      command: 'show mac-vrf forwarding vxlan-tunnel-end-point remote',
      expect: facts.config.vtep.address,
    },
    ...leafNetworks(facts).map(({ name }) => ({
      command: `show evpn instance ${name} extensive`,
      expect: `${facts.config.vtep.address} among the neighbors`,
    })),
  ],
}
