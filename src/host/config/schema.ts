// The configuration, described once: its types, checks, defaults and documentation all come from here.
// A key with a default is always there after the check; `Type.Optional` marks those that may stay away.

import { type Static, Type } from '@sinclair/typebox'
import { type Profile, profiles } from '../../evpn/index.js'
import { MAX_VNI } from '../../net/index.js'
import { Api, EventFiles } from './schema-api.js'
import { PortHost } from './schema-host.js'
import {
  choice,
  flag,
  integer,
  keys,
  list,
  options,
  password,
  text,
  words,
} from './schema-parts.js'
import { AssistedReplication, PrunedFloodLists } from './schema-replication.js'
import { EthernetSegment } from './schema-segment.js'
import { VNI_EXPECTED } from './text.js'

const asNumber = integer(1, 4294967295, 'Autonomous system number.', {
  expected: 'an AS number, 1 to 4294967295',
})

export const RouteTargets = keys(
  {
    import: Type.Optional(
      Type.Array(text('routeTarget', 'Route target.'), {
        description: 'Routes with one of these are imported.',
      }),
    ),
    export: Type.Optional(
      Type.Array(text('routeTarget', 'Route target.'), {
        description: 'Our routes carry all of these.',
      }),
    ),
  },
  'Explicit route targets. What is left out is derived as the profile says.',
)

const profileNames = Object.keys(profiles) as Profile[]

const profileWords = profileNames.map((name) => `${name}: ${profiles[name].summary}`).join('. ')

export const Port = keys(
  {
    name: text(
      'name',
      'Name of the port; for kinds netdev and af_xdp the interface, unless options say otherwise.',
    ),
    kind: Type.String({
      default: 'netdev',
      format: 'name',
      description:
        'Port kind: netdev and af_xdp (an existing interface), tap (created by us), vhost-user and stream (a VM), ring, pcap.',
    }),
    mac: Type.Optional(
      text(
        'mac',
        'The MAC behind the port, known from the platform: announced at once, never aged.',
      ),
    ),
    ip: list(text('unicastIp', 'Address.'), 'The addresses of that MAC.'),
    sticky: Type.Optional(
      Type.Boolean({
        description:
          'That MAC is static: no other VTEP may learn it (RFC 7432 section 15.2). Not for hosts that migrate.',
      }),
    ),
    hosts: list(PortHost, 'Hosts behind a port that leads to several, as to a Linux bridge.'),
    options: options('Options of the kind; `vtep port add --help` lists them.'),
    ethernetSegment: Type.Optional(EthernetSegment),
    wait: flag(
      false,
      'The interface may appear later: start without it and open the port when it comes. Otherwise a missing interface is an error.',
    ),
  },
  'A host attachment.',
)

export const StaticRemote = keys(
  {
    address: text('unicastIp', 'VTEP address.'),
    macs: list(text('mac', 'MAC address.'), 'MACs that live behind it.'),
  },
  'A far VTEP and MACs known without EVPN; broadcasts are replicated to it.',
)

