// Where bgp and evpn meet: routes go from one to the other here, and what they want of the world goes out. Events are
// taken one after the other in the order in which they came, so a step never sees half of another.

import {
  type FsmState,
  type RibChange,
  Speaker,
  type SpeakerAction,
  type SpeakerEvent,
  type SpeakerSettings,
} from '../bgp/index.js'
import {
  Evpn,
  type EvpnAction,
  type EvpnEvent,
  type EvpnSettings,
  type RouteChange,
} from '../evpn/index.js'
import type { Operation } from '../fib/index.js'
import type { BfdAction, TcpAction } from '../io/index.js'
import { membershipQuery, membershipReports, routerAdvertisement } from '../wire/index.js'
import type { EventFields, EventLevel } from './events.js'

/** The world around the machines. What it answers comes as events, which wait for their turn. */
export interface Surroundings {
  transport(action: TcpAction | BfdAction): void
  /** Timers of both machines; the name says whose. Starting one that runs starts it anew. */
  startTimer(timer: string, seconds: number, jitter: boolean): void
  stopTimer(timer: string): void
  apply(operations: readonly Operation[]): void
  /** Frames that we say to hosts behind ports, behind all writes: what they answer, or use then, is to be there. */
  tellHosts(ports: readonly number[], frames: readonly Uint8Array[]): void
  /** Answer with the evpn event `resync`. */
  readSnapshot(): void
  peerState(peer: string, state: FsmState): void
  /** Routes of the loc-rib have other best paths. */
  routes(changes: readonly RibChange[]): void
  endOfRib(peer: string, family: string): void
  tell(level: EventLevel, kind: string, text: string, fields?: EventFields): void
}

export type MachineName = 'bgp' | 'evpn'

/** Sees the events that come from outside, before they are queued. */
export interface Recorder {
  /** So many events were queued before it, from outside and between the machines. */
  event(place: number, machine: MachineName, event: SpeakerEvent | EvpnEvent): void
  /** The next to be queued is one between the machines. */
  between?(place: number): void
}

const EVPN_TIMER = 'evpn:'

export class Machines {
  readonly speaker: Speaker
  readonly evpn: Evpn
  readonly #around: Surroundings
  readonly #recorder: Recorder | undefined
  readonly #queue: (() => void)[] = []
  #places = 0
  #running = false

  constructor(
    speaker: SpeakerSettings,
    evpn: EvpnSettings,
    around: Surroundings,
    recorder?: Recorder,
  ) {
    this.speaker = new Speaker(speaker)
    this.evpn = new Evpn(evpn)
    this.#around = around
    this.#recorder = recorder
  }

  /** Events queued so far. */
  get places(): number {
    return this.#places
  }

  toSpeaker(event: SpeakerEvent): void {
    this.#recorder?.event(this.#places, 'bgp', event)
    this.#speak(event)
  }

  toEvpn(event: EvpnEvent): void {
    this.#recorder?.event(this.#places, 'evpn', event)
    this.#interpret(event)
  }

