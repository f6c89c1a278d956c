// Where bgp and evpn meet: routes go from one to the other here, and what they want of the world goes out. Events are
// taken one after the other in the order in which they came, so a step never sees half of another.

import { type FsmState, type RibChange, Speaker, type SpeakerAction, type SpeakerEvent, type SpeakerSettings } from '../bgp/index.js'
import { Evpn, type EvpnAction, type EvpnEvent, type EvpnSettings, type RouteChange } from '../evpn/index.js'
import type { Operation } from '../fib/index.js'
import type { EventFields, EventLevel } from './events.js'

type Of<A, Name> = Extract<A, { readonly do: Name }>

/** The world around the machines. Nothing here calls back at once; answers come as events later. */
export interface Surroundings {
  connect(action: Of<SpeakerAction, 'connect'>): void
  cancelConnect(peer: string): void
  send(connection: number, bytes: Uint8Array): void
  close(connection: number): void
  /** Timers of both machines; the name says whose. Starting one that runs starts it anew. */
  startTimer(timer: string, seconds: number, jitter: boolean): void
  stopTimer(timer: string): void
  apply(operations: readonly Operation[]): void
  /** Answer with the evpn event `resync`. */
  readSnapshot(): void
  peerState(peer: string, state: FsmState): void
  endOfRib(peer: string, family: string): void
  tell(level: EventLevel, kind: string, text: string, fields?: EventFields): void
}

const EVPN_TIMER = 'evpn:'

export class Machines {
  readonly speaker: Speaker
  readonly evpn: Evpn
  readonly #around: Surroundings
  readonly #queue: (() => void)[] = []
  #running = false

  constructor(speaker: SpeakerSettings, evpn: EvpnSettings, around: Surroundings) {
    this.speaker = new Speaker(speaker)
    this.evpn = new Evpn(evpn)
    this.#around = around
  }

  toSpeaker(event: SpeakerEvent): void {
    this.#enqueue(() => {
      for (const action of this.speaker.step(event)) this.#doForSpeaker(action)
    })
  }

  toEvpn(event: EvpnEvent): void {
    this.#enqueue(() => {
      for (const action of this.evpn.step(event)) this.#doForEvpn(action)
    })
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
    this.#queue.push(step)
    if (this.#running) return
    this.#running = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next()
    } finally {
      this.#running = false
    }
  }

  #doForSpeaker(action: SpeakerAction): void {
    const around = this.#around
    switch (action.do) {
      case 'connect':
        return around.connect(action)
      case 'cancelConnect':
        return around.cancelConnect(action.peer)
      case 'send':
        return around.send(action.connection, action.bytes)
      case 'close':
        return around.close(action.connection)
      case 'startTimer':
        return around.startTimer(action.timer, action.seconds, action.jitter)
      case 'stopTimer':
        return around.stopTimer(action.timer)
      case 'peerState': {
        const { peer, from, to, reason } = action
        const why = reason === undefined ? '' : `: ${reason}`
        const loud = from === 'Established' || to === 'Established'
        const level = loud ? (to === 'Established' ? 'info' : 'warn') : 'debug'
        around.tell(level, 'peerState', `peer ${peer} went from ${from} to ${to}${why}`, { peer, from, to })
        return around.peerState(peer, to)
      }
      case 'routes':
        if (action.family === 'evpn') {
          this.toEvpn({ event: 'routes', changes: action.changes.filter(isEvpn) })
        }
        return
      case 'endOfRib':
        return around.endOfRib(action.peer, action.family)
      case 'log': {
        const { level, text, peer } = action
        const whose = peer === undefined ? '' : `peer ${peer}: `
        return around.tell(level, 'bgp', `${whose}${text}`, peer === undefined ? {} : { peer })
      }
    }
  }

  #doForEvpn(action: EvpnAction): void {
    const around = this.#around
    switch (action.do) {
      case 'apply':
        return around.apply(action.operations)
      case 'originate':
        return this.toSpeaker({ event: 'originate', routes: action.routes })
      case 'withdraw':
        return this.toSpeaker({ event: 'withdraw', routes: action.routes })
      case 'startTimer':
        return around.startTimer(EVPN_TIMER + action.timer, action.seconds, false)
      case 'readSnapshot':
        return around.readSnapshot()
      case 'event':
        return around.tell(action.level, action.kind, action.text, action.fields)
    }
  }
}

/** A change of the EVPN family; its NLRI can be nothing else. */
function isEvpn(change: RibChange): change is RibChange & RouteChange {
  return change.family === 'evpn'
}
