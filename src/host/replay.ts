// Plays a recording into new machines, which do the same as those of the run: for looking at a field bug at one's desk.

import type { SpeakerEvent } from '../bgp/index.js'
import type { EvpnEvent } from '../evpn/index.js'
import { type MachineName, Machines, type Recorder, type Surroundings } from './machines.js'
import {
  digestOf,
  isHead,
  isKnownFormat,
  parseLine,
  type RecordedEvent,
  type RecordingHead,
} from './recording.js'

export interface Replayed {
  readonly head: RecordingHead
  readonly machines: Machines
  /** Events played. */
  readonly events: number
  /** From the head to the last event. */
  readonly seconds: number
  /**
   * same: the machines know at the end what those of the run did. cut: the recording has no end, as after a kill.
   * different: they do not, or did something else on the way.
   */
  readonly result: 'same' | 'cut' | 'different'
  /** Line of the recording at which the machines did something else. */
  readonly differsAt?: number
}

/** What may be looked at on the way. */
export interface ReplayListener {
  onEvent?(milliseconds: number, machine: MachineName, event: SpeakerEvent | EvpnEvent): void
  /** Everything that the machines wanted of the world. */
  onAction?(action: object): void
}

/** The text is no recording, or is damaged. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError'
}

/** Throws ReplayError with line, expected and got. */
export function replay(text: string, listener: ReplayListener = {}): Replayed {
  return new Player(text, listener).play()
}

class Player implements Recorder {
  readonly #lines: readonly string[]
  readonly #listener: ReplayListener
  readonly #head: RecordingHead
  readonly #machines: Machines
  #at = 1
  #next: RecordedEvent | undefined
  #end: string | undefined
  #events = 0
  #milliseconds = 0
  #differsAt: number | undefined

  constructor(text: string, listener: ReplayListener) {
    this.#listener = listener
    this.#lines = text.split('\n')
    const head = this.#parse(0)
    if (!isHead(head)) throw new ReplayError('line 1: expected the head of a recording')
    if (!isKnownFormat(head))
      throw new ReplayError(`line 1: expected format 1, got ${head.recording}: another version`)
    this.#head = head
    const { speaker, evpn } = head
    this.#machines = new Machines(speaker, evpn, surroundings(listener), this)
    this.#advance()
  }

  play(): Replayed {
    while (this.#next !== undefined) this.#give()
    const end = this.#end
    const isSame = this.#differsAt === undefined && digestOf(this.#machines) === end
    return {
      head: this.#head,
      machines: this.#machines,
      events: this.#events,
      seconds: this.#milliseconds / 1000,
      result: isSame ? 'same' : end === undefined && !this.#differsAt ? 'cut' : 'different',
      ...(this.#differsAt === undefined ? {} : { differsAt: this.#differsAt }),
    }
  }

  // What comes from outside is known here already.
  event(): void {}

  /** Events came from outside while the machines were at work: between the same two of theirs as then. */
  between(place: number): void {
    if (this.#next?.[0] === place) {
      this.#give()
      this.between(this.#machines.places)
    }
  }

  #give(): void {
    const [place, milliseconds, machine, event] = this.#next!
    if (place !== this.#machines.places) this.#differsAt ??= this.#at
    this.#advance()
    this.#events++
    this.#milliseconds = milliseconds
    this.#listener.onEvent?.(milliseconds, machine, event)
    if (machine === 'bgp') this.#machines.toSpeaker(event as SpeakerEvent)
    else this.#machines.toEvpn(event as EvpnEvent)
  }

  #advance(): void {
    this.#next = undefined
    const text = this.#lines[this.#at]
    // A run that was killed may have been in the middle of a line.
    if (text === undefined || text === '') return
    const isLast = this.#at === this.#lines.length - 1
    if (isLast) return
    const line = this.#parse(this.#at++)
    if (Array.isArray(line)) this.#next = line as unknown as RecordedEvent
    else if (typeof line === 'object' && line !== null && 'end' in line) this.#end = line.end
    else throw new ReplayError(`line ${this.#at}: expected an event`)
  }

  #parse(index: number) {
    try {
      return parseLine(this.#lines[index]!)
    } catch {
      const got = JSON.stringify(this.#lines[index]!.slice(0, 40))
      throw new ReplayError(`line ${index + 1}: expected a line of JSON, got ${got}`)
    }
  }
}

function surroundings({ onAction }: ReplayListener): Surroundings {
  const tell = (action: object): void => onAction?.(action)
  return {
    transport: tell,
    startTimer: (timer, seconds) => tell({ do: 'startTimer', timer, seconds }),
    stopTimer: (timer) => tell({ do: 'stopTimer', timer }),
    apply: (operations) => tell({ do: 'apply', operations }),
    tellHosts: (ports, frames) => tell({ do: 'tellHosts', ports, frames }),
    readSnapshot: () => tell({ do: 'readSnapshot' }),
    peerState: (peer, state) => tell({ do: 'peerState', peer, state }),
    // What came of them is told by evpn.
    routes: () => {},
    endOfRib: (peer, family) => tell({ do: 'endOfRib', peer, family }),
    tell: (level, kind, text) => tell({ do: 'event', level, kind, text }),
  }
}
