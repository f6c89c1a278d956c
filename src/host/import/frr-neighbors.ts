// Statements about neighbours of BGP.

import type { Statement } from './frr-lines.js'
import type { Family, FrrModel, FrrPeer, NeighborDraft } from './frr-model.js'
import type { Row } from './frr-rows.js'

/** `neighbor NAME rest`; the rest is a pattern of its own. */
function neighbor(
  rest: string,
  take: (peer: FrrPeer, words: readonly string[], statement: Statement, model: FrrModel) => unknown,
): Row {
  return {
    pattern: new RegExp(`^neighbor (\\S+) ${rest}$`),
    take: (model, [name = '', ...words], statement) =>
      take(model.peer(name, statement), words, statement, model),
  }
}

const sets = (rest: string, values: (word: string) => NeighborDraft): Row =>
  neighbor(rest, ({ draft }, [word = '']) => void Object.assign(draft, values(word)))

const idle = (rest: string, nothing: string): Row => ({
  pattern: new RegExp(`^(?:no )?neighbor \\S+ ${rest}$`),
  nothing,
})

const loses = (rest: string, lost: string): Row => ({
  pattern: new RegExp(`^(?:no )?neighbor \\S+ ${rest}$`),
  lost,
})

/** "65001", "65000.1", "internal", "external". */
export function asnOf(word: string): number | 'internal' | 'external' | undefined {
  if (word === 'internal' || word === 'external') return word
  const dotted = /^(\d+)\.(\d+)$/.exec(word)
  if (dotted !== null) return Number(dotted[1]) * 0x10000 + Number(dotted[2])
  return /^\d+$/.test(word) ? Number(word) : undefined
}

function interfacePeer(
  model: FrrModel,
  [name = '', rest = '']: readonly string[],
  statement: Statement,
) {
  const peer = model.peer(name, statement)
  peer.isInterface = true
  const asn = /remote-as (\S+)/.exec(rest)?.[1]
  if (asn !== undefined) assignAsn(peer, asn)
  const group = /peer-group (\S+)/.exec(rest)?.[1]
  if (group !== undefined) peer.group = group
}

function assignAsn({ draft }: FrrPeer, word: string): void {
  const asn = asnOf(word)
  if (asn !== undefined) draft.asn = asn
}

/** Whatever the address family. */
const everywhere: readonly Row[] = [
  neighbor('description (.+)', ({ draft }, [text = '']) => {
    draft.description = text.slice(0, 255)
  }),
  neighbor('password (\\S+)', ({ draft }, [text = '']) => {
    draft.password = text
    return text.length > 80 ? 'a password of at most 80 characters' : undefined
  }),
  {
    pattern: /^neighbor (\S+) interface((?: v6only)?(?: remote-as \S+| peer-group \S+)*)$/,
    take: interfacePeer,
  },
  neighbor('remote-as (\\S+)', (peer, [asn = '']) => assignAsn(peer, asn)),
  neighbor('peer-group', (peer) => {
    peer.isGroup = true
  }),
  neighbor('peer-group (\\S+)', (peer, [group = '']) => {
    peer.group = group
  }),
  sets('update-source (\\S+)', (updateSource) => ({ updateSource })),
  sets('port (\\d+)', (port) => ({ port: Number(port) })),
  sets('passive', () => ({ passive: true })),
  sets('ebgp-multihop', () => ({ multihop: 255 })),
  sets('ebgp-multihop (\\d+)', (hops) => ({ multihop: Number(hops) })),
  sets('ttl-security hops (\\d+)', (hops) => ({ ttlSecurity: Number(hops) })),
  neighbor('timers (\\d+) (\\d+)', ({ draft }, [, hold = '']) => {
    draft.holdTimeSeconds = Number(hold)
  }),
  neighbor('bfd', ({ draft }) => {
    draft.bfd ??= {}
  }),
  neighbor('bfd (\\d+) (\\d+) (\\d+)', ({ draft }, words) => {
    const [multiplier, receiveMilliseconds, transmitMilliseconds] = words.map(Number)
    draft.bfd = {
      multiplier: multiplier!,
      receiveMilliseconds: receiveMilliseconds!,
      transmitMilliseconds: transmitMilliseconds!,
    }
  }),
  neighbor('bfd profile (\\S+)', ({ draft }, [profile = '']) => {
    draft.bfd = { profile }
  }),
  neighbor('shutdown.*', ({ draft }, _, statement) => {
    draft.shutdown = statement
  }),
  neighbor('local-role (\\S+)(?: (strict-mode))?', ({ draft }, [role = '', strict]) => {
    const roles: Readonly<Record<string, string>> = { 'rs-server': 'rs', 'rs-client': 'rsClient' }
    draft.role = roles[role] ?? role
    if (strict !== undefined) draft.strictRole = true
  }),
  loses('local-as .*', 'we have one AS number towards everybody'),
  loses('advertise-map .*', 'routes are announced whatever others are there'),
  loses('enforce-multihop', 'a peer may be as near as it likes'),
  idle('timers connect \\d+', 'connections are tried again with growing pauses'),
  idle('timers delayopen \\d+', 'a connection is opened at once'),
  idle('advertisement-interval \\d+', 'routes are sent at once, gathered by turn'),
  idle('capability (?:extended-nexthop|dynamic|orf .*)', 'what both sides know is used'),
  idle('dont-capability-negotiate', 'every peer of EVPN negotiates'),
  idle('disable-connected-check', 'no peer has to be on a connected network'),
  idle('strict-capability-match', 'a family that one side lacks is left out'),
  idle('override-capability', 'what both sides know is used'),
  idle('enforce-first-as', 'a route of an external peer has to begin with its AS'),
  idle('solo', 'peers are told the same with the same settings'),
  idle('sender-as-path-loop-detection', 'the receiver detects loops'),
  idle('tcp-mss \\d+', 'the kernel finds the size of segments'),
  idle('graceful-restart(?:-\\w+)?', 'one setting holds for all peers: bgp.gracefulRestart'),
]

