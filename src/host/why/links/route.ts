// The routes about the host: who told, when, with which attributes, and why the one in use has won.

import { explain, type LocRibEntry } from '../../../bgp/index.js'
import { type EvpnRoute, formatEvpnRoute } from '../../../wire/index.js'
import { demandOf } from '../../memberships.js'
import { routeViews } from '../../state/routes.js'
import { counted, type Link, type Look, ok } from '../link.js'
import type { KnownRoute, Subject } from '../subject.js'

/** Of so many routes the attributes are shown, and of route targets that others ask for. */
const SHOWN = 4

export const route: Link = {
  name: 'route',
  of: 'remote',
  look(subject) {
    if (subject.kind === 'vtep') return undefined
    const { routes, view } = subject
    if (routes.length > 0) return found(routes)
    if (view?.kind === 'remote') {
      const text = `no route: the configuration says that it is behind ${view.dst} (networks[].remotes)`
      return ok(text, { dst: view.dst })
    }
    return nothing(subject)
  },
}

function found(routes: readonly KnownRoute[]): Look {
  const { entry } = routes[0]!
  const { best } = entry
  const when = best.time === 0 ? '' : ` at ${timeOf(best.time)}`
  const why = whyBest(entry)
  const also = routes.length > 1 ? `; ${counted(routes.length - 1, 'more route')} about it` : ''
  const text = `${formatEvpnRoute(best.nlri as EvpnRoute)} from ${best.peer}${when}, next hop ${best.nextHop}${why}${also}`
  return ok(text, { routes: routes.slice(0, SHOWN).map(account) })
}

function account({ entry }: KnownRoute): object {
  const { best, paths } = entry
  const { lost } = explain(paths)
  return {
    route: formatEvpnRoute(best.nlri as EvpnRoute),
    // One row per path, as `vtep routes` shows them.
    paths: routeViews('evpn', entry).map((view, i) => {
      const path = paths[i]!
      const time = path.time === 0 ? null : timeOf(path.time)
      return {
        ...view,
        time,
        ...(path === best ? {} : { lostBy: lost.get(path) ?? 'it came later' }),
      }
    }),
  }
}

function whyBest({ best, paths }: LocRibEntry): string {
  if (paths.length < 2) return '; the only path'
  const reasons = new Set(explain(paths).lost.values())
  return `; best of ${paths.length} paths of ${new Set(paths.map(({ peer }) => peer)).size} peers${best === undefined ? '' : ` by ${[...reasons].join(', ')}`}`
}

function nothing(subject: Subject): Look {
  const { source, row, account: known, address, network } = subject
  const peers = source.speaker.peers()
  const established = peers.filter(({ state }) => state === 'Established')
  const received = established.reduce(
    (sum, { session }) =>
      sum + (session?.families.find(({ family }) => family === 'evpn')?.received ?? 0),
    0,
  )
  const evidence = { peers: peers.length, established: established.length, received }
  if (known?.isFrozen === true || row !== undefined)
    return { status: 'warning', text: `no peer announces ${address} now`, evidence }
  if (peers.length === 0 && (network === undefined || network.remotes.length === 0)) {
    return {
      status: 'broken',
      code: 'notFound',
      text: `nothing is known of ${address}: no port has seen it, there is no BGP peer, and the configuration does not name it`,
      evidence,
      fix: 'name a BGP peer (vtep peer add ADDRESS --asn ASN), or the VTEP in networks[].remotes',
    }
  }
  const constrained = established
    .filter(({ session }) => session?.families.some(({ family }) => family === 'rtc'))
    .map(({ id }) => id)
  const hint =
    constrained.length === 0
      ? ''
      : ` (${constrained.join(', ')} sends only what has a route target that we import)`
  const unmet = constrained.length === 0 ? undefined : unmetTargets(subject)
  if (unmet !== undefined) return { ...unmet, evidence: { ...evidence, ...unmet.evidence } }
  return {
    status: 'broken',
    code: 'notAdvertised',
    text: `no peer announces ${address}: ${counted(established.length, 'session')} up, ${counted(received, 'EVPN route')} received, none of them about it${hint}`,
    evidence: { ...evidence, constrained },
    fix:
      'ask on the host that should have it: vtep why ' +
      address +
      ' (is it learned there, and told to the peers?)',
  }
}

/**
 * Peers that know what we import never send what we do not, so that no route is there whose targets could be compared. What
 * they import they say: nobody asks for what we export, and somebody for what nothing here imports.
 */
function unmetTargets({ source, network, vni, address }: Subject): Look | undefined {
  if (network === undefined || vni === undefined) return undefined
  const { ours, theirs, isOpen } = demandOf(source.speaker.locRib('rtc'))
  const exports = source.evpn.account.exportTargets(vni)
  const strange = [...theirs].filter(([target]) => !ours.has(target))
  if (isOpen || strange.length === 0 || exports.some((target) => theirs.has(target)))
    return undefined
  const shown = strange
    .slice(0, SHOWN)
    .map(([target, who]) => [target, [...who].slice(0, SHOWN)] as const)
  const asked = shown.map(([target, who]) => `${target} (${who.join(', ')})`).join(', ')
  const more = strange.length > SHOWN ? ` and ${strange.length - SHOWN} more` : ''
  return {
    status: 'broken',
    code: 'routeTargetMismatch',
    text: `no peer sends a route about ${address}, and nobody asks for ${exports.join(', ')}, which network ${network.name} exports; others ask for ${asked}${more}, which nothing here imports`,
    evidence: {
      exports,
      imports: source.evpn.account.importTargets(vni),
      asked: Object.fromEntries(shown),
      askedInAll: strange.length,
      network: network.name,
    },
    fix: `if that is ${network.name} there: add it to routeTargets.import of network ${network.name} (and ours to the import there), then: vtep reload`,
  }
}

const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString()
