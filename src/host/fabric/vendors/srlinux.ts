// Nokia SR Linux, by absolute `set` commands.

import { gatewayParts, type LeafFacts, type LeafInstance, type LeafNetwork } from '../facts.js'
import {
  hostPrefix,
  leafNetworks,
  leafPort,
  leafVrfs,
  leafVtep,
  MULTIHOP,
  peerName,
  unicastFamily,
} from '../text.js'
import type { Vendor } from '../traits.js'

const BGP = 'network-instance default protocols bgp'
const GROUP = `${BGP} group vtep-hosts`
const TUNNEL = 'vxlan1'
/** What its port MTU counts on top of IP: Ethernet header with a VLAN tag, and the frame check sequence is not in it. */
const PORT_OVERHEAD = 18

const is = (condition: boolean, ...lines: readonly string[]): readonly string[] =>
  condition ? lines : []

function evpnInstance(one: LeafInstance, type: 'bridged' | 'routed'): string[] {
  const path = `network-instance ${one.name}`
  const tunnel = `${TUNNEL}.${one.vlan}`
  const evpn = `${path} protocols bgp-evpn bgp-instance 1`
  const vpn = `${path} protocols bgp-vpn bgp-instance 1 route-target`
  return [
    `tunnel-interface ${TUNNEL} vxlan-interface ${one.vlan} type ${type}`,
    `tunnel-interface ${TUNNEL} vxlan-interface ${one.vlan} ingress vni ${one.vni}`,
    `${path} type ${type === 'bridged' ? 'mac-vrf' : 'ip-vrf'}`,
    `${path} admin-state enable`,
    `${path} vxlan-interface ${tunnel}`,
    `${evpn} admin-state enable`,
    `${evpn} vxlan-interface ${tunnel}`,
    // Its route distinguisher is derived from this one; the route target would be, too.
    `${evpn} evi ${one.vlan}`,
    `${evpn} ecmp 8`,
    `${vpn} import-rt target:${one.imports[0]}`,
    `${vpn} export-rt target:${one.exports[0]}`,
  ]
}

function irb(facts: LeafFacts, { name, vlan, vrf, gateway }: LeafNetwork): string[] {
  if (vrf === undefined || gateway.length === 0) return []
  const path = `interface irb0 subinterface ${vlan}`
  return [
    ...gateway.map(
      (text) => `${path} ipv${gatewayParts(text).family} address ${text} anycast-gw true`,
    ),
    ...[...new Set(gateway.map((text) => gatewayParts(text).family))].flatMap((family) => [
      `${path} ipv${family} admin-state enable`,
      family === 4
        ? `${path} ipv4 arp learn-unsolicited true`
        : `${path} ipv6 neighbor-discovery learn-unsolicited both`,
      `${path} ipv${family} ${family === 4 ? 'arp' : 'neighbor-discovery'} evpn advertise dynamic`,
    ]),
    `${path} anycast-gw anycast-gw-mac ${facts.gatewayMac}`,
    `network-instance ${name} interface irb0.${vlan}`,
    `network-instance ${vrf.name} interface irb0.${vlan}`,
  ]
}