  #speak(event: SpeakerEvent): void {
    this.#enqueue(() => {
      for (const action of this.speaker.step(event)) this.#doForSpeaker(action)
    })
  }

  #interpret(event: EvpnEvent): void {
    this.#enqueue(() => {
      for (const action of this.evpn.step(event)) this.#doForEvpn(action)
    })
  }

  /** Tells evpn of a route of the loc-rib once more. */
  tellRoute(key: string, { nlri, best }: Pick<RibChange, 'nlri' | 'best'>): void {
    const change: RibChange = { family: 'evpn', key, nlri, best, before: undefined, paths: [] }
    if (isEvpn(change)) this.toEvpn({ event: 'routes', changes: [change] })
  }

  /** A timer that was started by `startTimer` has ended. */
  timerEnded(timer: string): void {
    if (timer.startsWith(EVPN_TIMER)) {
      this.toEvpn({ event: 'timer', timer: timer.slice(EVPN_TIMER.length) })
    } else {
      this.toSpeaker({ event: 'timer', timer })
    }
  }

  #enqueue(step: () => void): void {
    this.#places++
    this.#queue.push(step)
    if (this.#running) return
    this.#running = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next()
    } finally {
      this.#running = false
    }
  }

  /** From one machine to the other. */
  #tellSpeaker(event: SpeakerEvent): void {
    this.#recorder?.between?.(this.#places)
    this.#speak(event)
  }

  #tellEvpn(event: EvpnEvent): void {
    this.#recorder?.between?.(this.#places)
    this.#interpret(event)
  }

  #doForSpeaker(action: SpeakerAction): void {
    const handle = this.#forSpeaker[action.do] as (action: SpeakerAction) => void
    handle(action)
  }

  #doForEvpn(action: EvpnAction): void {
    const handle = this.#forEvpn[action.do] as (action: EvpnAction) => void
    handle(action)
  }

  readonly #forSpeaker: Handlers<SpeakerAction> = {
    startBfd: (action) => this.#around.transport(action),
    stopBfd: (action) => this.#around.transport(action),
    protect: (action) => this.#around.transport(action),
    connect: (action) => this.#around.transport(action),
    cancelConnect: (action) => this.#around.transport(action),
    send: (action) => this.#around.transport(action),
    close: (action) => this.#around.transport(action),
    startTimer: ({ timer, seconds, jitter }) => this.#around.startTimer(timer, seconds, jitter),
    stopTimer: ({ timer }) => this.#around.stopTimer(timer),
    peerState: ({ peer, from, to, reason }) => {
      const why = reason === undefined ? '' : `: ${reason}`
      const level = to === 'Established' ? 'info' : from === 'Established' ? 'warn' : 'debug'
      const text = `peer ${peer} went from ${from} to ${to}${why}`
      this.#around.tell(level, 'peerState', text, { peer, from, to })
      this.#around.peerState(peer, to)
    },
    routes: ({ family, changes }) => {
      this.#around.routes(changes)
      if (family !== 'evpn') return
      this.#tellEvpn({ event: 'routes', changes: changes.filter(isEvpn) })
    },
    endOfRib: ({ peer, family }) => this.#around.endOfRib(peer, family),
    log: ({ level, text, peer }) => {
      if (peer === undefined) this.#around.tell(level, 'bgp', text)
      else this.#around.tell(level, 'bgp', `peer ${peer}: ${text}`, { peer })
    },
  }

  readonly #forEvpn: Handlers<EvpnAction> = {
    apply: ({ operations }) => this.#around.apply(operations),
    originate: ({ routes }) => this.#tellSpeaker({ event: 'originate', routes }),
    withdraw: ({ routes }) => this.#tellSpeaker({ event: 'withdraw', routes }),
    startTimer: ({ timer, seconds }) => this.#around.startTimer(EVPN_TIMER + timer, seconds, false),
    queryMembership: ({ ports, group, maxResponseSeconds }) =>
      this.#around.tellHosts(ports, [membershipQuery(group, maxResponseSeconds)]),
    reportMembership: ({ ports, version, records }) =>
      this.#around.tellHosts(ports, membershipReports(records, version)),
    advertiseRouter: ({ ports, advertisement }) =>
      this.#around.tellHosts(ports, [routerAdvertisement(advertisement)]),
    readSnapshot: () => this.#around.readSnapshot(),
    event: ({ level, kind, text, fields }) => this.#around.tell(level, kind, text, fields),
  }
}

type Handlers<Action extends { readonly do: string }> = {
  readonly [Name in Action['do']]: (action: Extract<Action, { readonly do: Name }>) => void
}

/** A change of the EVPN family; its NLRI can be nothing else. */
function isEvpn(change: RibChange): change is RibChange & RouteChange {
  return change.family === 'evpn'
}
