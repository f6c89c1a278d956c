// BFD for BGP's sessions (RFC 5880, RFC 5882): started and ended as the speaker says; what becomes of it is told.

import type { SpeakerAction } from '../bgp/index.js'
import { ipFamily } from '../net/index.js'
import type { AddonBfd } from './addon.js'
import { loadAddon } from './native.js'

export type BfdAction = Extract<SpeakerAction, { do: 'startBfd' | 'stopBfd' }>

/** RFC 5880 section 4.1, by its number. */
const states = ['adminDown', 'down', 'init', 'up'] as const

export type BfdState = (typeof states)[number]

const TIME_EXPIRED = 1
const ADMIN_DOWN = 7

/** What became of one session. */
export interface BfdRecord {
  readonly state: BfdState
  /** When it went down, in milliseconds since 1970, oldest first: the last of them. */
  readonly downs: readonly number[]
  /** Why, the last time; empty: it never did. */
  readonly reason: string
}

/** So many are remembered. */
const MOST_DOWNS = 16

export interface BfdEvents {
  /** A session is up. */
  onUp(peer: string): void
  /** One that was up has failed: why. */
  onDown(peer: string, reason: string): void
  /** There can be none. */
  onFailure(peer: string, reason: string): void
}

export class Bfd {
  readonly #events: BfdEvents
  readonly #states = new Map<string, BfdState>()
  /** Of peers whose session was down once; they outlive the session, which ends with BGP's. */
  readonly #downs = new Map<string, { times: number[]; reason: string }>()
  #engine: AddonBfd | undefined

  constructor(events: BfdEvents) {
    this.#events = events
  }

  perform(action: BfdAction): void {
    if (action.do === 'stopBfd') {
      this.#states.delete(action.peer)
      this.#engine?.remove(action.peer)
      return
    }
    const { peer, local, remote, multihop, settings } = action
    const { transmitMilliseconds, receiveMilliseconds, multiplier } = settings
    try {
      this.#engine ??= this.#start()
      this.#engine.add({
        id: peer,
        local,
        remote,
        ifname: ipFamily(remote) === 6 ? (action.interface ?? '') : '',
        multihop,
        transmitUs: transmitMilliseconds * 1000,
        receiveUs: receiveMilliseconds * 1000,
        multiplier,
      })
      this.#states.set(peer, 'down')
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const port = multihop ? 4784 : 3784
      this.#events.onFailure(
        peer,
        code === 'EADDRINUSE' ? `another program holds UDP port ${port}` : message,
      )
    }
  }

  /** Undefined without a session. */
  state(peer: string): BfdState | undefined {
    return this.#states.get(peer)
  }

  /** Undefined where there was never a session. */
  record(peer: string): BfdRecord | undefined {
    const state = this.#states.get(peer)
    const { times = [], reason = '' } = this.#downs.get(peer) ?? {}
    if (state === undefined && times.length === 0) return undefined
    return { state: state ?? 'down', downs: times, reason }
  }

  /** The peer is none any more. */
  forget(peer: string): void {
    this.#downs.delete(peer)
  }

  close(): void {
    this.#states.clear()
    this.#engine?.close()
    this.#engine = undefined
  }

  #start(): AddonBfd {
    const { Bfd: Engine } = loadAddon()
    return new Engine((peer, number, diagnostic) => this.#changed(peer, number, diagnostic))
  }

  #changed(peer: string, number: number, diagnostic: number): void {
    const before = this.#states.get(peer)
    const state = states[number]
    // A word of one that has been removed may still be on its way.
    if (before === undefined || state === undefined) return
    this.#states.set(peer, state)
    if (state === 'up') this.#events.onUp(peer)
    // A peer that stops BFD has not failed (RFC 5882 section 3.2).
    if (before !== 'up' || diagnostic === ADMIN_DOWN) return
    const reason =
      diagnostic === TIME_EXPIRED ? 'nothing was heard in time' : 'the peer has lost us'
    const times = [...(this.#downs.get(peer)?.times ?? []), Date.now()].slice(-MOST_DOWNS)
    this.#downs.set(peer, { times, reason })
    this.#events.onDown(peer, reason)
  }
}
