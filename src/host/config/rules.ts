// What the schema can not say: things that must be unique, that exclude each other, that need each other.
// Each rule is a row; all of them look at the whole configuration, so that all findings come at once.

import { ipFamily, parsePrefix, prefixContains } from '../../net/index.js'
import { describe, type Finding, formatPath, type Path } from './problem.js'
import type { Config, Neighbor } from './schema.js'
import type { EthernetSegment } from './schema-segment.js'
import { esiOf } from './segments.js'
import { parseGateway } from './text.js'

type Report = (path: Path, expected: string, got: unknown) => void
type Rule = (config: Config, report: Report) => void

/**
 * All that contradicts within a configuration. Where the schema already found something wrong (`known`) the value is
 * missing here; what a rule then says of the same place is only an echo and left out.
 */
export function checkRules(config: Config, known: readonly Finding[] = []): Finding[] {
  const findings: Finding[] = []
  const report: Report = (path, expected, got) => {
    if (known.some((finding) => startsWith(finding.path, path) || startsWith(path, finding.path)))
      return
    findings.push({ path, expected, got: typeof got === 'string' ? got : describe(got) })
  }
  for (const rule of rules) rule(config, report)
  return findings
}

function startsWith(path: Path, start: Path): boolean {
  return start.every((part, i) => path[i] === part)
}

/** Allowed, but worth a second look. */
export function hints(config: Config): Finding[] {
  return config.networks.flatMap((network, i) =>
    network.vni >= 4096
      ? []
      : [
          {
            path: ['networks', i, 'vni'],
            expected: 'preferably 4096 or more (some switches refuse smaller VNIs)',
            got: String(network.vni),
          },
        ],
  )
}

/** What names a neighbour: one of these. */
/** Prefixes, and servers, that fit one advertisement. */
const MOST_ADVERTISED = 8
const names = ['address', 'interface', 'range'] as const

/** What names an Ethernet segment: one of these. */
const segmentNames = ['esi', 'lacp', 'system'] as const

