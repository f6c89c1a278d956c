// An Established session: UPDATEs become paths, changes of the loc-rib become UPDATEs. It sends only when asked to
// `flush`, a bounded number of routes at a time, so that no peer's table holds up another's.

import type { Ip } from '../net/index.js'
import {
  afiSafiOf,
  encodeMessage,
  endOfRib,
  endOfRibUpdate,
  type Family,
  familyOf,
  iana,
  type Message,
  type Problem,
  type RouteRefresh,
  type Update,
  withoutAs4,
  worstVerdict,
} from '../wire/index.js'
import { AdjRibIn } from './adj-rib-in.js'
import { AdjRibOut } from './adj-rib-out.js'
import type { AttributeSets } from './attribute-set.js'
import { Demand } from './demand.js'
import type { RouteNlri } from './events.js'
import { Filter } from './filter.js'
import { type ImportSource, importAttributes, refusalOf } from './import-policy.js'
import type { Negotiated } from './negotiate.js'
import { Path, type PathSource } from './path.js'
import { withoutPathId } from './path-ids.js'
import type { ExportTarget } from './policy.js'
import { keyOf, type LocRib, removeAll, removeRoute, sameNlri } from './rib.js'
import {
  defaults,
  type PeerSettings,
  type RouteLimit,
  type SessionFamily,
  type SpeakerSettings,
  sessionFamilies,
} from './settings.js'
import type { Statistics } from './statistics.js'
import type { Telling } from './untold.js'
import { piecesFor, type Run } from './update-group.js'
import type { UpdateGroups } from './update-groups.js'

/** What sessions share: the speaker's tables. */
export interface Tables {
  readonly speaker: SpeakerSettings
  readonly ribs: { readonly [F in SessionFamily]: LocRib }
  readonly sets: AttributeSets
  readonly groups: UpdateGroups
  /** We have restarted, and not all peers have said what they have: what we tell is not complete. */
  isDeferring(): boolean
  /** Time of the octets that are being read, in seconds since 1970; 0: unknown. */
  now(): number
  /** The session wants to `settle` or `flush` at the end of the step. */
  ready(session: Session): void
  /** A route of an adj-rib-in came, changed or went. */
  received(peer: string, family: SessionFamily, nlri: RouteNlri): void
}

/** What a session tells its surroundings. */
export interface SessionOutput {
  /** `count` messages of a kind. */
  send(kind: Message['kind'], octets: Uint8Array, count: number): void
  /** The timer ends with the session. */
  startTimer(name: 'membership', seconds: number, onExpiry: () => void): void
  endOfRib(family: SessionFamily): void
  log(level: 'info' | 'warn', text: string): void
}

/** Adj-ribs-in that outlive their session while the peer restarts (RFC 4724 section 4.2). */
export type RetainedRibs = ReadonlyMap<SessionFamily, AdjRibIn>

interface FamilyState {
  readonly in: AdjRibIn
  readonly out: AdjRibOut
  /** What the first full table, or a refresh, is ended with once all of it is sent. */
  sending: 'initial' | 'refresh' | undefined
  /** A refresh was asked for while `sending`. */
  refreshAgain: boolean
  endOfRibReceived: boolean
  /** What the peer sends of this family could not be read once: nothing of it is taken any more. */
  disabled: boolean
}

const subtype = iana.routeRefreshSubtype

/** How long a peer may take to say which route targets it wants (RFC 4684 section 6 suggests a minute). */
const MEMBERSHIP_SECONDS = 60
/** And one without graceful restart: it never says that it has said all. */
const MEMBERSHIP_SECONDS_WITHOUT_END = 5

/** Texts of problems that are logged once per session, at most so many. */
const MAX_LOGGED = 50

export class Session {
  readonly negotiated: Negotiated
  readonly localAddress: Ip
  #isBlocked = false
  readonly #tables: Tables
  readonly #output: SessionOutput
  readonly #statistics: Statistics
  readonly #source: PathSource & { isClient: boolean }
  readonly #families = new Map<SessionFamily, FamilyState>()
  readonly #logged = new Set<string>()
  #settings: PeerSettings
  #from: ImportSource
  /** What the peer is to be told may be different from what it was. */
  #isUnsettled = true
  /** Which routes of evpn the peer wants; undefined: all. */
  #demand: Demand | undefined