export const Network = keys(
  {
    name: text('name', 'Name of the network.'),
    vni: integer(1, MAX_VNI, 'VXLAN network identifier; 4096 and up suits every switch.', {
      expected: VNI_EXPECTED,
    }),
    vrf: Type.Optional(text('name', 'Name of the VRF that its hosts are routed in.')),
    gateway: list(
      text('gateway', 'Address and length of the subnet.'),
      'Distributed anycast gateway: our addresses in this network, the same on every VTEP.',
    ),
    routerAdvertisements: Type.Optional(
      keys(
        {
          lifetimeSeconds: integer(
            1,
            9000,
            'Hosts keep the gateway as default router for so long.',
            {
              default: 1800,
            },
          ),
          managed: flag(false, 'Hosts get addresses by DHCPv6 (the M flag).'),
          otherConfig: flag(false, 'Hosts get everything else by DHCPv6 (the O flag).'),
          autonomous: flag(true, 'Hosts make themselves addresses in prefixes of 64 bits (SLAAC).'),
          mtu: Type.Optional(integer(1280, 65535, 'MTU for hosts.')),
          dnsServers: list(
            text('ip', 'An IPv6 address.'),
            'Recursive DNS servers (RFC 8106), at most 8.',
          ),
        },
        'The gateway tells hosts of its IPv6 subnets by router advertisements (RFC 4861). Left out: it does not.',
      ),
    ),
    profile: Type.Optional(
      choice(profileNames, 'Profile of this network, where it differs from the fabric.'),
    ),
    routeTargets: Type.Optional(RouteTargets),
    routeDistinguisher: Type.Optional(
      text('routeDistinguisher', 'Default: the router ID and a number derived from the VNI.'),
    ),
    ethernetTag: Type.Optional(
      integer(
        0,
        0xfffffffe,
        'VLAN-aware bundle (RFC 7432 section 6.3): networks that share route distinguisher and route targets are told apart by this tag of their routes. Default: ours carry 0, and any is taken.',
      ),
    ),
    suppress: flag(true, 'Answer ARP and ND requests for known addresses on the spot.'),
    suppressUnknown: flag(
      false,
      'Do not flood ARP and ND requests for addresses that nobody is known to have: only hosts that have spoken, or that the platform names, are found.',
    ),
    agingSeconds: integer(
      0,
      1_000_000,
      'A local MAC unseen for so long is forgotten and withdrawn; 0 = never. A host whose address is known is asked before.',
      { default: 300 },
    ),
    stormControl: keys(
      {
        framesPerSecond: integer(
          0,
          100_000_000,
          'Broadcast, multicast and unknown unicast that each port may send, for each worker; 0 = any number.',
          { default: 10_000 },
        ),
        burst: integer(1, 1_000_000, 'How many of them at once.', { default: 10_000 }),
      },
      'What a port sends beyond that is dropped as storm_control.',
      { default: {} },
    ),
    multicast: keys(
      {
        snooping: flag(
          false,
          'Hear by IGMP and MLD which groups hosts want, tell it to other VTEPs (type 6), and send multicast only to those that want it. Otherwise everybody gets all of it.',
        ),
        querier: choice(
          ['auto', 'off'],
          'auto: ask the hosts behind our ports for their groups, as long as no multicast router does.',
          { default: 'auto' },
        ),
      },
      'IP multicast beyond the link-local groups.',
      { default: {} },
    ),
    assistedReplication: Type.Optional(AssistedReplication),
    prunedFloodLists: PrunedFloodLists,
    ports: list(Port, 'Host attachments.'),
    remotes: list(StaticRemote, 'Static VTEPs beside or without EVPN.'),
  },
  'A bridge domain: one VNI, one MAC-VRF.',
)

const StaticRoute = keys(
  {
    prefix: text('prefix', 'Prefix.'),
    via: Type.Optional(
      text('unicastIp', 'A host of one of its networks. Leave out: packets go nowhere.'),
    ),
    announce: flag(true, 'Announce it to other VTEPs (type 5).'),
  },
  'A prefix that is known without EVPN.',
)

export const Vrf = keys(
  {
    name: text('name', 'Name of the VRF.'),
    vni: integer(1, MAX_VNI, 'L3 VNI: what is routed between VTEPs travels on it.', {
      expected: VNI_EXPECTED,
    }),
    routeTargets: Type.Optional(RouteTargets),
    routeDistinguisher: Type.Optional(
      text('routeDistinguisher', 'Default: the router ID and a number derived from the VNI.'),
    ),
    routes: list(StaticRoute, 'Prefixes behind hosts of its networks.'),
  },
  'An IP-VRF: networks that are routed among each other, here and behind other VTEPs (symmetric IRB).',
)

const some = <T extends Parameters<typeof Type.Array>[0]>(item: T, description: string) =>
  Type.Optional(Type.Array(item, { minItems: 1, maxItems: 10_000, description }))

const FilterRule = keys(
  {
    accept: Type.Boolean({ description: 'What happens to a route that the rule fits.' }),
    routeTargets: some(text('routeTarget', 'Route target.'), 'The route has one of these.'),
    prefixes: some(
      text('prefix', 'Prefix.'),
      'The prefix, or the address behind a MAC, lies in one of these.',
    ),
    pmsiTunnels: some(
      choice(
        ['ingressReplication', 'assistedReplication'],
        'Type of tunnel (RFC 6514); assistedReplication: the route of a replicator.',
      ),
      'The route is of type 3 and has one of these tunnels.',
    ),
  },
  'A rule fits when all that it says fits. Of several the first that fits decides; what none fits is accepted.',
)