const rules: readonly Rule[] = [
  function routerIdKnown(config, report) {
    if (config.routerId === undefined && family(config.vtep.address) === 6) {
      report(['routerId'], 'four octets like 10.0.0.1, as the VTEP address is IPv6', 'nothing')
    }
  },

  function networkNames(config, report) {
    unique(report, 'a name that no other network has', each(config, 'name'))
  },

  function networkVnis(config, report) {
    const vrfs = config.vrfs.map(({ vni }, i): [Path, number] => [['vrfs', i, 'vni'], vni])
    unique(report, 'a VNI that no other network or VRF has', [...vrfs, ...each(config, 'vni')])
  },

  function bundles(config, report) {
    for (const [i, { routeDistinguisher: rd, ethernetTag: tag }] of config.networks.entries()) {
      if (rd === undefined) continue
      const others = config.networks.slice(0, i).filter((one) => one.routeDistinguisher === rd)
      const path = ['networks', i, 'ethernetTag']
      const expected = `an Ethernet tag that no other network with route distinguisher ${rd} has`
      if (others.some((one) => (one.ethernetTag ?? 0) === (tag ?? 0)))
        report(path, expected, tag ?? 'nothing')
    }
  },

  function vrfNames(config, report) {
    const names = config.vrfs.map(({ name }, i): [Path, string] => [['vrfs', i, 'name'], name])
    unique(report, 'a name that no other VRF has', names)
  },

  function routesOfVrf(config, report) {
    for (const [i, { routes }] of config.vrfs.entries()) {
      const path = ['vrfs', i, 'routes']
      unique(
        report,
        'a prefix that the VRF has once',
        routes.map(({ prefix }, j): [Path, string] => [[...path, j, 'prefix'], prefix]),
      )
      for (const [j, { prefix, via }] of routes.entries()) {
        if (via === undefined || prefix === undefined) continue
        const [own, other] = [family(prefix.slice(0, prefix.indexOf('/'))), family(via)]
        if (own !== other) report([...path, j, 'via'], `IPv${own}, as the prefix`, via)
      }
    }
  },

  function vrfsKnown(config, report) {
    const names = config.vrfs.map(({ name }) => name)
    const expected =
      names.length === 0 ? 'a VRF of `vrfs`, but there is none' : `one of ${names.join(', ')}`
    for (const [i, { vrf, gateway }] of config.networks.entries()) {
      if (vrf !== undefined && !names.includes(vrf)) {
        report(['networks', i, 'vrf'], expected, vrf)
      } else if (vrf === undefined && gateway.length > 0) {
        report(['networks', i, 'vrf'], 'the VRF that the gateway routes in', 'nothing')
      }
    }
  },

  function gatewaySubnets(config, report) {
    const seen: { readonly path: Path; readonly vrf: string; readonly subnet: string }[] = []
    for (const [i, { vrf, gateway }] of config.networks.entries()) {
      for (const [j, address] of gateway.entries()) {
        if (vrf === undefined || address === undefined) continue
        const path = ['networks', i, 'gateway', j]
        const subnet = parsePrefix(address)
        const other = seen.find((one) => one.vrf === vrf && overlap(one.subnet, subnet))
        if (other !== undefined) {
          const at = `${subnet}, which overlaps ${other.subnet} of ${formatPath(other.path)}`
          report(path, 'a subnet apart from every other of the VRF', at)
        }
        seen.push({ path, vrf, subnet })
      }
    }
  },

  function advertisementsFit(config, report) {
    for (const [i, { gateway, routerAdvertisements }] of config.networks.entries()) {
      if (routerAdvertisements === undefined) continue
      const path = ['networks', i, 'routerAdvertisements']
      const six = gateway.filter((one) => one?.includes(':'))
      if (six.length === 0) report(path, 'a gateway with an IPv6 address', 'none')
      if (six.length > MOST_ADVERTISED) {
        report(path, `at most ${MOST_ADVERTISED} IPv6 addresses of the gateway`, `${six.length}`)
      }
      const { dnsServers } = routerAdvertisements
      if (dnsServers.length > MOST_ADVERTISED) {
        report([...path, 'dnsServers'], `at most ${MOST_ADVERTISED}`, `${dnsServers.length}`)
      }
      for (const [j, ip] of dnsServers.entries()) {
        if (!ip.includes(':')) report([...path, 'dnsServers', j], 'an IPv6 address', ip)
      }
    }
  },
  function gatewayIsNoHost(config, report) {
    for (const [i, { gateway, ports: members }] of config.networks.entries()) {
      const own = gateway.filter((one) => one !== undefined).map((one) => parseGateway(one).ip)
      for (const [j, { ip, hosts }] of members.entries()) {
        const port = ['networks', i, 'ports', j]
        const lists = hosts.map((host, k) => ({ path: [...port, 'hosts', k, 'ip'], ip: host.ip }))
        for (const { path, ip: listed } of [{ path: [...port, 'ip'], ip }, ...lists]) {
          for (const [k, address] of listed.entries()) {
            if (own.includes(address))
              report([...path, k], 'another address than the gateway', address)
          }
        }
      }
    }
  },

  function portNames(config, report) {
    unique(
      report,
      'a name that no other port has',
      ports(config).map(({ port, path }) => [[...path, 'name'], port.name]),
    )
  },

  function segmentNamed(config, report) {
    segments(config, (segment, path) => {
      const given = segmentNames.filter((key) => segment[key] !== undefined)
      if (given.length === 1) return
      const got = given.length === 0 ? 'none' : given.join(' and ')
      report(path, 'one of esi, lacp or system', got)
    })
  },

  function segmentsAgree(config, report) {
    const seen = new Map<string, { readonly path: Path; readonly segment: EthernetSegment }>()
    segments(config, (segment, path) => {
      const esi = esiOf(segment)
      if (esi === undefined) return
      const first = seen.get(esi) ?? { path, segment }
      seen.set(esi, first)
      for (const key of ['mode', 'df'] as const) {
        const [wanted, got] = [first.segment[key], segment[key]].map((one) => JSON.stringify(one))
        if (wanted === got) continue
        const expected = `the same as ${formatPath([...first.path, key])}, as it is one segment`
        report([...path, key], expected, got)
      }
    })
  },

  function segmentsOfNetwork(config, report) {
    for (const [i, network] of config.networks.entries()) {
      unique(
        report,
        'a segment that the network has once',
        network.ports.map(({ ethernetSegment: segment }, j) => [
          ['networks', i, 'ports', j, 'ethernetSegment'],
          segment && esiOf(segment),
        ]),
      )
    }
  },

  function replicatorAddress(config, report) {
    const { address, replicatorAddress } = config.vtep
    const path = ['vtep', 'replicatorAddress']
    if (replicatorAddress === undefined) {
      const isMissing = config.networks.some(
        (one) => one.assistedReplication?.role === 'replicator',
      )
      if (isMissing) report(path, 'a second address of this host, as it is a replicator', 'nothing')
    } else if (replicatorAddress === address) {
      report(path, 'another address than vtep.address', replicatorAddress)
    } else if (differ(replicatorAddress, address)) {
      report(path, `IPv${family(address)}, as the VTEP address`, replicatorAddress)
    }
  },

  function leavesOfReplicators(config, report) {
    for (const [i, { assistedReplication, ports: members, remotes }] of config.networks.entries()) {
      if (assistedReplication?.role !== 'leaf') continue
      const path = ['networks', i, 'assistedReplication', 'role']
      // Behind a replicator nobody sees where a frame came from, and local bias needs to (RFC 9574 section 9).
      if (members.some(({ ethernetSegment }) => ethernetSegment !== undefined))
        report(path, 'no leaf in a network with ports of Ethernet segments', 'leaf')
      if (remotes.length > 0)
        report(path, 'no leaf in a network with remotes, which no replicator knows', 'leaf')
    }
  },

  function prunedLists(config, report) {
    for (const [i, { prunedFloodLists, ports: members }] of config.networks.entries()) {
      for (const key of ['broadcasts', 'unknownUnicast'] as const) {
        if (!prunedFloodLists[key]) continue
        if (members.every(({ ethernetSegment }) => ethernetSegment === undefined)) continue
        const path = ['networks', i, 'prunedFloodLists', key]
        // The others deliver there only what the designated forwarder does not get.
        report(path, 'false in a network with ports of Ethernet segments', 'true')
      }
    }
  },

  function macsOfNetwork(config, report) {
    for (const [i, network] of config.networks.entries()) {
      const path = ['networks', i]
      const macs: [Path, string | undefined][] = []
      for (const [j, port] of network.ports.entries()) {
        macs.push([[...path, 'ports', j, 'mac'], port.mac])
      }
      for (const [j, remote] of network.remotes.entries()) {
        for (const [k, mac] of remote.macs.entries()) {
          macs.push([[...path, 'remotes', j, 'macs', k], mac])
        }
      }
      unique(report, 'a MAC that the network has once', macs)
    }
  },

  function addressesOfNetwork(config, report) {
    for (const [i, network] of config.networks.entries()) {
      unique(
        report,
        'an address that the network has once',
        network.ports.flatMap((port, j) =>
          port.ip.map((ip, k): [Path, string] => [['networks', i, 'ports', j, 'ip', k], ip]),
        ),
      )
    }
  },

  function bindingsNeedMac(config, report) {
    for (const { port, path } of ports(config)) {
      if (port.mac !== undefined) continue
      if (port.ip.length > 0)
        report([...path, 'mac'], 'the MAC that the addresses of the port belong to', 'nothing')
      if (port.sticky === true) report([...path, 'mac'], 'the MAC that is static', 'nothing')
    }
  },

  function remoteAddresses(config, report) {
    const own = config.vtep.address
    const { replicatorAddress } = config.vtep
    for (const [i, network] of config.networks.entries()) {
      for (const [j, remote] of network.remotes.entries()) {
        const path = ['networks', i, 'remotes', j, 'address']
        const isOurs = remote.address === own || remote.address === replicatorAddress
        if (isOurs) report(path, 'another VTEP than our own', remote.address)
        else if (differ(remote.address, own)) {
          report(path, `IPv${family(own)}, as the VTEP address`, remote.address)
        }
      }
      unique(
        report,
        'a remote that the network has once',
        network.remotes.map((remote, j) => [
          ['networks', i, 'remotes', j, 'address'],
          remote.address,
        ]),
      )
    }
  },

  function neighborKind(config, report) {
    neighbors(config, (neighbor, path) => {
      const given = names.filter((key) => neighbor[key] !== undefined)
      if (given.length !== 1) {
        const got = given.length === 0 ? 'none' : given.join(' and ')
        report(path, 'one of address, interface or range', got)
      }
    })
  },

  function neighborsUnique(config, report) {
    for (const key of names) {
      const given: [Path, string][] = []
      neighbors(config, (neighbor, path) => {
        const value = neighbor[key]
        if (value !== undefined) given.push([[...path, key], value])
      })
      unique(
        report,
        `${key === 'range' ? 'a range' : `an ${key}`} that no other neighbour has`,
        given,
      )
    }
  },

  function neighborIsNotUs(config, report) {
    neighbors(config, (neighbor, path) => {
      if (neighbor.address !== undefined && neighbor.address === config.vtep.address) {
        report([...path, 'address'], 'another address than our own VTEP', neighbor.address)
      }
    })
  },

  function rangeListens(config, report) {
    neighbors(config, (neighbor, path) => {
      if (neighbor.range !== undefined && config.bgp.listen === undefined) {
        report([...path, 'range'], 'bgp.listen beside dynamic neighbours', 'no bgp.listen')
      }
      if (neighbor.interface !== undefined && neighbor.updateSource !== undefined) {
        const expected = 'no updateSource, as an interface has its own link-local address'
        report([...path, 'updateSource'], expected, neighbor.updateSource)
      }
      if (neighbor.range !== undefined && neighbor.updateSource !== undefined) {
        report(
          [...path, 'updateSource'],
          'no updateSource, as a range never connects',
          neighbor.updateSource,
        )
      }
    })
  },

  function passiveListens(config, report) {
    neighbors(config, (neighbor, path) => {
      if (neighbor.passive && config.bgp.listen === undefined) {
        report([...path, 'passive'], 'bgp.listen beside a passive neighbour', 'no bgp.listen')
      }
    })
  },

  function updateSourceFamily(config, report) {
    neighbors(config, (neighbor, path) => {
      const { address, updateSource } = neighbor
      if (differ(address, updateSource)) {
        report([...path, 'updateSource'], `IPv${family(address)}, as the address`, updateSource)
      }
    })
  },

  function clientsAreInternal(config, report) {
    neighbors(config, (neighbor, path) => {
      if (!neighbor.routeReflectorClient) return
      if (neighbor.asn === 'internal' || neighbor.asn === config.asn) return
      const own = config.asn === undefined ? 'internal' : `internal or ${config.asn}`
      report([...path, 'asn'], `${own}, as a reflector's client is internal`, neighbor.asn)
    })
  },

  function rolesAreExternal(config, report) {
    neighbors(config, ({ asn, role, strictRole, asOverride }, path) => {
      const isInternal = asn === 'internal' || asn === config.asn
      if (isInternal && role !== undefined) {
        report([...path, 'role'], 'no role, as the peer is of our own AS', role)
      }
      if (isInternal && asOverride) {
        report([...path, 'asOverride'], 'false, as the peer is of our own AS', true)
      }
      if (strictRole && role === undefined) {
        report([...path, 'role'], 'a role beside strictRole', 'nothing')
      }
    })
  },

  function limitsOfFamilies(config, report) {
    neighbors(config, ({ families, maximumRoutes }, path) => {
      for (const family of Object.keys(maximumRoutes ?? {}) as Neighbor['families']) {
        if (families.includes(family)) continue
        const listed = families.join(', ')
        report([...path, 'maximumRoutes', family], `one of the peer's families ${listed}`, family)
      }
    })
  },

  function oneDistance(config, report) {
    neighbors(config, ({ multihop, ttlSecurity }, path) => {
      if (multihop !== undefined && ttlSecurity !== undefined) {
        report([...path, 'multihop'], 'one of multihop or ttlSecurity', 'both')
      }
    })
  },

  function oneSignature(config, report) {
    neighbors(config, ({ password, tcpAo }, path) => {
      if (password !== undefined && tcpAo !== undefined)
        report([...path, 'tcpAo'], 'one of password or tcpAo', 'both')
    })
  },

  function tcpAoKeys(config, report) {
    // RFC 5925 section 3.1.
    neighbors(config, ({ tcpAo = [] }, path) => {
      const ids = (id: (key: (typeof tcpAo)[number]) => number, name: string) =>
        unique(
          report,
          'a KeyID that no other key of the peer has',
          tcpAo.map((key, i): [Path, number] => [[...path, 'tcpAo', i, name], id(key)]),
        )
      ids(({ sendId }) => sendId, 'sendId')
      ids(({ sendId, receiveId = sendId }) => receiveId, 'receiveId')
    })
  },

  function signaturesOfRanges(config, report) {
    // The kernel has no way to make an exception: whoever is in the range has to sign, and in the same way.
    for (const [key, what] of [
      ['password', 'a password'],
      ['tcpAo', 'keys of TCP-AO'],
    ] as const) {
      const ranges = config.bgp.neighbors.filter(
        (neighbor) => neighbor.range !== undefined && neighbor[key] !== undefined,
      )
      neighbors(config, (neighbor, path) => {
        const { address } = neighbor
        if (address === undefined || neighbor[key] !== undefined) return
        const within = ranges.find(({ range }) => prefixContains(parsePrefix(range!), address))
        if (within === undefined) return
        report([...path, key], `${what}, as range ${within.range} has`, 'nothing')
      })
    }
  },

  function holdTimes(config, report) {
    neighbors(config, ({ holdTimeSeconds }, path) => {
      if (holdTimeSeconds === 1 || holdTimeSeconds === 2) {
        report([...path, 'holdTimeSeconds'], '0, or 3 to 65535 (RFC 4271)', holdTimeSeconds)
      }
    })
  },

  function familiesOnce(config, report) {
    neighbors(config, ({ families }, path) => {
      unique(
        report,
        'a family that the list has once',
        families.map((family, i) => [[...path, 'families', i], family]),
      )
    })
  },

  function collectorsUnique(config, report) {
    unique(
      report,
      'a collector that the list has once',
      config.bgp.collectors.map(({ address, port }, i) => [
        ['bgp', 'collectors', i],
        `${address} port ${port}`,
      ]),
    )
    for (const [i, { views }] of config.bgp.collectors.entries()) {
      unique(
        report,
        'a view that the list has once',
        views.map((view, j) => [['bgp', 'collectors', i, 'views', j], view]),
      )
    }
  },

  function rangesHoldOthers(config, report) {
    // A neighbour named by address wins over a range; two ranges must not overlap, or the AS would be a guess.
    const ranges: [Path, string][] = []
    neighbors(config, (neighbor, path) => {
      if (neighbor.range !== undefined)
        ranges.push([[...path, 'range'], parsePrefix(neighbor.range)])
    })
    for (const [i, [path, range]] of ranges.entries()) {
      const other = ranges
        .slice(0, i)
        .find(([, before]) => before !== range && overlap(before, range))
      if (other !== undefined) {
        report(path, 'a range apart from every other', `${range}, which overlaps ${other[1]}`)
      }
    }
  },

  function certificatesChecked({ api: { tls } }, report) {
    if (tls !== undefined && tls.clientCa === undefined && tls.operators.length > 0)
      report(['api', 'tls', 'operators'], 'none without clientCa', tls.operators.join(', '))
  },

  function changesOnlyFromHere({ api: { listen = '127.', readOnly } }, report) {
    if (!readOnly && !/^(127\.|\[::1\])/.test(listen))
      report(['api', 'readOnly'], `true, as ${listen} is no loopback address`, 'false')
  },
]

