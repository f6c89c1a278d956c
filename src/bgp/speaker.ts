// The speaker: peers and tables behind one door. `step` takes an event and gives actions; the same events give the
// same actions, so a recording of events is a bug report. No clock, no socket, no randomness.

import { type Ip, ipFamily, type Prefix, prefixContains, splitPrefix } from '../net/index.js'
import { iana } from '../wire/index.js'
import type { ReceivedPath, RefusedPath } from './adj-rib-in.js'
import { AttributeSets } from './attribute-set.js'
import type { Collector } from './collector.js'
import { Collectors } from './collectors.js'
import type {
  OriginatedRoute,
  RibChange,
  SpeakerAction,
  SpeakerEvent,
  WithdrawnRoute,
} from './events.js'
import type { Machine } from './machine.js'
import { Path, type PathSource } from './path.js'
import { PathIds } from './path-ids.js'
import { Peer, type PeerContext, refuse } from './peer.js'
import { Exporter, SELF } from './policy.js'
import { keyOf, LocRib, sameNlri } from './rib.js'
import type { Session } from './session.js'
import {
  defaults,
  type PeerSettings,
  type RangeSettings,
  type SessionFamily,
  type SpeakerSettings,
  sessionFamilies,
  type Transport,
} from './settings.js'
import { type AdjRibOutEntry, type LocRibEntry, type PeerStatus, statusOf } from './status.js'
import { untold } from './untold.js'
import { UpdateGroups } from './update-groups.js'

/** Routes looked at in one step for peers that are told the same, and for a collector: a few milliseconds of work. */
const FLUSH_LIMIT = 2000
/** Peers that are sent what was written in one step. */
const FLUSH_PEERS = 100
/** Addresses without a neighbor that a log line is spent on, one each. */
const MAX_STRANGERS = 100
const FLUSH_TIMER = 'speaker flush'
const DEFERRAL_TIMER = 'speaker deferral'

const { ceaseError } = iana

type EventHandlers = {
  readonly [E in SpeakerEvent['event']]: (event: Extract<SpeakerEvent, { event: E }>) => void
}

export class Speaker {
  readonly settings: SpeakerSettings
  readonly #ribs = eachFamily((family) => new LocRib(family))
  readonly #own = eachFamily(() => new Map<string, Path>())
  readonly #ownSource: PathSource
  readonly #sets = new AttributeSets()
  readonly #groups: UpdateGroups
  readonly #peers = new Map<string, Peer>()
  readonly #ranges = new Map<string, RangeSettings>()
  /** Dynamic peers by the range they came from. */
  readonly #members = new Map<Peer, string>()
  readonly #machines = new Map<number, Machine>()
  readonly #timers = new Map<string, () => void>()
  readonly #context: PeerContext
  #actions: SpeakerAction[] = []
  /** End-of-RIB received in this step. */
  #ends: SpeakerAction[] = []
  /** Timers started in this step, so that a burst of messages restarts the hold timer once. */
  readonly #started = new Map<string, number>()
  readonly #strangers = new Set<string>()
  readonly #collectors: Collectors
  #isShutDown = false
  /** After a restart, until all peers that kept their routes have told them again (RFC 4724 section 4.1). */
  #isDeferring = false
  #mayEndDeferral = false
  /** Of the octets that are being read. */
  #now = 0
  /** Sessions that may have something to send, those that wait longest first. */
  readonly #ready = new Set<Session>()

