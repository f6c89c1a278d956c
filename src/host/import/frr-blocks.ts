// Which statements an frr.conf may have in which block, and what becomes of each.

import type { Statement } from './frr-lines.js'
import { DEFAULT_VRF, type FrrModel, type TargetsDraft } from './frr-model.js'
import { asnOf, neighborRowsOf } from './frr-neighbors.js'
import type { Block, Row } from './frr-rows.js'

/** Name of the VRF whose block a statement is in. */
const vrfOf = ({ blocks }: Statement): string =>
  blocks.map((block) => /^(?:router bgp \d+ |)vrf (\S+)$/.exec(block)?.[1]).find(Boolean) ?? ''

const vniOf = ({ blocks }: Statement): number =>
  Number(blocks.map((block) => /^vni (\d+)$/.exec(block)?.[1]).find(Boolean))

const interfaceOf = ({ blocks }: Statement): string => blocks[0]?.split(' ')[1] ?? ''

/** A wildcard says what is so without it: any AS with this VNI. */
function addTargets(draft: TargetsDraft, direction: string, text: string): string | undefined {
  const all = text.split(' ')
  const plain = all.filter((target) => !target.startsWith('*:'))
  if (direction !== 'export') draft.imports.push(...plain)
  if (direction !== 'import') draft.exports.push(...plain)
  if (plain.length === all.length) return undefined
  return 'a target under any AS is imported where the network has none of its own to import, by profile'
}

const targets = (of: (model: FrrModel, statement: Statement) => TargetsDraft): readonly Row[] => [
  {
    pattern: /^rd (\S+)$/,
    take: (model, [rd = ''], statement) => {
      of(model, statement).rd = rd
    },
  },
  {
    pattern: /^route-target (import|export|both) (.+)$/,
    take: (model, [direction = '', text = ''], statement) =>
      addTargets(of(model, statement), direction, text),
  },
]

const announces: readonly Row[] = [
  {
    pattern: /^network (\S+)$/,
    take: (model, [prefix = ''], statement) => void model.prefixes.push({ prefix, statement }),
  },
  {
    pattern: /^redistribute connected(?: .*)?$/,
    take: (model, _, statement) => void model.redistributions.push(statement),
  },
  { pattern: /^network .*/, lost: 'of the underlay only the VTEP address is announced' },
  { pattern: /^redistribute .*/, lost: 'of the underlay only the VTEP address is announced' },
  { pattern: /^aggregate-address .*/, lost: 'of the underlay only the VTEP address is announced' },
  { pattern: /^maximum-paths .*/, nothing: 'every equal path is used' },
  {
    pattern: /^(?:import vrf|rd vpn|rt vpn|label vpn|import vpn|export vpn).*/,
    lost: 'VPNs of IP are not spoken',
  },
]

const evpn: readonly Row[] = [
  {
    pattern: /^advertise-all-vni$/,
    take: (model) => {
      model.advertisesAll = true
    },
  },
  {
    pattern: /^autort rfc8365-compatible$/,
    take: (model) => {
      model.profile = 'rfc8365'
    },
  },
  {
    pattern: /^no dup-addr-detection$/,
    take: (model) => {
      model.duplicateDetection = { moves: 0 }
    },
  },
  {
    pattern: /^dup-addr-detection max-moves (\d+) time (\d+)$/,
    take: (model, [moves, seconds]) => {
      model.duplicateDetection = { moves: Number(moves), seconds: Number(seconds) }
    },
  },
  { pattern: /^vni \d+$/, take: (model, _, { text }) => void model.vni(Number(text.slice(4))) },
  {
    pattern: /^dup-addr-detection freeze.*/,
    lost: 'a duplicate is left alone for as long as moves are counted, or until it is cleared',
  },
  { pattern: /^advertise-svi-ip$/, nothing: 'gateways are the same everywhere and need no routes' },
  {
    pattern: /^advertise-default-gw$/,
    nothing: 'gateways are the same everywhere and need no routes',
  },
  { pattern: /^flooding head-end-replication$/, nothing: 'broadcasts are replicated here' },
  { pattern: /^flooding disable$/, lost: 'broadcasts are always replicated' },
  {
    pattern: /^(?:no )?use-es-l3nhg$|^enable-resolve-overlay-index$|^(?:disable-)?ead-.*/,
    nothing: 'routes to segments are resolved in any case',
  },
  { pattern: /^mac-vrf soo .*/, lost: 'a site of origin belongs to a neighbour (siteOfOrigin)' },
  {
    pattern: /^advertise-pip.*|^no advertise-pip.*/,
    nothing: 'each VTEP has an address of its own',
  },
  {
    pattern: /^advertise (?:ipv4|ipv6) unicast.*/,
    take: (model, _, statement) => void model.advertisements.push(statement),
  },
  ...targets((model) => model.vrf(DEFAULT_VRF)),
  {
    pattern: /^default-originate .*/,
    lost: "a default route into EVPN is announced by a VRF's routes",
  },
]

