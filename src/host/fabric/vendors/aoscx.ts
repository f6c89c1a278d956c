// HPE Aruba AOS-CX.

import { gatewayParts, type LeafFacts, type LeafInstance, type LeafNetwork } from '../facts.js'
import {
  hostPrefix,
  hostTag,
  indent,
  leafAsn,
  leafNetworks,
  leafRd,
  leafVrfs,
  MULTIHOP,
  peerName,
  SECRET,
  unicastFamily,
  when,
} from '../text.js'
import type { Line, Vendor } from '../traits.js'

const targets = ({ imports, exports }: LeafInstance, suffix = ''): string[] => [
  ...exports.map((target) => `route-target export ${target}${suffix}`),
  ...imports.map((target) => `route-target import ${target}${suffix}`),
]

const svi = (facts: LeafFacts, { vlan, vrf, gateway }: LeafNetwork): readonly Line[] =>
  when(vrf !== undefined && gateway.length > 0, [
    `interface vlan ${vlan}`,
    [
      `vrf attach ${vrf?.name}`,
      ...gateway.flatMap((text) => {
        const { family, ip } = gatewayParts(text)
        const word = family === 4 ? 'ip' : 'ipv6'
        return [
          `${word} address ${text}`,
          `active-gateway ${word} mac ${facts.gatewayMac}`,
          `active-gateway ${word} ${ip}`,
        ]
      }),
    ],
  ])

function tunnels(facts: LeafFacts): readonly Line[] {
  const networks = leafNetworks(facts)
  const vrfs = leafVrfs(facts)
  if (networks.length + vrfs.length === 0) return []
  return [
    ...vrfs.map(
      (vrf): Line => [`vrf ${vrf.name}`, [`rd ${leafRd(facts, vrf)}`, ...targets(vrf, ' evpn')]],
    ),
    ...networks.map(({ vlan, name }): Line => [`vlan ${vlan}`, [`name ${name.slice(0, 32)}`]]),
    ...networks.flatMap((network) => svi(facts, network)),
    [
      'evpn',
      [
        'arp-suppression',
        'nd-suppression',
        ...networks.map(
          (network): Line => [
            `vlan ${network.vlan}`,
            [
              `rd ${leafRd(facts, network)}`,
              ...targets(network),
              ...when(network.vrf !== undefined, 'redistribute host-route'),
            ],
          ],
        ),
      ],
    ],
    [
      'interface vxlan 1',
      [
        ...when(facts.leafVtep !== undefined, `source ip ${facts.leafVtep}`),
        'no shutdown',
        ...networks.map(({ vni, vlan }): Line => [`vni ${vni}`, [`vlan ${vlan}`]]),
        ...vrfs.map(({ vni, name }): Line => [`vni ${vni}`, [`vrf ${name}`, 'routing']]),
      ],
    ],
  ]
}

function router(facts: LeafFacts): readonly Line[] {
  const { config } = facts
  const { neighbor, isInternal, isDirect, reflectsToUs } = facts.session
  const peer = `neighbor ${peerName(facts)}`
  const family = unicastFamily(facts)
  return [
    `${peer} remote-as ${config.asn}`,
    `${peer} description vtep ${config.vtep.address}`,
    ...when(!isDirect, `${peer} update-source loopback 0`),
    ...when(!isDirect && !isInternal, `${peer} ebgp-multihop ${MULTIHOP}`),
    ...when(
      neighbor.ttlSecurity !== undefined,
      `${peer} ttl-security-hops ${neighbor.ttlSecurity}`,
    ),
    ...when(neighbor.password !== undefined, `${peer} password plaintext ${SECRET}`),
    ...when(neighbor.bfd !== undefined, `${peer} fall-over bfd`),
    ...when(
      family !== undefined,
      [
        `address-family ipv${family} unicast`,
        [`${peer} activate`, `${peer} prefix-list ${hostTag(facts)} in`],
      ],
      'exit-address-family',
    ),
    [
      'address-family l2vpn evpn',
      [
        `${peer} activate`,
        `${peer} send-community extended`,
        ...when(!isInternal, `${peer} next-hop-unchanged`),
        ...when(reflectsToUs, `${peer} route-reflector-client`),
      ],
    ],
    'exit-address-family',
  ]
}

function configuration(facts: LeafFacts): string[] {
  const family = unicastFamily(facts)
  const ip = family === 6 ? 'ipv6' : 'ip'
  return indent(
    [
      ...when(facts.leafPort !== undefined, [
        `interface ${facts.leafPort}`,
        ['routing', `mtu ${facts.mtu}`, `ip mtu ${facts.mtu}`],
      ]),
      ...tunnels(facts),
      ...when(
        family !== undefined,
        `${ip} prefix-list ${hostTag(facts)} seq 10 permit ${hostPrefix(facts)}`,
      ),
      [`router bgp ${leafAsn(facts)}`, router(facts)],
    ],
    4,
  )
}

export const aoscx: Vendor = {
  traits: {
    title: 'HPE Aruba AOS-CX',
    comment: '!',
    portExample: '1/1/1',
    unnumbered: false,
    profile: 'rfc8365',
    importsAnyAsn: false,
    vnis: { least: 1, most: 16777214 },
    vlans: { least: 2, most: 4094, reserved: [] },
    keepsNextHop: false,
    ipv6Vtep: false,
    otherUdpPorts: false,
    ethernetTags: true,
    tcpAo: false,
    severalTargets: true,
    refusesReplicators: false,
    caveats: [
      {
        code: 'vniOverflow',
        what: 'VNIs above 65535 overflow in the virtual AOS-CX',
        why: 'it keeps 16 bits of them: networks are mixed up without a word',
        fix: 'on the virtual switch stay at or below 65535',
        concerns: (facts) =>
          [...leafNetworks(facts), ...leafVrfs(facts)].some(({ vni }) => vni > 0xffff),
      },
      {
        code: 'arpLength',
        what: 'the virtual AOS-CX sends VXLAN packets with ARP inside whose IP length is wrong',
        why: 'a Linux underlay, and so this host, drops them: hosts behind the leaf are not heard asking',
        fix: 'use the hardware, or let hosts behind the leaf be asked first',
        concerns: (facts) => leafNetworks(facts).length > 0,
      },
      {
        code: 'directEvpn',
        what: 'EVPN over an external session between neighbouring addresses is not known to work',
        why: 'AOS-CX is used with EVPN between loopbacks, or internal sessions',
        fix: "let the session be between the VTEP address and the leaf's loopback (updateSource, multihop)",
        concerns: ({ session }) => session.isDirect && !session.isInternal,
      },
    ],
  },
  sections: (facts) => [{ name: 'aoscx', lines: configuration(facts) }],
  verifications: (facts) => [
    { command: 'show bgp l2vpn evpn summary', expect: `${peerName(facts)} Established` },
    { command: 'show interface vxlan vteps', expect: facts.config.vtep.address },
    ...leafNetworks(facts).map(({ vlan }) => ({
      command: `show evpn evi ${vlan}`,
      expect: `${facts.config.vtep.address} among the peer VTEPs`,
    })),
  ],
}