  constructor(
    tables: Tables,
    settings: PeerSettings,
    negotiated: Negotiated,
    localAddress: Ip,
    statistics: Statistics,
    output: SessionOutput,
    retained: RetainedRibs,
  ) {
    this.negotiated = negotiated
    this.localAddress = localAddress
    this.#tables = tables
    this.#output = output
    this.#statistics = statistics
    this.#source = {
      peer: settings.id,
      kind: negotiated.kind,
      address: settings.address,
      routerId: negotiated.peerRouterId,
      isClient: isClient(settings, negotiated),
    }
    this.#settings = settings
    this.#from = this.#sourceOf(settings)
    for (const family of sessionFamilies) {
      if (negotiated.families.includes(family)) this.#open(family, retained.get(family))
    }
    const rtc = this.#families.get('rtc')
    if (rtc !== undefined) this.#awaitDemand(rtc)
    for (const [family, adjRibIn] of retained) {
      if (!this.#families.has(family)) removeAll(tables.ribs[family], adjRibIn)
    }
    tables.ready(this)
  }

  #open(family: SessionFamily, retained: AdjRibIn | undefined): void {
    const rib = this.#tables.ribs[family]
    const { receive, gracefulRestart, peerRouterId } = this.negotiated
    const out = new AdjRibOut(this.#tables.groups, this.#source.peer, peerRouterId, () =>
      this.#tables.ready(this),
    )
    let adjRibIn = new AdjRibIn(receive.addPath.includes(family))
    const isKept = gracefulRestart?.forwarding.includes(family) === true
    if (retained !== undefined && isKept && retained.addPath === adjRibIn.addPath) {
      adjRibIn = retained
      adjRibIn.beginRefresh(true)
    } else if (retained !== undefined) {
      // "MUST immediately remove all the stale routes" when forwarding was not preserved (RFC 4724 section 4.2).
      removeAll(rib, retained)
    }
    this.#families.set(family, {
      in: adjRibIn,
      out,
      sending: 'initial',
      refreshAgain: false,
      endOfRibReceived: false,
      disabled: false,
    })
  }

  /** No sending until the transport has room again. */
  get blocked(): boolean {
    return this.#isBlocked
  }

  set blocked(isBlocked: boolean) {
    this.#isBlocked = isBlocked
    if (!isBlocked) this.#tables.ready(this)
  }

  get source(): PathSource {
    return this.#source
  }

  adjRibIn(family: SessionFamily): AdjRibIn | undefined {
    return this.#families.get(family)?.in
  }

  adjRibOut(family: SessionFamily): AdjRibOut | undefined {
    return this.#families.get(family)?.out
  }

  /** Undefined where the session does not carry the family. */
  telling(family: SessionFamily): Telling | undefined {
    const out = this.#families.get(family)?.out
    const demand = family === 'evpn' ? this.#demand : undefined
    const { filterOut } = this.#settings
    return out && { out, isHeld: this.#isHeld(family), demand, filterOut }
  }

  endOfRibReceived(family: SessionFamily): boolean {
    return this.#families.get(family)?.endOfRibReceived === true
  }

  /** True when the peer's routes of the family are ignored, because they could not be read. */
  disabled(family: SessionFamily): boolean {
    return this.#families.get(family)?.disabled === true
  }

  /** Nothing more is to be expected of it after a restart of ours. */
  get hasToldAll(): boolean {
    const { gracefulRestart } = this.negotiated
    if (gracefulRestart === undefined || gracefulRestart.restarting) return true
    return [...this.#families.values()].every(({ endOfRibReceived }) => endOfRibReceived)
  }

  /** Settings that need no new session. */
  configure(settings: PeerSettings): void {
    this.#settings = settings
    this.#source.isClient = isClient(settings, this.negotiated)
    this.#unsettle()
    this.#from = this.#sourceOf(settings)
  }

  /** A family of which the peer has sent more than it may. */
  overLimit(): { readonly family: SessionFamily; readonly limit: RouteLimit } | undefined {
    const { limits = {} } = this.#settings
    for (const [family, state] of this.#families) {
      const limit = limits[family]
      if (limit === undefined) continue
      const { routes, warnPercent = defaults.warnPercent, action = 'stop' } = limit
      if (state.in.size > routes && action === 'stop') return { family, limit }
      if (state.in.size * 100 <= routes * warnPercent) continue
      const most = state.in.size > routes ? 'all' : `${warnPercent} %`
      this.#logOnce('warn', `has sent ${most} of the ${routes} routes of family ${family} it may`)
    }
    return undefined
  }

  // ---- receiving

  /** An UPDATE that does not reset the session, and what was wrong with it. */
  receiveUpdate(update: Update, problems: readonly Problem[]): void {
    this.#note(problems)
    const ended = problems.length === 0 ? endOfRib(update) : undefined
    if (ended !== undefined) {
      this.#endOfRib(ended)
      return
    }
    for (const { route, family, verdict } of problems) {
      if (family === undefined) continue
      if (verdict === 'disable-afi-safi') this.#disable(family)
      else if (route !== undefined && !('octets' in route)) this.#withdraw(family, [route])
    }
    const { attributes, withdrawn, nlri } = update
    this.#withdraw('ipv4', withdrawn)
    if (attributes.mpUnreach !== undefined) {
      this.#withdraw(attributes.mpUnreach.family, attributes.mpUnreach.nlri as readonly RouteNlri[])
    }
    const { mpReach } = attributes
    const reach = (mpReach?.nextHop === undefined ? [] : mpReach.nlri) as readonly RouteNlri[]
    if (worstVerdict(problems) === 'treat-as-withdraw') {
      this.#withdraw('ipv4', nlri)
      if (mpReach !== undefined) this.#withdraw(mpReach.family, reach)
      return
    }
    this.#announce('ipv4', nlri, update, attributes.nextHop)
    if (mpReach !== undefined) this.#announce(mpReach.family, reach, update, mpReach.nextHop)
  }

  receiveRouteRefresh(message: RouteRefresh): void {
    const family = this.#known(familyOf(message))
    if (family === undefined) return
    const state = this.#families.get(family)!
    if (message.subtype === subtype.request) this.refresh(family)
    else if (!this.negotiated.enhancedRouteRefresh) return
    else if (message.subtype === subtype.beginRefresh) state.in.beginRefresh()
    else if (message.subtype === subtype.endRefresh) this.#removeStale(family, state)
  }

  #announce(
    name: Family,
    nlri: readonly RouteNlri[],
    { attributes }: Update,
    nextHop: Ip | undefined,
  ): void {
    if (nlri.length === 0) return
    const family = this.#known(name)
    if (family === undefined || nextHop === undefined) return
    const state = this.#families.get(family)!
    if (state.disabled) return
    const { sets, speaker, ribs } = this.#tables
    const whole = withoutAs4(attributes, this.negotiated.receive)
    const set = sets.intern(importAttributes(whole, family, this.#from), nextHop)
    const { in: adjRibIn } = state
    for (const route of nlri) {
      const routeKey = keyOf(route)
      const key = adjRibIn.keyOf(routeKey, route.pathId)
      const nlri = withoutPathId(route)
      const old = adjRibIn.get(key)
      // The same set has the same verdict of policy, so nothing at all has changed.
      if (old !== undefined && old.set === set && sameNlri(old.nlri, nlri)) {
        adjRibIn.confirm(key)
        continue
      }
      const usable = adjRibIn.usable(key)
      const path = new Path(nlri, set, this.#source, route.pathId, this.#tables.now())
      const rejected = refusalOf(nlri, set, family, this.#from, speaker)
      adjRibIn.set(key, path, rejected)
      ribs[family].replace(routeKey, usable, rejected === undefined ? path : undefined)
      this.#tables.received(this.#source.peer, family, route)
    }
    this.#changed(family)
  }

  /** Looks at all that the peer has sent again: other routes of it may be usable now. */
  rejudge(): void {
    for (const [family, { in: adjRibIn }] of this.#families) {
      const rib = this.#tables.ribs[family]
      for (const key of adjRibIn.keys()) {
        const path = adjRibIn.get(key)!
        const usable = adjRibIn.usable(key)
        const rejected = refusalOf(path.nlri, path.set, family, this.#from, this.#tables.speaker)
        adjRibIn.judge(key, rejected)
        if ((usable === undefined) === (rejected !== undefined)) continue
        const now = rejected === undefined ? path : undefined
        rib.replace(adjRibIn.routeKey(key), usable, now)
        this.#tables.received(this.#source.peer, family, adjRibIn.nlriOf(path))
      }
    }
  }

  #withdraw(name: Family, nlri: readonly RouteNlri[]): void {
    if (nlri.length === 0) return
    const family = this.#known(name)
    if (family === undefined) return
    const { in: adjRibIn } = this.#families.get(family)!
    const rib = this.#tables.ribs[family]
    for (const route of nlri) {
      removeRoute(rib, adjRibIn, adjRibIn.keyOf(keyOf(route), route.pathId))
      this.#tables.received(this.#source.peer, family, route)
    }
    this.#changed(family)
  }

  /**
   * NLRI that can not be told apart any more: which routes the peer meant nobody knows, so all of the family go and
   * those that follow are ignored, for as long as the session lasts (RFC 7606 section 2, RFC 4760 section 7). The other
   * families, and what we tell the peer, go on.
   */
  #disable(name: Family): void {
    const family = this.#known(name)
    if (family === undefined) return
    const state = this.#families.get(family)!
    if (state.disabled) return
    state.disabled = true
    const gone = [...state.in.received()]
    removeAll(this.#tables.ribs[family], state.in)
    // A peer that we can not understand gets everything, as one that does not speak of it.
    if (family === 'rtc') this.#demand = undefined
    this.#changed(family)
    for (const { path } of gone) {
      this.#tables.received(this.#source.peer, family, state.in.nlriOf(path))
    }
    this.#output.log(
      'warn',
      `takes no routes of family ${family} from here on: clear the peer to try again`,
    )
  }

  /** What the peer did not repeat since it began again. */
  removeStale(): void {
    for (const [family, state] of this.#families) this.#removeStale(family, state)
  }

  #removeStale(family: SessionFamily, state: FamilyState): void {
    const rib = this.#tables.ribs[family]
    const stale = state.in.endRefresh()
    for (const key of stale) {
      const path = state.in.get(key)
      if (path === undefined) continue
      removeRoute(rib, state.in, key)
      this.#tables.received(this.#source.peer, family, state.in.nlriOf(path))
    }
    if (stale.length > 0) this.#changed(family)
  }

  #endOfRib(name: Family): void {
    const family = this.#known(name)
    if (family === undefined) return
    const state = this.#families.get(family)!
    state.endOfRibReceived = true
    if (family === 'rtc') this.#isComplete(this.#demand)
    this.#removeStale(family, state)
    this.#output.endOfRib(family)
  }

  // ---- which routes of evpn the peer wants

  #awaitDemand({ in: memberships }: FamilyState): void {
    const demand = new Demand(memberships)
    this.#demand = demand
    const ends = this.negotiated.gracefulRestart !== undefined
    const seconds = ends ? MEMBERSHIP_SECONDS : MEMBERSHIP_SECONDS_WITHOUT_END
    this.#output.startTimer('membership', seconds, () => {
      if (demand.isAwaited && ends) {
        const text = `no End-of-RIB of family rtc for ${seconds} s`
        this.#output.log('warn', `${text}: it gets the routes it has asked for so far`)
      }
      this.#isComplete(demand)
    })
  }

  #isComplete(demand: Demand | undefined): void {
    if (demand !== undefined) demand.isAwaited = false
    this.#unsettle()
  }

  /** After the peer's routes of a family have changed. */
  #changed(family: SessionFamily): void {
    if (family !== 'rtc') return
    this.#demand?.changed()
    this.#unsettle()
  }

  #isHeld(family: SessionFamily): boolean {
    return family === 'evpn' && this.#demand?.isAwaited === true
  }

  /** The family when the session carries it; what the peer sends of others is left alone. */
  #known(name: Family): SessionFamily | undefined {
    const family = name as SessionFamily
    if (this.#families.has(family)) return family
    this.#logOnce('info', `ignored routes of family ${name}, which was not negotiated`)
    return undefined
  }

  #note(problems: readonly Problem[]): void {
    for (const { verdict, attribute, text } of problems) {
      this.#statistics.problems[verdict]++
      this.#logOnce('warn', `malformed UPDATE, ${verdict}: ${attribute}: ${text}`)
    }
  }

  #logOnce(level: 'info' | 'warn', text: string): void {
    if (this.#logged.has(text) || this.#logged.size >= MAX_LOGGED) return
    this.#logged.add(text)
    this.#output.log(level, text)
  }

  // ---- sending

  #unsettle(): void {
    this.#isUnsettled = true
    this.#tables.ready(this)
  }

  /** At the end of a step: what the peer is to know from now on. */
  settle(): void {
    if (!this.#isUnsettled) return
    this.#isUnsettled = false
    const target = this.#targetOf(this.#settings)
    for (const [family, { out }] of this.#families) {
      if (this.#isHeld(family)) continue
      const addPath = this.negotiated.send.addPath.includes(family)
      const wanted = family === 'evpn' ? this.#demand?.filter : undefined
      out.follow({ family, target, addPath, wanted })
    }
  }

  /** Tells the peer everything once more (RFC 2918 section 4). */
  refresh(family: SessionFamily): void {
    const state = this.#families.get(family)
    if (state === undefined) return
    if (state.sending !== undefined) {
      state.refreshAgain = true
      return
    }
    state.sending = 'refresh'
    this.#sendRefresh(family, subtype.beginRefresh)
    state.out.restart()
  }

  /** Asks the peer for everything; false when it cannot do that. */
  requestRefresh(): boolean {
    if (!this.negotiated.routeRefresh) return false
    for (const family of this.#families.keys()) this.#sendRefreshMessage(family, subtype.request)
    return true
  }

  /** True when `flush` has work that the transport can take. */
  get wantsFlush(): boolean {
    if (this.#isBlocked) return false
    for (const [family, state] of this.#families) {
      if (state.out.hasNext || this.#canFinish(family, state)) return true
    }
    return false
  }

  /** Sends what was written at once, of each family. */
  flush(): void {
    for (const [family, state] of this.#families) {
      const run = state.out.read()
      if (run !== undefined) this.#send(run, state.out)
      if (this.#canFinish(family, state)) this.#finish(family, state)
    }
  }

  #send(run: Run, to: AdjRibOut): void {
    for (const { octets, messages } of piecesFor(run, to)) {
      this.#output.send('update', octets, messages)
    }
    for (const reason of run.refusals) {
      this.#logOnce('warn', `a route is not advertised: ${reason}`)
    }
  }

  /** Whether the peer may take what it was told for all there is, and forget what we told it before a restart. */
  #canFinish(family: SessionFamily, { sending, out }: FamilyState): boolean {
    if (sending === undefined || !out.isCurrent) return false
    return sending !== 'initial' || family === 'rtc' || !this.#tables.isDeferring()
  }

  #finish(family: SessionFamily, state: FamilyState): void {
    if (state.sending === 'initial') {
      const octets = encodeMessage(endOfRibUpdate(family), this.negotiated.send)
      this.#output.send('update', octets, 1)
    } else {
      this.#sendRefresh(family, subtype.endRefresh)
    }
    state.sending = undefined
    if (!state.refreshAgain) return
    state.refreshAgain = false
    this.refresh(family)
  }

  /** Begin and end are only for peers that know them (RFC 7313 section 4). */
  #sendRefresh(family: SessionFamily, kind: number): void {
    if (this.negotiated.enhancedRouteRefresh) this.#sendRefreshMessage(family, kind)
  }

  #sendRefreshMessage(family: SessionFamily, kind: number): void {
    const message = { kind: 'routeRefresh', ...afiSafiOf(family), subtype: kind } as const
    this.#output.send('routeRefresh', encodeMessage(message, this.negotiated.send), 1)
  }

  #targetOf(settings: PeerSettings): ExportTarget {
    return {
      kind: this.negotiated.kind,
      isClient: isClient(settings, this.negotiated),
      localAddress: this.localAddress,
      nextHopSelf: settings.nextHopSelf ?? false,
      context: this.negotiated.send,
      filter: settings.filterOut && new Filter(settings.filterOut),
      siteOfOrigin: settings.siteOfOrigin,
      overridden: settings.asOverride === true ? this.negotiated.peerAsn : undefined,
      role: this.negotiated.role,
      extendedNextHop: this.negotiated.extendedNextHop,
      knowsStale: this.negotiated.longLived !== undefined,
    }
  }

  #sourceOf(settings: PeerSettings): ImportSource {
    return {
      peerAsn: this.negotiated.peerAsn,
      allowAsIn: settings.allowAsIn ?? 0,
      filter: settings.filterIn && new Filter(settings.filterIn),
      siteOfOrigin: settings.siteOfOrigin,
      role: this.negotiated.role,
    }
  }

  /** The peer's paths leave the tables, but for those of families that it is to find again after a restart. */
  close(retain: readonly SessionFamily[]): RetainedRibs {
    this.#isUnsettled = false
    const retained = new Map<SessionFamily, AdjRibIn>()
    for (const [family, state] of this.#families) {
      state.out.close()
      const rib = this.#tables.ribs[family]
      if (!retain.includes(family)) {
        removeAll(rib, state.in)
        continue
      }
      // Who agreed on long-lived stale routes wants what there is for as long as was agreed (RFC 9494 section 4.2).
      const isLongLived = this.negotiated.longLived?.has(family) === true
      for (const key of isLongLived ? [] : state.in.takeLeftOver()) removeRoute(rib, state.in, key)
      retained.set(family, state.in)
    }
    return retained
  }
}

/** Reflection is an internal matter (RFC 4456 section 6). */
function isClient(settings: PeerSettings, negotiated: Negotiated): boolean {
  return negotiated.kind === 'ibgp' && settings.routeReflectorClient === true
}