const bgp: readonly Row[] = [
  {
    pattern: /^bgp router-id (\S+)$/,
    take: (model, [id = '']) => {
      model.routerId = id
    },
  },
  {
    pattern: /^bgp cluster-id (\S+)$/,
    take: (model, [id = '']) => {
      if (!id.includes('.')) return 'a cluster ID of four octets like 10.0.0.1 is expected'
      model.clusterId = id
      return undefined
    },
  },
  {
    pattern: /^no bgp default ipv4-unicast$/,
    take: (model) => {
      model.activatesIpv4 = false
    },
  },
  {
    pattern: /^timers bgp (\d+) (\d+)$/,
    take: (model, [, hold]) => {
      model.holdTimeSeconds = Number(hold)
    },
  },
  {
    pattern: /^bgp listen range (\S+) peer-group (\S+)$/,
    take: (model, [prefix = '', group = ''], statement) =>
      void model.ranges.push({ prefix, group, statement }),
  },
  {
    pattern: /^bgp graceful-restart$/,
    take: (model) => {
      model.gracefulRestart.enabled = true
    },
  },
  {
    pattern: /^bgp graceful-restart-disable$/,
    take: (model) => {
      model.gracefulRestart.enabled = false
    },
  },
  {
    pattern: /^bgp graceful-restart restart-time (\d+)$/,
    take: (model, [seconds]) => {
      model.gracefulRestart.restartSeconds = Number(seconds)
    },
  },
  {
    pattern: /^bgp long-lived-graceful-restart stale-time (\d+)$/,
    take: (model, [seconds]) => {
      model.gracefulRestart.staleSeconds = Number(seconds)
    },
  },
  { pattern: /^bgp graceful-restart .*/, nothing: 'routes of a peer that restarts are kept' },
  {
    pattern: /^(?:no )?bgp (?:log-neighbor-changes|default show-.*|suppress-duplicates)$/,
    nothing: 'it is told by events',
  },
  {
    pattern:
      /^(?:no )?bgp (?:ebgp-requires-policy|network import-check|fast-external-failover|deterministic-med|fast-convergence|default (?:l2vpn-evpn|shutdown)|always-compare-med|minimum-holdtime.*|coalesce-time.*|update-delay.*|advertisement-delay.*)$/,
    nothing: 'that is so, or plays no part with routes of EVPN',
  },
  { pattern: /^bgp default ipv4-unicast$/, nothing: 'families are named for each neighbour' },
  { pattern: /^(?:no )?bgp bestpath .*/, nothing: 'every path of a VTEP leads to the same VTEP' },
  { pattern: /^bgp listen limit \d+$/, nothing: 'a range has no limit' },
  { pattern: /^bgp default local-preference \d+$/, lost: 'local preference is 100' },
  { pattern: /^bgp confederation .*/, lost: 'confederations are not spoken' },
  {
    pattern: /^(?:coalesce-time|update-delay|read-quanta|write-quanta) .*/,
    nothing: 'routes are sent by turn',
  },
  { pattern: /^bmp .*/, lost: 'a BMP collector is an entry of bgp.collectors' },
  {
    pattern: /^address-family (?:ipv4|ipv6) unicast$|^address-family (?:ipv4|ipv6|l2vpn evpn)$/,
    take: () => undefined,
  },
  { pattern: /^address-family .*/, lost: 'only EVPN and unicast are spoken' },
]

const inVrf: readonly Row[] = [
  ...targets((model, statement) => model.vrf(vrfOf(statement))),
  { pattern: /^address-family .*/, take: () => undefined },
  { pattern: /^redistribute connected.*/, nothing: 'subnets of a VRF are announced' },
  {
    pattern: /^redistribute (?:static|kernel)$/,
    take: (model, _, statement) => {
      model.vrf(vrfOf(statement)).redistributesStatic = true
    },
  },
  {
    pattern: /^advertise (?:ipv4|ipv6) unicast(?: gateway-ip)?$/,
    nothing: 'subnets and routes of a VRF are announced',
  },
  { pattern: /^advertise .*/, lost: 'what is announced has no policy but announce of a route' },
  {
    pattern: /^default-originate .*/,
    lost: 'a default route is announced by a route of the VRF: routes: [{ prefix: 0.0.0.0/0, via: … }]',
  },
  { pattern: /^(?:no )?bgp .*/, nothing: 'a VRF takes part in the one speaker' },
  {
    pattern: /^(?:no )?neighbor .*/,
    lost: 'routing protocols with hosts of a VRF are not spoken; a route by way of a host is an entry of its routes',
  },
  { pattern: /^maximum-paths .*/, nothing: 'every equal path is used' },
]