/** Of one address family. */
const families: readonly ((family: Family) => Row)[] = [
  (family) => ({
    pattern: /^(no )?neighbor (\S+) activate$/,
    take: (model, [no, name = ''], statement) => {
      model.peer(name, statement).families.set(family, no === undefined)
    },
  }),
  () => sets('route-reflector-client', () => ({ routeReflectorClient: true })),
  () => sets('next-hop-self(?: force)?', () => ({ nextHopSelf: true })),
  () => sets('as-override', () => ({ asOverride: true })),
  () => sets('soo (\\S+)', (siteOfOrigin) => ({ siteOfOrigin })),
  () => sets('addpath-tx-(?:all-paths|bestpath-per-AS)', () => ({ addPathSend: true })),
  () => sets('allowas-in', () => ({ allowAsIn: 3 })),
  () => sets('allowas-in (\\d+)', (times) => ({ allowAsIn: Number(times) })),
  () => sets('allowas-in origin', () => ({ allowAsIn: 1 })),
  (family) =>
    neighbor(
      'maximum-prefix (\\d+)(?: (\\d+))?(?: (warning-only))?(?: restart (\\d+))?(?: force)?',
      (peer, words) => {
        const [routes, percent, warn, minutes] = words
        peer.draft.maximumRoutes = {
          ...peer.draft.maximumRoutes,
          [family]: {
            routes: Number(routes),
            ...(percent === undefined ? {} : { warnPercent: Number(percent) }),
            ...(warn === undefined ? {} : { action: 'warn' }),
            ...(minutes === undefined ? {} : { restartSeconds: Number(minutes) * 60 }),
          },
        }
      },
    ),
  () => ({
    pattern: /^neighbor (\S+) route-map (\S+) (?:in|out)$/,
    take: (model, [name = '', map = ''], statement) => {
      model.peer(name, statement).policies.push({ map, statement })
    },
  }),
  () =>
    loses(
      '(?:prefix-list|filter-list|distribute-list|unsuppress-map) .*',
      'policies are filterIn and filterOut, by route targets and prefixes',
    ),
  () =>
    loses('default-originate.*', 'a default route is announced by nobody: it is of the underlay'),
  () => loses('weight \\d+', 'paths are compared without weights'),
  () => idle('soft-reconfiguration inbound', 'what peers send is kept'),
  () => idle('send-community.*', 'communities are sent'),
  () =>
    idle(
      'attribute-unchanged.*',
      'next hops of EVPN routes stay, unless nextHopSelf says otherwise',
    ),
  () => idle('addpath-rx-.*|disable-addpath-rx', 'addPath.receive is on'),
  () =>
    idle(
      'remove-private-AS.*',
      'only our own routes leave towards external peers of IPv4 and IPv6',
    ),
  () => idle('maximum-prefix-out \\d+', 'only our own routes leave'),
]

export const neighborRowsOf = (family: Family): readonly Row[] => [
  ...families.map((row) => row(family)),
  ...everywhere,
]