function family(ip: string | undefined): 4 | 6 | undefined {
  return ip === undefined ? undefined : ipFamily(ip)
}

function differ(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && ipFamily(a) !== ipFamily(b)
}

function overlap(a: string, b: string): boolean {
  return (
    prefixContains(a, b.slice(0, b.indexOf('/'))) || prefixContains(b, a.slice(0, a.indexOf('/')))
  )
}

function neighbors(config: Config, visit: (neighbor: Neighbor, path: Path) => void): void {
  for (const [i, neighbor] of config.bgp.neighbors.entries()) {
    visit(neighbor, ['bgp', 'neighbors', i])
  }
}

function ports(config: Config) {
  return config.networks.flatMap((network, i) =>
    network.ports.map((port, j) => ({ port, path: ['networks', i, 'ports', j] as Path })),
  )
}

function segments(config: Config, visit: (segment: EthernetSegment, path: Path) => void): void {
  for (const { port, path } of ports(config)) {
    const { ethernetSegment } = port
    if (ethernetSegment !== undefined) visit(ethernetSegment, [...path, 'ethernetSegment'])
  }
}

function each(config: Config, key: 'name' | 'vni'): [Path, string | number][] {
  return config.networks.map((network, i) => [['networks', i, key], network[key]])
}

/** Reports every value that was there before, and where. */
function unique(
  report: Report,
  expected: string,
  values: readonly (readonly [Path, string | number | undefined])[],
): void {
  const seen = new Map<string | number, Path>()
  for (const [path, value] of values) {
    if (value === undefined) continue
    const first = seen.get(value)
    if (first === undefined) seen.set(value, path)
    else report(path, expected, `${value}, as ${formatPath(first)}`)
  }
}