const interfaces: readonly Row[] = [
  {
    pattern: /^evpn mh es-id (\S+)$/,
    take: (model, [id = ''], statement) => {
      const segment = model.segment(interfaceOf(statement), statement)
      if (/^\d+$/.test(id)) segment.id = Number(id)
      else segment.esi = id
    },
  },
  {
    pattern: /^evpn mh es-sys-mac (\S+)$/,
    take: (model, [mac = ''], statement) => {
      model.segment(interfaceOf(statement), statement).systemMac = mac
    },
  },
  {
    pattern: /^evpn mh es-df-pref (\d+)$/,
    take: (model, [preference], statement) => {
      model.segment(interfaceOf(statement), statement).preference = Number(preference)
    },
  },
  { pattern: /^evpn mh uplink$/, nothing: 'ports stay open while there is a way to VTEPs' },
  {
    pattern: /^(?:no )?ipv6 nd .*/,
    nothing: 'an unnumbered neighbour is found, and told of us, by vtep',
  },
  {
    pattern: /^(?:ip|ipv6) address .*/,
    lost: "addresses of interfaces are the system's: write it down where it keeps them",
  },
  {
    pattern: /^(?:description|bandwidth|link-detect|no link-detect|shutdown|no shutdown|vrf) ?.*/,
    nothing: "interfaces are the system's",
  },
  {
    pattern: /^(?:ip|ipv6) (?:ospf|router|igmp|pim) .*/,
    lost: 'only BGP is spoken: keep FRR for this, without bgpd',
  },
]

const top: readonly Row[] = [
  {
    pattern: /^router bgp (\S+)$/,
    take: (model, [word = '']) => {
      const asn = asnOf(word)
      if (typeof asn !== 'number') return 'an AS number is expected'
      model.asn = asn
      return undefined
    },
  },
  {
    pattern: /^router bgp (\S+) (?:vrf (\S+)|view \S+)$/,
    take: (model, [, vrf], { text }) => {
      if (vrf === undefined) return `${text.split(' ')[3]} is a table of its own, and there is one`
      model.vrf(vrf)
      return undefined
    },
  },
  { pattern: /^vrf (\S+)$/, take: (model, [name = '']) => void model.vrf(name) },
  {
    pattern: /^vni (\d+)(?: prefix-routes-only)?$/,
    take: (model, [vni]) => {
      model.vrf(DEFAULT_VRF).l3Vni = Number(vni)
    },
  },
  { pattern: /^interface .*/, take: () => undefined },
  {
    pattern: /^route-map (\S+) (permit|deny) \d+$/,
    take: (model, [name = '', verdict], statement) => {
      const map = model.routeMap(name)
      map.statements.push(statement)
      if (verdict === 'deny') map.acceptsAll = false
    },
  },
  { pattern: /^bfd$/, take: () => undefined },
  {
    pattern: /^frr defaults (\S+)$/,
    take: (model, [name]) => {
      if (name === 'datacenter') model.holdTimeSeconds ??= 9
    },
  },
  {
    pattern:
      /^(?:frr version|hostname|domainname|service|log|debug|agentx|username|zebra|banner|allow-external-route-update|no (?:ip|ipv6) forwarding|ip forwarding|ipv6 forwarding).*/,
    nothing: 'it is about FRR itself',
  },
  {
    pattern: /^(?:password|enable password|line vty).*/,
    nothing: 'there is no terminal to log in to; the unix socket has permissions',
  },
  {
    pattern: /^(?:ip|ipv6) nht resolve-via-default$/,
    nothing: 'a VTEP may lie behind the default route',
  },
  {
    pattern: /^(?:ip|ipv6) route .*/,
    lost: "routes of the underlay are the system's: write it down where it keeps them",
  },
  {
    pattern: /^(?:(?:ip|ipv6) )?(?:prefix-list|access-list) .*/,
    lost: 'policies are filterIn and filterOut, by route targets and prefixes',
  },
  {
    pattern: /^bgp (?:as-path|community-list|extcommunity-list|large-community-list).*/,
    lost: 'policies are filterIn and filterOut, by route targets and prefixes',
  },
  {
    pattern:
      /^(?:router \S+|ip ospf|mpls|key chain|nexthop-group|pbr-map|rpki|segment-routing|ip (?:pim|igmp|multicast)).*/,
    lost: 'only BGP is spoken: keep FRR for this, without bgpd',
  },
]