function session(facts: LeafFacts): string[] {
  const { config } = facts
  const { neighbor, isUnnumbered, isInternal, isDirect, reflectsToUs } = facts.session
  const family = unicastFamily(facts)
  const port = `${leafPort(facts)}.0`
  const peer = isUnnumbered
    ? `${BGP} dynamic-neighbors interface ${port}`
    : `${BGP} neighbor ${peerName(facts)}`
  return [
    `${BGP} afi-safi evpn admin-state enable`,
    `${BGP} afi-safi evpn evpn rapid-update true`,
    // Routes for which it has no instance are dropped otherwise.
    ...is(!isInternal, `${BGP} afi-safi evpn evpn inter-as-vpn true`),
    `${BGP} route-advertisement rapid-withdrawal true`,
    `routing-policy policy vtep-all default-action policy-result accept`,
    ...is(
      family !== undefined,
      `routing-policy prefix-set vtep-hosts prefix ${hostPrefix(facts)} mask-length-range exact`,
      `routing-policy policy vtep-hosts-in statement hosts match prefix prefix-set vtep-hosts`,
      `routing-policy policy vtep-hosts-in statement hosts action policy-result accept`,
      `routing-policy policy vtep-hosts-in default-action policy-result reject`,
    ),
    `${GROUP} import-policy [ vtep-all ]`,
    `${GROUP} export-policy [ vtep-all ]`,
    `${GROUP} afi-safi evpn admin-state enable`,
    ...(['ipv4', 'ipv6'] as const).map(
      (name) =>
        `${GROUP} afi-safi ${name}-unicast admin-state ${name === `ipv${family}` ? 'enable' : 'disable'}`,
    ),
    ...is(
      family !== undefined,
      `${GROUP} afi-safi ipv${family}-unicast import-policy [ vtep-hosts-in ]`,
    ),
    ...is(reflectsToUs, `${GROUP} route-reflector client true`),
    `${peer} peer-group vtep-hosts`,
    ...is(isUnnumbered, `${peer} allowed-peer-as [ ${config.asn} ]`),
    ...is(
      !isUnnumbered,
      `${peer} peer-as ${config.asn}`,
      `${peer} description "vtep ${config.vtep.address}"`,
    ),
    ...is(!isDirect, `${peer} transport local-address ${leafVtep(facts)}`),
    ...is(
      !isDirect && !isInternal,
      `${peer} multihop admin-state enable`,
      `${peer} multihop maximum-hops ${MULTIHOP}`,
    ),
    ...is(
      neighbor.bfd !== undefined,
      `${GROUP} failure-detection enable-bfd true`,
      `bfd subinterface ${port} admin-state enable`,
    ),
  ]
}

function configuration(facts: LeafFacts): string[] {
  const { session: has } = facts
  const port = facts.leafPort
  return [
    ...is(
      port !== undefined,
      `interface ${port} mtu ${facts.mtu + PORT_OVERHEAD}`,
      `interface ${port} subinterface 0 ip-mtu ${facts.mtu}`,
    ),
    ...is(
      has.isUnnumbered,
      `interface ${leafPort(facts)} subinterface 0 ipv6 admin-state enable`,
      `interface ${leafPort(facts)} subinterface 0 ipv6 router-advertisement router-role admin-state enable`,
    ),
    ...leafVrfs(facts).flatMap((vrf) => evpnInstance(vrf, 'routed')),
    ...leafNetworks(facts).flatMap((one) => [...evpnInstance(one, 'bridged'), ...irb(facts, one)]),
    ...session(facts),
  ].map((line) => `set / ${line}`)
}

export const srlinux: Vendor = {
  traits: {
    title: 'Nokia SR Linux',
    comment: '#',
    portExample: 'ethernet-1/1',
    unnumbered: true,
    // AS:EVI, and not the VNI: the form is alike, the number is that of the VLAN here.
    profile: 'frr',
    importsAnyAsn: false,
    vnis: { least: 1, most: 0xffffff },
    vlans: { least: 2, most: 4094, reserved: [] },
    keepsNextHop: false,
    ipv6Vtep: false,
    otherUdpPorts: false,
    ethernetTags: true,
    tcpAo: true,
    severalTargets: false,
    refusesReplicators: false,
    caveats: [
      {
        code: 'keychain',
        what: 'the password of the session is no line of these',
        why: 'SR Linux takes it from a keychain',
        fix: 'set / system authentication keychain NAME, and authentication keychain NAME of group vtep-hosts',
        concerns: ({ session: { neighbor } }) => neighbor.password !== undefined,
      },
    ],
  },
  sections: (facts) => [{ name: 'srlinux', lines: configuration(facts) }],
  verifications: (facts) => [
    {
      command: 'show network-instance default protocols bgp neighbor',
      expect: `${facts.session.host ?? 'the link-local address of this host'} established, evpn with received routes`,
    },
    ...leafNetworks(facts).map(({ vlan }) => ({
      command: `show tunnel-interface ${TUNNEL} vxlan-interface ${vlan} bridge-table multicast-destinations destination *`,
      expect: facts.config.vtep.address,
    })),
  ],
}
