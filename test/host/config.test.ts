// What the operator may write wrong, a row per mistake: where it is pointed at, what was expected, what was found.

import fc from 'fast-check'
import t from 'tap'
import { loadConfig } from '../../src/host/index.js'
import { base, findAll, type Mistake } from './mistakes.js'

const mistakes: readonly Mistake[] = [
  {
    name: 'an empty file',
    text: '',
    problems: ['1:1 : expected a mapping with asn, vtep and networks, got nothing'],
  },
  { name: 'a list', text: '[]', problems: ['1:1 : expected a mapping, got a list'] },
  {
    name: 'two documents',
    text: `${base}---\n${base}`,
    problems: ['3:1 : expected one document, got a second one'],
  },
  {
    name: 'YAML errors, all of them',
    text: 'a: [1\nb: 2\n"',
    problems: [
      '2:1 : expected YAML, got Flow sequence in block collection must be sufficiently indented',
      '3:1 : expected YAML, got Implicit map keys need to be followed by map values',
      '3:2 : expected YAML, got Missing closing "quote',
    ],
  },
  {
    name: 'a key twice',
    text: `${base}asn: 1\n`,
    problems: ['3:1 : expected YAML, got Map keys must be unique'],
  },
  {
    name: 'aliases that multiply',
    text: `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
    problems: ['1:1 : expected a document of reasonable size, got Excessive alias count'],
  },
  {
    name: 'nothing that has to be there',
    text: 'networks: []',
    problems: [
      '1:1 asn: expected an AS number, 1 to 4294967295, got nothing',
      '1:1 vtep: expected a mapping, got nothing',
    ],
  },
  {
    name: 'an unknown key, near a known one',
    text: `${base}netwroks: []\n`,
    problems: ['3:1 netwroks: expected one of the keys'],
  },
  {
    name: 'an unknown key inside',
    text: `asn: 1\nvtep: { address: 10.0.0.1, port: 4789 }\n`,
    problems: ['2:28 vtep.port: expected one of the keys address, replicatorAddress, udpPort'],
  },
  {
    name: 'AS number 0',
    text: `asn: 0\nvtep: { address: 10.0.0.1 }\n`,
    problems: ['1:6 asn: expected an AS number, 1 to 4294967295, got 0'],
  },
  {
    name: 'an AS number as text',
    text: `asn: AS65000\nvtep: { address: 10.0.0.1 }\n`,
    problems: ['1:6 asn: expected an AS number, 1 to 4294967295, got "AS65000"'],
  },
  {
    name: 'an IPv6 VTEP without router ID',
    text: `asn: 1\nvtep: { address: "2001:db8::1" }\n`,
    problems: ['1:1 routerId: expected four octets like 10.0.0.1, as the VTEP address is IPv6'],
  },
  {
    name: 'a router ID of zero',
    text: `${base}routerId: 0.0.0.0\n`,
    problems: ['3:11 routerId: expected four octets other than zero, got "0.0.0.0"'],
  },
  {
    name: 'a VTEP address that is a group',
    text: 'asn: 1\nvtep: { address: 239.1.1.1 }\n',
    problems: ['2:18 vtep.address: expected a unicast IPv4 or IPv6 address, got "239.1.1.1"'],
  },
  {
    name: 'a UDP port out of range',
    text: 'asn: 1\nvtep: { address: 10.0.0.1, udpPort: 70000 }\n',
    problems: ['2:37 vtep.udpPort: expected a whole number, 1 to 65535, got 70000'],
  },
  {
    name: 'an uplink with a slip of the hand',
    text: 'asn: 1\nvtep: { address: 10.0.0.1, uplink: rwa }\n',
    problems: [
      '2:36 vtep.uplink: expected auto, udp, raw or af_xdp, got "rwa" (did you mean raw?)',
    ],
  },
  {
    name: 'an interface name that can not be one',
    text: 'asn: 1\nvtep: { address: 10.0.0.1, interfaces: [a/b] }\n',
    problems: ['2:41 vtep.interfaces[0]: expected the name of a network interface'],
  },
  {
    name: 'a VRF that is not there, and a gateway without one',
    text: `${base}networks: [{ name: a, vni: 5000, vrf: x }, { name: b, vni: 5001, gateway: [10.1.0.1/24] }]\n`,
    problems: [
      '3:39 networks[0].vrf: expected a VRF of `vrfs`, but there is none, got x',
      '3:44 networks[1].vrf: expected the VRF that the gateway routes in, got nothing',
    ],
  },
  {
    name: 'VRFs and networks that share what must be their own',
    text: `${base}vrfs: [{ name: r, vni: 5000 }, { name: r, vni: 5001 }]\nnetworks: [{ name: a, vni: 5000 }]\n`,
    problems: [
      '3:40 vrfs[1].name: expected a name that no other VRF has, got r, as vrfs[0].name',
      '4:28 networks[0].vni: expected a VNI that no other network or VRF has, got 5000, as vrfs[0].vni',
    ],
  },
  {
    name: 'gateways that are none, or in the way of others',
    text: `${base}vrfs: [{ name: r, vni: 5000 }]\nnetworks:\n  - { name: a, vni: 5001, vrf: r, gateway: [10.1.0.0/24, 10.1.0.1, fe80::1/64] }\n  - { name: b, vni: 5002, vrf: r, gateway: [10.2.0.1/16] }\n  - { name: c, vni: 5003, vrf: r, gateway: [10.2.3.1/24], ports: [{ name: p, mac: "02:00:00:00:00:01", ip: [10.2.3.1], hosts: [{ mac: "02:00:00:00:00:02", ip: [10.2.3.2, 10.2.3.1] }] }] }\n`,
    problems: [
      '5:45 networks[0].gateway[0]: expected the address of a host with the length of its subnet',
      '5:58 networks[0].gateway[1]: expected an IP prefix like 10.0.0.0/24',
      '5:68 networks[0].gateway[2]: expected the address of a host with the length of its subnet',
      '7:45 networks[2].gateway[0]: expected a subnet apart from every other of the VRF, got 10.2.3.0/24, which overlaps 10.2.0.0/16 of networks[1].gateway[0]',
      '7:109 networks[2].ports[0].ip[0]: expected another address than the gateway, got 10.2.3.1',
      '7:171 networks[2].ports[0].hosts[0].ip[1]: expected another address than the gateway, got 10.2.3.1',
    ],
  },
  {
    name: 'VNIs out of range',
    text: `${base}networks:\n  - { name: a, vni: 0 }\n  - { name: b, vni: 16777216 }\n  - { name: c, vni: "ten" }\n`,
    problems: [
      '4:21 networks[0].vni: expected a VNI, 1 to 16777215, got 0',
      '5:21 networks[1].vni: expected a VNI, 1 to 16777215, got 16777216',
      '6:21 networks[2].vni: expected a VNI, 1 to 16777215, got "ten"',
    ],
  },
  {
    name: 'a VNI twice',
    text: `${base}networks: [{ name: a, vni: 5000 }, { name: b, vni: 5000 }]\n`,
    problems: [
      '3:52 networks[1].vni: expected a VNI that no other network or VRF has, got 5000, as networks[0].vni',
    ],
  },
  {
    name: 'a network name twice',
    text: `${base}networks: [{ name: a, vni: 5000 }, { name: a, vni: 5001 }]\n`,
    problems: ['3:44 networks[1].name: expected a name that no other network has, got a'],
  },
  {
    name: 'a port name twice, over networks',
    text: `${base}networks: [{ name: a, vni: 5000, ports: [{ name: p }] }, { name: b, vni: 5001, ports: [{ name: p }] }]\n`,
    problems: [
      '3:96 networks[1].ports[0].name: expected a name that no other port has, got p, as networks[0].ports[0].name',
    ],
  },
  {
    name: 'names that can not be in a path',
    text: `${base}networks: [{ name: "a b", vni: 5000 }, { name: "../x", vni: 5001 }, { name: 7, vni: 5002 }]\n`,
    problems: [
      '3:20 networks[0].name: expected a name of 1 to 63 letters',
      '3:48 networks[1].name: expected a name of 1 to 63 letters',
      '3:77 networks[2].name: expected a name of 1 to 63 letters, digits and . _ : @ + - that starts with a letter or digit (in quotes: it reads as a number), got 7',
    ],
  },
  {
    name: 'route targets that are none',
    text: `${base}networks: [{ name: a, vni: 5000, routeTargets: { import: ["65000"], export: ["65000:99999999999"] } }]\n`,
    problems: [
      '3:59 networks[0].routeTargets.import[0]: expected a form like 65000:100',
      '3:78 networks[0].routeTargets.export[0]: expected a form like 65000:100',
    ],
  },
  {
    name: 'a route distinguisher that is none',
    text: `${base}networks: [{ name: a, vni: 5000, routeDistinguisher: x }]\n`,
    problems: ['3:54 networks[0].routeDistinguisher: expected a form like 65000:100'],
  },
  {
    name: 'MACs that are none of a tenant',
    text: `${base}networks:\n  - name: a\n    vni: 5000\n    ports:\n      - { name: p, mac: "01:00:00:00:00:01" }\n      - { name: q, mac: "00:00:00:00:00:00" }\n      - { name: r, mac: "02:00" }\n`,
    problems: [
      '7:25 networks[0].ports[0].mac: expected a unicast MAC address (even first octet)',
      '8:25 networks[0].ports[1].mac: expected a MAC address other than zero',
      '9:25 networks[0].ports[2].mac: expected six octets like 02:00:00:00:00:01, got "02:00"',
    ],
  },
  {
    name: 'a MAC twice, in any spelling',
    text: `${base}networks: [{ name: a, vni: 5000, ports: [{ name: p, mac: "02-00-00-00-00-0A" }], remotes: [{ address: 10.0.0.12, macs: ["0200.0000.000a"] }] }]\n`,
    problems: [
      '3:121 networks[0].remotes[0].macs[0]: expected a MAC that the network has once, got 02:00:00:00:00:0a, as networks[0].ports[0].mac',
    ],
  },
  {
    name: 'static without MAC',
    text: `${base}networks: [{ name: a, vni: 5000, ports: [{ name: p, sticky: true }, { name: q, sticky: false }] }]\n`,
    problems: ['3:42 networks[0].ports[0].mac: expected the MAC that is static, got nothing'],
  },
  {
    name: 'addresses without MAC',
    text: `${base}networks: [{ name: a, vni: 5000, ports: [{ name: p, ip: [10.1.0.5] }] }]\n`,
    problems: [
      '3:42 networks[0].ports[0].mac: expected the MAC that the addresses of the port belong to, got nothing',
    ],
  },
  {
    name: 'an address twice in a network',
    text: `${base}networks: [{ name: a, vni: 5000, ports: [{ name: p, mac: "02:00:00:00:00:01", ip: [10.1.0.5] }, { name: q, mac: "02:00:00:00:00:02", ip: [10.1.0.5] }] }]\n`,
    problems: ['3:139 networks[0].ports[1].ip[0]: expected an address that the network has once'],
  },
  {
    name: 'remotes: ourselves, the other family, twice',
    text: `${base}networks: [{ name: a, vni: 5000, remotes: [{ address: 10.0.0.11 }, { address: "fd00::1" }, { address: 10.0.0.12 }, { address: 10.0.0.12 }] }]\n`,
    problems: [
      '3:55 networks[0].remotes[0].address: expected another VTEP than our own, got 10.0.0.11',
      '3:79 networks[0].remotes[1].address: expected IPv4, as the VTEP address, got fd00::1',
      '3:127 networks[0].remotes[3].address: expected a remote that the network has once',
    ],
  },
  {
    name: 'an API address without port',
    text: `${base}api: { listen: 127.0.0.1 }\n`,
    problems: ['3:16 api.listen: expected an address and a port like 127.0.0.1:8472 or [::1]:8472'],
  },
  {
    name: 'truth in other words',
    text: `${base}api: { readOnly: "no" }\n`,
    problems: ['3:18 api.readOnly: expected true or false, got "no"'],
  },
  {
    name: 'mistakes of every kind at once, in the order of the file',
    text: `asn: x\nvtep: { address: 10.0.0.11 }\nnetworks:\n  - { name: a, vni: 5000, agingSeconds: -1 }\n  - { name: a, vni: 5000, colour: blue }\nbgp: 5\n`,
    problems: [
      '1:6 asn: expected an AS number, 1 to 4294967295, got "x"',
      '4:41 networks[0].agingSeconds: expected a whole number, 0 to 1000000, got -1',
      '5:13 networks[1].name: expected a name that no other network has',
      '5:21 networks[1].vni: expected a VNI that no other network or VRF has',
      '5:27 networks[1].colour: expected one of the keys',
      '6:6 bgp: expected a mapping, got 5',
    ],
  },
]

findAll(t, mistakes)

t.test('a whole configuration: canonical values, defaults filled in', async (t) => {
  const loaded = loadConfig(
    `asn: 4200000011
routerId: 10.0.0.11
vtep: { address: "2001:DB8:0::11", interfaces: [eth0] }
bgp:
  listen: {}
  neighbors:
    - { address: 10.0.0.1, asn: 65000, families: [evpn, ipv4] }
    - { range: 10.0.0.7/24, asn: internal, routeReflectorClient: true }
networks:
  - name: blue
    vni: 10100
    routeTargets: { import: ["65000:10100"] }
    ports:
      - { name: tap1, kind: tap, mac: "02-00-00-00-00-0A", ip: [10.1.0.5, "FE80::1"], hosts: [{ mac: 0200.0000.000B, ip: [10.1.0.6] }], options: { mtu: 9000 } }
    remotes:
      - { address: "2001:db8::12" }
api: { listen: "[::1]:8472" }
`,
    'vtep.yaml',
  )
  if (!('config' in loaded)) return t.fail(loaded.problems.map(({ text }) => text).join('\n'))
  t.same(loaded.hints, [])
  t.same(loaded.config, {
    asn: 4200000011,
    routerId: '10.0.0.11',
    vtep: {
      address: '2001:db8::11',
      udpPort: 4789,
      uplink: 'auto',
      interfaces: ['eth0'],
      options: {},
    },
    profile: 'frr',
    duplicateDetection: { moves: 5, seconds: 180 },
    multihoming: { eadPerEvi: 'auto' },
    bgp: {
      listen: { address: '0.0.0.0', port: 179 },
      announceVtep: false,
      gracefulRestart: { enabled: true, restartSeconds: 120, staleSeconds: 0 },
      collectors: [],
      neighbors: [
        {
          address: '10.0.0.1',
          asn: 65000,
          families: ['evpn', 'ipv4'],
          port: 179,
          passive: false,
          holdTimeSeconds: 90,
          routeTargetConstraint: true,
          nextHopSelf: false,
          allowAsIn: 0,
          asOverride: false,
          addPath: { send: false, receive: true },
          strictRole: false,
          routeReflectorClient: false,
        },
        {
          range: '10.0.0.0/24',
          asn: 'internal',
          families: ['evpn'],
          port: 179,
          passive: false,
          holdTimeSeconds: 90,
          routeTargetConstraint: true,
          nextHopSelf: false,
          allowAsIn: 0,
          asOverride: false,
          addPath: { send: false, receive: true },
          strictRole: false,
          routeReflectorClient: true,
        },
      ],
    },
    vrfs: [],
    networks: [
      {
        name: 'blue',
        vni: 10100,
        gateway: [],
        routeTargets: { import: ['65000:10100'] },
        suppress: true,
        suppressUnknown: false,
        agingSeconds: 300,
        stormControl: { framesPerSecond: 10_000, burst: 10_000 },
        multicast: { snooping: false, querier: 'auto' },
        prunedFloodLists: { broadcasts: false, unknownUnicast: false },
        ports: [
          {
            name: 'tap1',
            kind: 'tap',
            mac: '02:00:00:00:00:0a',
            ip: ['10.1.0.5', 'fe80::1'],
            hosts: [{ mac: '02:00:00:00:00:0b', ip: ['10.1.0.6'] }],
            options: { mtu: 9000 },
            wait: false,
          },
        ],
        remotes: [{ address: '2001:db8::12', macs: [] }],
      },
    ],
    api: { listen: '[::1]:8472', readOnly: true, authenticate: false },
    events: { keep: true, fileKilobytes: 4096, files: 12, debugPerSecond: 500 },
    dataplane: { polling: 'adaptive', cpus: [], learnLimit: 16_384, fastPath: true },
    log: { level: 'info' },
  })
})

t.test('a small VNI is taken, with a hint', async (t) => {
  const loaded = loadConfig(`${base}networks: [{ name: a, vni: 100 }]\n`, 'vtep.yaml')
  t.match(loaded, {
    hints: [{ path: 'networks[0].vni', line: 3, expected: /4096/, got: '100' }],
  })
})

t.test('kinds and their options come from the dataplane', async (t) => {
  const option = (name: string, type: 'number' | 'flag' | 'mac' | 'text') => ({
    name,
    type,
    fallback: '',
    help: '',
  })
  const kinds = [
    {
      name: 'tap',
      summary: '',
      options: [option('mtu', 'number'), option('fast', 'flag'), option('mac', 'mac')],
    },
  ]
  const port = (text: string): string =>
    `${base}networks: [{ name: a, vni: 5000, ports: [{ name: p, ${text} }] }]\n`
  const problemsOf = (text: string): readonly string[] => {
    const loaded = loadConfig(port(text), 'f', kinds)
    return 'problems' in loaded ? loaded.problems.map(({ text }) => text) : []
  }
  t.same(problemsOf('kind: tap, options: { mtu: 1500, fast: true, mac: "02:00:00:00:00:01" }'), [])
  t.match(problemsOf('kind: tpa'), [/kind: expected one of tap, got "tpa" \(did you mean tap\?\)/])
  t.match(problemsOf('kind: tap, options: { mut: 1 }'), [/options\.mut: .*did you mean mtu/])
  t.match(problemsOf('kind: tap, options: { mtu: big }'), [/options\.mtu: expected a whole number/])
  t.match(problemsOf('kind: tap, options: { fast: 1 }'), [/options\.fast: expected true or false/])
  t.match(problemsOf('kind: tap, options: { mac: x }'), [/options\.mac: expected six octets/])
})

t.test('any text gives a configuration or problems, never an exception', async (t) => {
  const words = fc.constantFrom(
    'asn: ',
    'vtep:',
    'networks:',
    '\n',
    '  ',
    '- ',
    '{ ',
    ' }',
    '[',
    ']',
    'name: a',
    'vni: 5000',
    ', ',
    '"',
    '10.0.0.1',
    'bgp:',
    'neighbors:',
    'ports:',
    '&a ',
    '*a',
    '!!str ',
    '? ',
    ': ',
    '|',
    '~',
    '<<: ',
    '65000',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words).map((list) => list.join('')),
      ),
      (text) => {
        const loaded = loadConfig(text, 'f')
        return 'config' in loaded || loaded.problems.length > 0
      },
    ),
    { numRuns: 2000 },
  )
  t.pass()
})

t.test(
  'any value under any key gives a configuration or problems, never an exception',
  async (t) => {
    const good = {
      asn: 65011,
      vtep: { address: '10.0.0.11' },
      bgp: { listen: {}, neighbors: [{ address: '10.0.0.1', asn: 1 }] },
      networks: [
        { name: 'a', vni: 5000, ports: [{ name: 'p' }], remotes: [{ address: '10.0.0.9' }] },
      ],
    }
    const paths = [
      'asn',
      'vtep',
      'vtep.address',
      'bgp',
      'bgp.neighbors',
      'bgp.neighbors.0',
      'networks',
      'networks.0',
      'networks.0.ports',
      'networks.0.ports.0',
      'networks.0.remotes.0',
    ]
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const copy = structuredClone(good) as Record<string, unknown>
        const keys = path.split('.')
        const last = keys.pop()!
        const parent = keys.reduce<Record<string, unknown>>(
          (at, key) => at[key] as Record<string, unknown>,
          copy,
        )
        parent[last] = value
        const loaded = loadConfig(JSON.stringify(copy), 'f')
        return 'config' in loaded || loaded.problems.length > 0
      }),
      { numRuns: 2000 },
    )
    t.pass()
  },
)