  constructor(settings: SpeakerSettings) {
    this.settings = settings
    const { routerId } = settings
    this.#ownSource = { peer: '', kind: 'local', address: routerId, routerId, isClient: false }
    this.#groups = new UpdateGroups({
      ribs: this.#ribs,
      exporter: new Exporter(settings, this.#sets),
      pathIds: new PathIds(),
    })
    this.#context = {
      speaker: settings,
      ribs: this.#ribs,
      sets: this.#sets,
      groups: this.#groups,
      isDeferring: () => this.#isDeferring,
      now: () => this.#now,
      // A family is complete only when its last routes have been told.
      emit: (action) => {
        if (action.do === 'endOfRib') this.#ends.push(action)
        else this.#actions.push(action)
        this.#collectors.hear(action)
      },
      ready: (session) => this.#ready.add(session),
      received: (peer, family, nlri) => this.#collectors.received(peer, family, nlri),
      startTimer: (timer, seconds, jitter, onExpiry) => {
        this.#timers.set(timer, onExpiry)
        if (this.#started.get(timer) === seconds) return
        this.#started.set(timer, seconds)
        this.#actions.push({ do: 'startTimer', timer, seconds, jitter })
      },
      stopTimer: (timer) => {
        this.#started.delete(timer)
        if (this.#timers.delete(timer)) this.#actions.push({ do: 'stopTimer', timer })
      },
      bind: (connection, machine) => this.#machines.set(connection, machine),
      unbind: (connection) => this.#machines.delete(connection),
      policyChanged: () => this.#groups.touchAll(),
      sessionsChanged: () => {
        this.#mayEndDeferral = true
      },
      gone: (peer) => {
        if (this.#peers.get(peer.id) === peer) this.#peers.delete(peer.id)
        this.#members.delete(peer)
      },
    }
    this.#collectors = new Collectors(this.#context, this.#peers)
  }

  /** Everything that follows from one event. Never throws for what a peer sends. */
  step(event: SpeakerEvent): SpeakerAction[] {
    const handle = this.#handlers[event.event] as (event: SpeakerEvent) => void
    handle(event)
    this.#decide()
    this.#defer()
    this.#actions.push(...this.#ends)
    this.#ends = []
    this.#flush()
    const actions = this.#actions
    this.#actions = []
    this.#started.clear()
    return actions
  }

  // ---- reading

  peers(): PeerStatus[] {
    return [...this.#peers.values()].map(statusOf)
  }

  *locRib(family: SessionFamily): IterableIterator<LocRibEntry> {
    for (const { key, best, paths } of this.#ribs[family].entries()) {
      if (best !== undefined) yield { key, nlri: best.nlri, best, paths }
    }
  }

  /** One route of the loc-rib. */
  route(family: SessionFamily, key: string): LocRibEntry | undefined {
    const entry = this.#ribs[family].get(key)
    if (entry?.best === undefined) return undefined
    const { best, paths } = entry
    return { key, nlri: best.nlri, best, paths }
  }

  /** What the peer has told us, usable or not; nothing while it is not Established. */
  adjRibIn(peer: string, family: SessionFamily): Iterable<ReceivedPath> {
    return this.#peers.get(peer)?.session?.adjRibIn(family)?.received() ?? []
  }

  /** Paths of all peers that may not be used, with who sent them. */
  *refusedPaths(family: SessionFamily): IterableIterator<RefusedPath> {
    for (const { session } of this.#peers.values())
      yield* session?.adjRibIn(family)?.refused() ?? []
  }

  /** Why the peer has not been told a route of the loc-rib; undefined when it has. */
  untold(peer: string, family: SessionFamily, key: string): string | undefined {
    const session = this.#peers.get(peer)?.session
    const best = this.#ribs[family].get(key)?.best
    if (session === undefined) return 'there is no session'
    if (best === undefined) return 'no path of it may be used'
    const telling = session.telling(family)
    return telling === undefined
      ? `the session does not carry family ${family}`
      : untold(telling, key, best)
  }

  /** What the peer has been told. */
  *adjRibOut(peer: string, family: SessionFamily): IterableIterator<AdjRibOutEntry> {
    const advertised = this.#peers.get(peer)?.session?.adjRibOut(family)?.advertised() ?? []
    for (const { nlri, set } of advertised) {
      yield { nlri, nextHop: set.nextHop, attributes: set.attributes }
    }
  }

  // ---- events

  readonly #handlers: EventHandlers = {
    peerAdded: ({ peer: settings }) => {
      const known = this.#peers.get(settings.id)
      this.#protectPeer(known?.isDynamic === false ? known.settings : undefined, settings)
      if (known !== undefined && !known.isDynamic) return known.configure(settings)
      known?.stop(ceaseError.otherConfigurationChange)
      const peer = new Peer(settings, this.#context)
      this.#peers.set(settings.id, peer)
      if (!this.#isShutDown) peer.start()
    },
    peerRemoved: ({ id }) => {
      const peer = this.#peers.get(id)
      peer?.stop(ceaseError.peerDeconfigured)
      this.#peers.delete(id)
      this.#protectPeer(peer?.settings, undefined)
    },
    rangeAdded: ({ range }) => {
      const old = this.#ranges.get(range.id)
      if (JSON.stringify(old) === JSON.stringify(range)) return
      this.#ranges.set(range.id, range)
      this.#protect(range.prefix, old?.transport, range.transport)
      if (old !== undefined) this.#endRange(range.id, ceaseError.otherConfigurationChange)
    },
    rangeRemoved: ({ id }) => {
      const range = this.#ranges.get(id)
      this.#ranges.delete(id)
      this.#endRange(id, ceaseError.peerDeconfigured)
      if (range !== undefined) this.#protect(range.prefix, range.transport, undefined)
    },
    connected: (event) => {
      const { connection, localAddress } = event
      if (event.direction === 'in') return this.#accept(event)
      const collector = this.#collectors.byId(event.peer)
      if (collector !== undefined) return collector.connected(connection)
      const peer = this.#peers.get(event.peer ?? '')
      if (peer !== undefined) peer.connected(connection, localAddress)
      else this.#actions.push({ do: 'close', connection })
    },
    connectFailed: ({ peer, reason }) =>
      (this.#peers.get(peer) ?? this.#collectors.byId(peer))?.connectFailed(reason),
    closed: ({ connection, reason }) =>
      this.#user(connection)?.closed(reason ?? 'connection closed by the peer'),
    received: ({ connection, bytes, time = 0 }) => {
      this.#now = time
      this.#machines.get(connection)?.received(bytes)
    },
    blocked: ({ connection }) => this.#user(connection)?.blocked(),
    drained: ({ connection }) => this.#user(connection)?.drained(),
    collectorAdded: ({ collector }) => {
      if (!this.#isShutDown) this.#collectors.add(collector)
    },
    collectorRemoved: ({ id }) => this.#collectors.remove(id),
    timer: ({ timer }) => {
      const onExpiry = this.#timers.get(timer)
      this.#timers.delete(timer)
      onExpiry?.()
    },
    originate: ({ routes }) => {
      for (const route of routes) this.#originate(route)
    },
    withdraw: ({ routes }) => {
      for (const route of routes) this.#withdraw(route)
    },
    clear: ({ peer: id, soft, communication }) => {
      const peer = this.#peers.get(id)
      if (peer === undefined || this.#isShutDown) return
      if (soft === undefined) return peer.reset(ceaseError.administrativeReset, communication)
      const { session } = peer
      if (session === undefined) return
      if (soft === 'out') for (const family of session.negotiated.families) session.refresh(family)
      else if (!session.requestRefresh()) peer.log('warn', 'cannot refresh its routes')
    },
    restarted: () => {
      this.#isDeferring = true
      this.#context.startTimer(DEFERRAL_TIMER, defaults.deferralSeconds, false, () =>
        this.#endDeferral(),
      )
    },
    bfdDown: ({ peer, reason }) => this.#peers.get(peer)?.bfdDown(reason),
    forwardingLost: () => {
      for (const peer of this.#peers.values()) peer.forwardingLost()
    },
    shutdown: ({ communication }) => {
      this.#isShutDown = true
      for (const peer of [...this.#peers.values()]) {
        peer.stop(ceaseError.administrativeShutdown, communication)
      }
      this.#collectors.stop()
    },
  }

  /** Whose connection it is. */
  #user(connection: number): Machine | Collector | undefined {
    return this.#machines.get(connection) ?? this.#collectors.byConnection(connection)
  }

  #accept(event: Extract<SpeakerEvent, { event: 'connected' }>): void {
    const { connection, localAddress, remoteAddress } = event
    const peer = this.#peerAt(remoteAddress, event.interface)
    if (peer !== undefined) {
      peer.accept(connection, localAddress)
      return
    }
    if (this.#strangers.size < MAX_STRANGERS && !this.#strangers.has(remoteAddress)) {
      this.#strangers.add(remoteAddress)
      const text = `refused a connection from ${remoteAddress}: no such neighbor`
      this.#actions.push({ do: 'log', level: 'info', text })
    }
    refuse(this.#context, connection)
  }

  /** The peer with the address; a new one when a range has it and room. */
  #peerAt(address: string, scope: string | undefined): Peer | undefined {
    for (const peer of this.#peers.values()) {
      const { settings } = peer
      const isAt = settings.interface === undefined && settings.address === address
      if (isAt || (scope !== undefined && settings.interface === scope)) return peer
    }
    if (this.#isShutDown) return undefined
    const [range] = [...this.#ranges.values()]
      .filter(({ prefix }) => prefixContains(prefix, address))
      .sort((a, b) => splitPrefix(b.prefix).length - splitPrefix(a.prefix).length)
    if (range === undefined) return undefined
    const members = [...this.#members.values()].filter((id) => id === range.id).length
    if (members >= (range.limit ?? defaults.rangeLimit)) return undefined
    const { prefix: _, limit: __, ...session } = range
    const settings = { ...session, id: address, address, passive: true }
    const peer = new Peer(settings, this.#context, true)
    this.#peers.set(address, peer)
    this.#members.set(peer, range.id)
    return peer
  }

  #endRange(id: string, subcode: number): void {
    for (const [peer, range] of [...this.#members]) if (range === id) peer.stop(subcode)
  }

  #protectPeer(old: PeerSettings | undefined, settings: PeerSettings | undefined): void {
    const stays = old?.address === settings?.address
    if (old !== undefined && !stays) {
      this.#protect(hostPrefix(old.address), old.transport, undefined)
    }
    if (settings === undefined) return
    const before = stays ? old?.transport : undefined
    this.#protect(hostPrefix(settings.address), before, settings.transport)
  }

  #protect(prefix: Prefix, old: Transport | undefined, transport: Transport | undefined): void {
    if (JSON.stringify(old) === JSON.stringify(transport)) return
    const action = { do: 'protect', prefix } as const
    this.#actions.push(transport === undefined ? action : { ...action, transport })
  }

  #originate({ family, nlri, nextHop = SELF, attributes }: OriginatedRoute): void {
    const key = keyOf(nlri)
    const set = this.#sets.intern({ origin: 'igp', asPath: [], ...attributes }, nextHop)
    const old = this.#own[family].get(key)
    if (old !== undefined && old.set === set && sameNlri(old.nlri, nlri)) return
    const path = new Path(nlri, set, this.#ownSource)
    this.#own[family].set(key, path)
    this.#ribs[family].replace(key, old, path)
  }

  #withdraw({ family, nlri }: WithdrawnRoute): void {
    const key = keyOf(nlri)
    const old = this.#own[family].get(key)
    this.#own[family].delete(key)
    this.#ribs[family].replace(key, old, undefined)
  }

  // ---- the end of a step

  #decide(): void {
    for (const family of sessionFamilies) {
      const others: string[] = []
      const changes: readonly RibChange[] = this.#ribs[family].decide(others)
      this.#groups.touch(family, changes, others)
      if (changes.length === 0) continue
      if (!this.#collectors.isEmpty)
        for (const { key, nlri } of changes) this.#collectors.chosen(family, key, nlri)
      this.#actions.push({ do: 'routes', family, changes })
    }
  }

  /** What the peers have to say is complete, or the time for it is over: so is what we say. */
  #defer(): void {
    if (!this.#isDeferring || (this.#ends.length === 0 && !this.#mayEndDeferral)) return
    this.#mayEndDeferral = false
    const configured = [...this.#peers.values()].filter(({ isDynamic }) => !isDynamic)
    if (!configured.every(({ session }) => session?.hasToldAll === true)) return
    this.#endDeferral()
    this.#context.stopTimer(DEFERRAL_TIMER)
  }

  #endDeferral(): void {
    this.#isDeferring = false
    for (const { session } of this.#peers.values()) {
      if (session !== undefined) this.#ready.add(session)
    }
  }

  /** Looks at a bounded number of routes, and sends to a bounded number of peers, in turn; the rest waits for a timer of no time. */
  #flush(): void {
    for (const session of this.#ready) session.settle()
    this.#groups.advance(FLUSH_LIMIT)
    let left = FLUSH_PEERS
    for (const session of [...this.#ready]) {
      if (left === 0) break
      this.#ready.delete(session)
      if (!session.wantsFlush) continue
      session.flush()
      left--
      if (session.wantsFlush) this.#ready.add(session)
    }
    this.#groups.trim()
    this.#collectors.flush(FLUSH_LIMIT)
    const wantsMore = this.#ready.size > 0 || this.#groups.wantsMore || this.#collectors.wantsFlush
    if (wantsMore && !this.#timers.has(FLUSH_TIMER)) {
      this.#context.startTimer(FLUSH_TIMER, 0, false, () => {})
    }
  }
}

function hostPrefix(address: Ip): Prefix {
  return `${address}/${ipFamily(address) === 4 ? 32 : 128}`
}

function eachFamily<T>(make: (family: SessionFamily) => T): { readonly [F in SessionFamily]: T } {
  const made = sessionFamilies.map((family) => [family, make(family)])
  return Object.fromEntries(made) as { readonly [F in SessionFamily]: T }
}