const RouteLimit = keys(
  {
    routes: integer(1, 100_000_000, 'At most so many.'),
    warnPercent: integer(1, 100, 'From so many per cent of them on it is logged.', { default: 75 }),
    action: choice(['stop', 'warn'], 'End the session of a peer that sends more, or only log it.', {
      default: 'stop',
    }),
    restartSeconds: Type.Optional(
      integer(1, 1_000_000, 'How long it stays away. Default: until it is cleared.'),
    ),
  },
  'How many routes of a family the peer may send.',
)

const TcpAoKey = keys(
  {
    sendId: integer(0, 255, 'KeyID of what we send.'),
    receiveId: Type.Optional(
      integer(0, 255, 'KeyID of what the peer sends. Default: as what we send.'),
    ),
    algorithm: choice(['hmac-sha-1-96', 'aes-128-cmac-96'], 'How segments are signed (RFC 5926).', {
      default: 'hmac-sha-1-96',
    }),
    password: password('The master key.'),
  },
  'A key of TCP-AO (RFC 5925 section 3.1).',
)

export const Neighbor = keys(
  {
    address: Type.Optional(text('unicastIp', 'Address of the peer.')),
    interface: Type.Optional(
      text(
        'ifname',
        'Unnumbered: whoever is at the other end of the interface, by its link-local address.',
      ),
    ),
    range: Type.Optional(text('prefix', 'Dynamic neighbours: whoever connects from this prefix.')),
    asn: Type.Union([asNumber, choice(['internal', 'external'], 'Our AS, or any other.')], {
      description: 'AS number of the peer; `internal` = ours, `external` = any other.',
      expected: 'an AS number, internal or external',
    }),
    families: Type.Array(choice(['evpn', 'ipv4', 'ipv6'], 'Address family.'), {
      default: ['evpn'],
      minItems: 1,
      maxItems: 3,
      description:
        'Address families: evpn (l2vpn evpn), ipv4 and ipv6 (unicast; our own routes only, never those of other peers).',
    }),
    port: integer(1, 65535, 'TCP port of the peer.', { default: 179 }),
    passive: flag(false, 'Wait for the peer to connect.'),
    holdTimeSeconds: integer(0, 65535, 'Hold time offered; 0 = no keepalives, else 3 or more.', {
      default: 90,
    }),
    updateSource: Type.Optional(
      text(
        'unicastIp',
        'Local address to connect from. Default: the VTEP address, unless the peer is on a connected network.',
      ),
    ),
    password: Type.Optional(
      password('TCP MD5 signature (RFC 2385) of every segment. Needs the native addon.'),
    ),
    bfd: Type.Optional(
      keys(
        {
          transmitMilliseconds: integer(10, 60_000, 'Time between two packets of ours.', {
            default: 300,
          }),
          receiveMilliseconds: integer(10, 60_000, 'Least time between two packets of the peer.', {
            default: 300,
          }),
          multiplier: integer(1, 255, 'So many packets in a row may be missing.', { default: 3 }),
          multihop: Type.Optional(
            Type.Boolean({
              description:
                'Whether routers may be in between (RFC 5883). Default: for internal peers, and external ones with `multihop`, as FRR does.',
            }),
          ),
        },
        'BFD: end the session as soon as the path is broken.',
      ),
    ),
    tcpAo: Type.Optional(
      Type.Array(TcpAoKey, {
        minItems: 1,
        maxItems: 16,
        description:
          'TCP-AO (RFC 5925): every segment is signed by one of these keys. Connections of ours begin with the first; the peer may use each, so that keys can be exchanged one after the other. Needs the native addon and a kernel that has it (Linux 6.7, CONFIG_TCP_AO).',
      }),
    ),
    multihop: Type.Optional(
      integer(
        1,
        255,
        'How many hops away the peer may be: TTL of what we send. Default: any number.',
      ),
    ),
    ttlSecurity: Type.Optional(
      integer(
        1,
        254,
        'How many hops away the peer may be (RFC 5082): both sides send with TTL 255, and what comes from farther is dropped. 1 = on the same link.',
      ),
    ),
    routeTargetConstraint: flag(
      true,
      'Tell the peer which route targets we import, and send it only routes that it asks for (RFC 4684), where it can do so, too.',
    ),
    nextHopSelf: flag(
      false,
      'Our address as next hop of routes of others that we pass on. Default: the VTEP stays the next hop of EVPN routes, also over eBGP.',
    ),
    maximumRoutes: Type.Optional(
      keys(
        {
          evpn: Type.Optional(RouteLimit),
          ipv4: Type.Optional(RouteLimit),
          ipv6: Type.Optional(RouteLimit),
        },
        'How many routes the peer may send, by family.',
      ),
    ),
    filterIn: some(FilterRule, 'Which routes of the peer are taken.'),
    filterOut: some(FilterRule, 'Which routes the peer is told.'),
    allowAsIn: integer(0, 10, 'How often our AS may be in the path of a route that is taken.', {
      default: 0,
    }),
    asOverride: flag(
      false,
      'Towards this external peer put our AS in the place of its own, which it would take for a loop.',
    ),
    siteOfOrigin: Type.Optional(
      text(
        'routeTarget',
        'Site of the peer: its routes are marked with it, and those marked so are not sent to it.',
      ),
    ),
    role: Type.Optional(
      choice(
        ['provider', 'customer', 'peer', 'rs', 'rsClient'],
        'What our AS is to that of the peer (RFC 9234): what leaks between providers is refused.',
      ),
    ),
    addPath: keys(
      {
        send: flag(false, 'Tell the peer every path of a route, not the best one alone.'),
        receive: flag(true, 'Take every path that it tells.'),
      },
      'Several paths of a route (RFC 7911), where the peer does so, too.',
      { default: {} },
    ),
    strictRole: flag(false, 'Refuse a peer that does not tell its role.'),
    routeReflectorClient: flag(false, 'Reflect routes to and from this internal peer (RFC 4456).'),
    description: Type.Optional(words('Free text.')),
  },
  'A BGP peer: one of `address`, `interface` or `range`.',
)