/** From the inside out; the first whose opening lines fit has the statement. */
export const frrBlocks: readonly Block[] = [
  {
    within: /^router bgp \S+ > address-family l2vpn evpn > vni \d+$/,
    rows: [
      ...targets((model, statement) => model.vni(vniOf(statement))),
      {
        pattern: /^advertise-(?:default-gw|svi-ip)$/,
        nothing: 'gateways are the same everywhere and need no routes',
      },
      { pattern: /^no advertise-.*|^flooding .*/, lost: 'it holds for all networks alike' },
    ],
  },
  {
    within: /^router bgp \S+ > address-family l2vpn evpn$/,
    rows: [...evpn, ...neighborRowsOf('evpn')],
  },
  {
    within: /^router bgp \S+ > address-family ipv4(?: unicast)?$/,
    rows: [...announces, ...neighborRowsOf('ipv4')],
  },
  {
    within: /^router bgp \S+ > address-family ipv6(?: unicast)?$/,
    rows: [...announces, ...neighborRowsOf('ipv6')],
  },
  { within: /^router bgp \S+$/, rows: [...bgp, ...announces, ...neighborRowsOf('ipv4')] },
  { within: /^router bgp \S+ vrf \S+(?: > address-family .*)?$/, rows: inVrf },
  {
    within: /^vrf \S+$/,
    rows: [
      {
        pattern: /^vni (\d+)(?: prefix-routes-only)?$/,
        take: (model, [vni], statement) => {
          model.vrf(vrfOf(statement)).l3Vni = Number(vni)
        },
      },
      {
        pattern: /^(?:ip|ipv6) route (\S+\/\d+) (\S+)$/,
        take: (model, [prefix = '', via = ''], statement) => {
          const isVoid = /^(?:blackhole|Null0|reject)$/i.test(via)
          if (!isVoid && !/^[\d.]+$|:/.test(via))
            return 'a route leads to a host of a network, not to an interface'
          model.vrf(vrfOf(statement)).routes.push({ prefix, statement, ...(isVoid ? {} : { via }) })
          return undefined
        },
      },
    ],
  },
  { within: /^interface \S+/, rows: interfaces },
  {
    within: /^route-map \S+ (?:permit|deny) \d+$/,
    rows: [
      {
        pattern: /^.*$/,
        take: (model, _, statement) => {
          const name = statement.blocks[0]!.split(' ')[1]!
          const map = model.routeMap(name)
          map.acceptsAll = false
          map.statements.push(statement)
        },
      },
    ],
  },
  {
    within: /^bfd$/,
    rows: [
      {
        pattern: /^(?:profile|peer) \S+.*$/,
        take: (model, _, { text }) => void model.bfdProfile(profileName(text)),
      },
    ],
  },
  { within: /^bfd > (?:profile|peer) /, rows: bfdRows() },
  { within: /^line vty$/, rows: [{ pattern: /.*/, nothing: 'there is no terminal to log in to' }] },
  { within: /^$/, rows: top },
]

/** "profile fast" → fast; "peer 10.0.0.1 multihop" → peer 10.0.0.1. */
function profileName(text: string): string {
  const [word, name = ''] = text.split(' ')
  return word === 'profile' ? name : `peer ${name}`
}

function bfdRows(): Row[] {
  const interval = (
    key: 'transmitMilliseconds' | 'receiveMilliseconds' | 'multiplier',
    word: string,
  ): Row => ({
    pattern: new RegExp(`^${word} (\\d+)$`),
    take: (model, [value], { blocks }) => {
      model.bfdProfile(profileName(blocks[1]!))[key] = Number(value)
    },
  })
  return [
    interval('transmitMilliseconds', 'transmit-interval'),
    interval('receiveMilliseconds', 'receive-interval'),
    interval('multiplier', 'detect-multiplier'),
    { pattern: /^no shutdown$|^no echo-mode$|^no passive-mode$/, nothing: 'it is so' },
    { pattern: /.*/, lost: 'BFD here has intervals and a multiplier' },
  ]
}
