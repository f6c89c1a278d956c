// What the operator may write wrong about BGP peers.

import t from 'tap'
import { base, findAll, type Mistake } from './mistakes.js'

const mistakes: readonly Mistake[] = [
  {
    name: 'unnumbered peers',
    text: `${base}bgp:
  neighbors:
    - { interface: eth0, asn: external, updateSource: 10.0.0.1 }
    - { interface: eth0, asn: 1 }
    - { interface: a/b, asn: 1 }
`,
    problems: [
      '5:55 bgp.neighbors[0].updateSource: expected no updateSource, as an interface has its own link-local address',
      '6:20 bgp.neighbors[1].interface: expected an interface that no other neighbour has, got eth0, as bgp.neighbors[0].interface',
      '7:20 bgp.neighbors[2].interface: expected the name of a network interface',
    ],
  },
  {
    name: 'a neighbour without AS number',
    text: `${base}bgp: { neighbors: [{ address: 10.0.0.1 }] }\n`,
    problems: [
      '3:20 bgp.neighbors[0].asn: expected an AS number, internal or external, got nothing',
    ],
  },
  {
    name: 'a neighbour that is nobody',
    text: `${base}bgp: { neighbors: [{ asn: internal }] }\n`,
    problems: ['3:20 bgp.neighbors[0]: expected one of address, interface or range, got none'],
  },
  {
    name: 'a neighbour that is two',
    text: `${base}bgp: { listen: {}, neighbors: [{ asn: 1, address: 10.0.0.1, range: 10.0.0.0/24 }] }\n`,
    problems: [
      '3:32 bgp.neighbors[0]: expected one of address, interface or range, got address and range',
    ],
  },
  {
    name: 'a neighbour twice',
    text: `${base}bgp: { neighbors: [{ asn: 1, address: 10.0.0.1 }, { asn: 2, address: 10.0.0.1 }] }\n`,
    problems: [
      '3:70 bgp.neighbors[1].address: expected an address that no other neighbour has, got 10.0.0.1, as bgp.neighbors[0].address',
    ],
  },
  {
    name: 'a neighbour that is ourselves',
    text: `${base}bgp: { neighbors: [{ asn: 1, address: 10.0.0.11 }] }\n`,
    problems: ['3:39 bgp.neighbors[0].address: expected another address than our own VTEP'],
  },
  {
    name: 'ranges that overlap',
    text: `${base}bgp: { listen: {}, neighbors: [{ asn: 1, range: 10.0.0.0/8 }, { asn: 2, range: 10.1.0.0/16 }] }\n`,
    problems: ['3:80 bgp.neighbors[1].range: expected a range apart from every other'],
  },
  {
    name: 'a range without listening',
    text: `${base}bgp: { neighbors: [{ asn: internal, range: 10.0.0.0/24 }] }\n`,
    problems: ['3:44 bgp.neighbors[0].range: expected bgp.listen beside dynamic neighbours'],
  },
  {
    name: 'a passive neighbour without listening',
    text: `${base}bgp: { neighbors: [{ asn: 1, address: 10.0.0.1, passive: true }] }\n`,
    problems: ['3:58 bgp.neighbors[0].passive: expected bgp.listen beside a passive neighbour'],
  },
  {
    name: 'a prefix with letters',
    text: `${base}bgp: { listen: {}, neighbors: [{ asn: 1, range: ten }] }\n`,
    problems: ['3:49 bgp.neighbors[0].range: expected an IP prefix like 10.0.0.0/24, got "ten"'],
  },
  {
    name: 'a source of the other family',
    text: `${base}bgp: { neighbors: [{ asn: 1, address: 10.0.0.1, updateSource: "fd00::1" }] }\n`,
    problems: ['3:63 bgp.neighbors[0].updateSource: expected IPv4, as the address, got fd00::1'],
  },
  {
    name: 'a client of another AS',
    text: `${base}bgp: { neighbors: [{ asn: 1, address: 10.0.0.1, routeReflectorClient: true }] }\n`,
    problems: ['3:27 bgp.neighbors[0].asn: expected internal or 65011'],
  },
  {
    name: 'a hold time that RFC 4271 forbids',
    text: `${base}bgp: { neighbors: [{ asn: 1, address: 10.0.0.1, holdTimeSeconds: 2 }] }\n`,
    problems: [
      '3:66 bgp.neighbors[0].holdTimeSeconds: expected 0, or 3 to 65535 (RFC 4271), got 2',
    ],
  },
  {
    name: 'families that are unknown, empty, twice',
    text: `${base}bgp:\n  neighbors:\n    - { asn: 1, address: 10.0.0.1, families: [evnp] }\n    - { asn: 1, address: 10.0.0.2, families: [] }\n    - { asn: 1, address: 10.0.0.3, families: [evpn, evpn] }\n`,
    problems: [
      '5:47 bgp.neighbors[0].families[0]: expected evpn, ipv4 or ipv6, got "evnp" (did you mean evpn?)',
      '6:46 bgp.neighbors[1].families: expected a list of 1 to 3 entries, got 0',
      '7:53 bgp.neighbors[2].families[1]: expected a family that the list has once',
    ],
  },
  {
    name: 'policy that can not be',
    text: `${base}bgp:
  neighbors:
    - { address: 10.0.0.1, asn: internal, role: customer, asOverride: true }
    - { address: 10.0.0.2, asn: 1, strictRole: true }
    - { address: 10.0.0.3, asn: 1, maximumRoutes: { ipv4: { routes: 5 } } }
    - { address: 10.0.0.4, asn: 1, role: client, filterIn: [], filterOut: [{ prefixes: [10.0.0.0/33] }] }
`,
    problems: [
      '5:49 bgp.neighbors[0].role: expected no role, as the peer is of our own AS, got customer',
      '5:71 bgp.neighbors[0].asOverride: expected false, as the peer is of our own AS, got true',
      '6:7 bgp.neighbors[1].role: expected a role beside strictRole, got nothing',
      "7:59 bgp.neighbors[2].maximumRoutes.ipv4: expected one of the peer's families evpn, got ipv4",
      '8:42 bgp.neighbors[3].role: expected provider, customer, peer, rs or rsClient, got "client"',
      '8:60 bgp.neighbors[3].filterIn: expected a list of 1 to 10000 entries, got 0',
      '8:76 bgp.neighbors[3].filterOut[0].accept: expected true or false, got nothing',
      '8:89 bgp.neighbors[3].filterOut[0].prefixes[0]: expected a length of 0 to 32, got "10.0.0.0/33"',
    ],
  },
  {
    name: 'two distances, passwords and keys',
    text: `${base}bgp:
  listen: {}
  neighbors:
    - { address: 10.0.0.1, asn: 1, multihop: 2, ttlSecurity: 1 }
    - { address: 10.0.0.2, asn: 1, password: "" }
    - { address: 10.0.0.3, asn: 1, password: ${'x'.repeat(81)} }
    - { address: 10.0.0.4, asn: 1, password: 1234 }
    - { address: 10.9.0.1, asn: 1 }
    - { range: 10.9.0.0/24, asn: 1, password: secret }
    - { address: 10.0.0.5, asn: 1, tcpAo: { sendId: 1, password: a } }
    - { address: 10.0.0.6, asn: 1, tcpAo: [{ sendId: 256, algorithm: md5 }] }
    - { address: 10.0.0.7, asn: 1, password: a, tcpAo: [{ sendId: 1, password: a }] }
    - { address: 10.0.0.8, asn: 1, tcpAo: [{ sendId: 1, password: a }, { sendId: 2, receiveId: 1, password: b }] }
    - { address: 10.8.0.1, asn: 1, password: a }
    - { range: 10.8.0.0/24, asn: 1, tcpAo: [{ sendId: 1, password: a }] }
`,
    problems: [
      '6:46 bgp.neighbors[0].multihop: expected one of multihop or ttlSecurity, got both',
      '7:46 bgp.neighbors[1].password: expected a password of 1 to 80 characters, got 0 octets',
      '8:46 bgp.neighbors[2].password: expected a password of 1 to 80 characters, got 81 octets',
      '9:46 bgp.neighbors[3].password: expected a password of 1 to 80 characters, got something else',
      '10:7 bgp.neighbors[4].password: expected a password, as range 10.9.0.0/24 has, got nothing',
      '12:43 bgp.neighbors[6].tcpAo: expected a list, got a mapping',
      '13:44 bgp.neighbors[7].tcpAo[0].password: expected a password of 1 to 80 characters, got nothing',
      '13:54 bgp.neighbors[7].tcpAo[0].sendId: expected a whole number, 0 to 255, got 256',
      '13:70 bgp.neighbors[7].tcpAo[0].algorithm: expected hmac-sha-1-96 or aes-128-cmac-96, got "md5"',
      '14:56 bgp.neighbors[8].tcpAo: expected one of password or tcpAo, got both',
      '15:96 bgp.neighbors[9].tcpAo[1].receiveId: expected a KeyID that no other key of the peer has, got 1, as bgp.neighbors[9].tcpAo[0].receiveId',
      '16:7 bgp.neighbors[10].tcpAo: expected keys of TCP-AO, as range 10.8.0.0/24 has, got nothing',
    ],
  },
  {
    name: 'a collector twice, and a view twice',
    text: `${base}bgp: { collectors: [{ address: 10.0.0.9, views: [locRib, locRib] }, { address: 10.0.0.9 }] }\n`,
    problems: [
      '3:58 bgp.collectors[0].views[1]: expected a view that the list has once, got locRib, as bgp.collectors[0].views[0]',
      '3:69 bgp.collectors[1]: expected a collector that the list has once, got 10.0.0.9 port 11019, as bgp.collectors[0]',
    ],
  },
  {
    name: 'a view that is none',
    text: `${base}bgp: { collectors: [{ address: 10.0.0.9, views: [all] }] }\n`,
    problems: [
      '3:50 bgp.collectors[0].views[0]: expected prePolicy, postPolicy or locRib, got "all"',
    ],
  },
]

findAll(t, mistakes)