export const Collector = keys(
  {
    address: text('unicastIp', 'Address of the collector.'),
    port: integer(1, 65535, 'TCP port.', { default: 11019 }),
    views: Type.Array(choice(['prePolicy', 'postPolicy', 'locRib'], 'What it is told.'), {
      default: ['prePolicy', 'locRib'],
      minItems: 1,
      maxItems: 3,
      description:
        'prePolicy: what peers send. postPolicy: what of it may be used. locRib: what is chosen (RFC 9069).',
    }),
    statisticsSeconds: integer(0, 86_400, 'Time between statistics; 0 = none.', { default: 60 }),
  },
  'A collector that watches by BMP (RFC 7854).',
)

export const Vtep = keys(
  {
    address: text('unicastIp', 'Our VTEP address; present on this host.'),
    replicatorAddress: Type.Optional(
      text(
        'unicastIp',
        'Second VTEP address of this host, its AR-IP (RFC 9574): what leaves send there is replicated, in networks with the role replicator.',
      ),
    ),
    udpPort: integer(1, 65535, 'UDP port of VXLAN.', { default: 4789 }),
    uplink: choice(
      ['auto', 'udp', 'raw', 'af_xdp'],
      'How encapsulated packets leave the host. auto is raw where that may be used, else udp.',
      { default: 'auto' },
    ),
    interfaces: list(
      text('ifname', 'Interface.'),
      'Underlay interfaces of uplinks raw and af_xdp. Default: those with a route to the peers.',
    ),
    routerMac: Type.Optional(
      text('mac', 'Our MAC as router towards other VTEPs. Default: 02:76 and the VTEP address.'),
    ),
    gatewayMac: Type.Optional(
      text('mac', 'MAC of all gateways; the same on every VTEP. Default: 02:76:74:65:70:01.'),
    ),
    options: options(
      'Options of the uplink. af_xdp: mode (auto, native, generic, zerocopy), busyPoll.',
    ),
  },
  'The underlay side.',
)

export const Listen = keys(
  {
    address: text('ip', 'Local address.', { default: '0.0.0.0' }),
    port: integer(1, 65535, 'TCP port.', { default: 179 }),
  },
  'Where BGP connections are accepted. Leave out: never accept.',
)

export const Bgp = keys(
  {
    listen: Type.Optional(Listen),
    announceVtep: flag(
      false,
      'Announce the VTEP address as a host route to peers of family ipv4, or ipv6 where it is IPv6.',
    ),
    clusterId: Type.Optional(
      text('ipv4', 'Cluster ID of this route reflector. Default: routerId.'),
    ),
    gracefulRestart: keys(
      {
        enabled: flag(
          true,
          'Ask peers to keep our routes while this process restarts (RFC 4724): the dataplane goes on. Theirs are kept in any case.',
        ),
        restartSeconds: integer(1, 4095, 'How long they wait for us.', { default: 120 }),
        staleSeconds: integer(
          0,
          0xffffff,
          'How long they keep our routes after that, where there is nothing better (RFC 9494); 0 = not at all.',
          { default: 0 },
        ),
      },
      'What peers do while we are away.',
      { default: {} },
    ),
    neighbors: list(Neighbor, 'BGP peers.'),
    collectors: list(Collector, 'BMP collectors.'),
  },
  'The BGP speaker.',
  { default: {} },
)

export const Config = keys(
  {
    asn: asNumber,
    routerId: Type.Optional(
      text('ipv4', 'BGP identifier. Default: the VTEP address, if it is IPv4.'),
    ),
    vtep: Vtep,
    bgp: Bgp,
    profile: choice(profileNames, `How route targets are derived. ${profileWords}.`, {
      default: 'frr',
    }),
    routeTargetAsn: Type.Optional(
      integer(
        1,
        4294967295,
        'AS number in derived route targets, where the hosts of a fabric have each their own. Default: asn.',
        { expected: 'an AS number, 1 to 4294967295' },
      ),
    ),
    siteOfOrigin: Type.Optional(
      text(
        'routeTarget',
        'Site of this host (RFC 4360 section 5), for VTEPs that share their hosts, such as an anycast pair: routes of its networks carry it, and those of other VTEPs that carry it are not used.',
      ),
    ),
    duplicateDetection: keys(
      {
        moves: integer(0, 1000, 'So many moves make a MAC or an address a duplicate; 0 = never.', {
          default: 5,
        }),
        seconds: integer(
          1,
          86_400,
          'Within so long. It is then neither announced nor installed for as long again, or until it is cleared.',
          { default: 180 },
        ),
      },
      'Duplicate detection (RFC 7432 section 15.1).',
      { default: {} },
    ),
    multihoming: keys(
      {
        eadPerEvi: choice(
          ['auto', 'ignore'],
          'ignore: who announces an Ethernet segment as a whole has it in every network, for fabrics whose VTEPs do not say it for each (Ethernet A-D per EVI). auto: who says so, or announces hosts of it.',
          { default: 'auto' },
        ),
      },
      'Hosts behind several VTEPs.',
      { default: {} },
    ),
    vrfs: list(Vrf, 'IP-VRFs.'),
    networks: list(Network, 'Bridge domains of this host.'),
    api: Api,
    events: EventFiles,
    dataplane: keys(
      {
        workers: Type.Optional(
          integer(
            1,
            16,
            'Worker threads. Default: one per CPU that `cpus` names, else one per CPU, at most 4.',
          ),
        ),
        polling: choice(
          ['adaptive', 'never', 'always'],
          'Whether a worker without work looks again before it sleeps: for a moment where that pays off, never, or always.',
          { default: 'adaptive' },
        ),
        cpus: list(
          integer(0, 65535, 'Number of a CPU.'),
          'CPUs that the workers are fixed to, in turn. Default: with one worker per CPU each lives on one and leaves it under load; else anywhere.',
        ),
        learnLimit: integer(
          0,
          1_000_000,
          'MACs, and as many IP addresses, that each port may teach; 0: any number. A guest that invents them fills neither the tables here nor those of the fabric: beyond it nothing more is learned from the port, and what is sent to such a MAC is flooded.',
          { default: 16_384 },
        ),
        fastPath: Type.Boolean({
          default: true,
          description:
            'Let programs in the kernel forward known unicast between interfaces, where the kernel has it.',
        }),
      },
      'The dataplane process.',
      { default: {} },
    ),
    log: keys(
      {
        level: choice(['debug', 'info', 'warn', 'error'], 'Least important line to write.', {
          default: 'info',
        }),
      },
      'The log on standard error.',
      { default: {} },
    ),
  },
  'A vtep host.',
)

export type Config = Static<typeof Config>
export type Network = Static<typeof Network>
export type Vrf = Static<typeof Vrf>
export type Port = Static<typeof Port>
export type Neighbor = Static<typeof Neighbor>
export type Collector = Static<typeof Collector>
export type Vtep = Static<typeof Vtep>
