// A controller's run as a file: the settings of its machines and every event that came from outside, a line of JSON
// each. Played into new machines it gives the same run, without a network, a clock or a dataplane.

import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { formatEvent, parseEvent, type SpeakerEvent, type SpeakerSettings } from '../bgp/index.js'
import type { EvpnEvent, EvpnSettings } from '../evpn/index.js'
import { HostFailure, reasonOf } from './instance/index.js'
import type { MachineName, Machines, Recorder } from './machines.js'

const FORMAT = 1

/** The first line. */
export interface RecordingHead {
  readonly recording: number
  readonly version: string
  /** RFC 3339. */
  readonly time: string
  readonly speaker: SpeakerSettings
  readonly evpn: EvpnSettings
}

/** An event: how many were queued before it, milliseconds since the head, for whom. */
export type RecordedEvent =
  | readonly [place: number, milliseconds: number, machine: 'bgp', event: SpeakerEvent]
  | readonly [place: number, milliseconds: number, machine: 'evpn', event: EvpnEvent]

/** The last line, where the run came to its end. */
export interface RecordingEnd {
  readonly end: string
}

export type RecordingLine = RecordingHead | RecordedEvent | RecordingEnd

/** Writes a recording. Lines leave at the end of a turn, so a kill takes no more than that. */
export class RecordingFile implements Recorder {
  readonly #path: string
  readonly #onFailed: (reason: string) => void
  readonly #start = performance.now()
  #file: number | undefined
  #lines: string[] = []

  /** Throws HostFailure when the file can not be written. `onFailed` is called when that happens later. */
  constructor(
    path: string,
    head: Omit<RecordingHead, 'recording' | 'time'>,
    onFailed: (reason: string) => void,
  ) {
    this.#path = path
    this.#onFailed = onFailed
    try {
      this.#file = openSync(path, 'w', 0o600)
    } catch (error) {
      throw new HostFailure(`recording ${path}: can not be written (${reasonOf(error)})`)
    }
    this.#add({ recording: FORMAT, time: new Date().toISOString(), ...head })
  }

  event(place: number, machine: MachineName, event: SpeakerEvent | EvpnEvent): void {
    const milliseconds = Math.round(performance.now() - this.#start)
    this.#add([place, milliseconds, machine, event])
  }

  /** The run is over, and this is what came of it. */
  end(machines: Machines): void {
    this.#add({ end: digestOf(machines) })
    this.#flush()
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #add(line: object): void {
    if (this.#file === undefined) return
    if (this.#lines.length === 0) setImmediate(() => this.#flush())
    this.#lines.push(formatEvent(line))
  }

  #flush(): void {
    const text = this.#lines.map((line) => `${line}\n`).join('')
    this.#lines = []
    if (this.#file === undefined || text === '') return
    try {
      writeSync(this.#file, text)
    } catch (error) {
      closeSync(this.#file)
      this.#file = undefined
      this.#onFailed(`recording ${this.#path}: ends here (${reasonOf(error)})`)
    }
  }
}

export function parseLine(line: string): RecordingLine {
  return parseEvent<RecordingLine>(line)
}

export function isHead(line: unknown): line is RecordingHead {
  return typeof line === 'object' && line !== null && 'recording' in line
}

/** The format of the head is one that we can play. */
export const isKnownFormat = ({ recording }: RecordingHead): boolean => recording === FORMAT

/** What the machines know, in a few characters. */
export function digestOf({ speaker, evpn }: Machines): string {
  const hash = createHash('sha256')
  for (const family of ['rtc', 'evpn', 'ipv4', 'ipv6'] as const) {
    for (const { key, best } of speaker.locRib(family)) {
      hash.update(`${key} ${best.peer} ${best.nextHop} ${formatEvent(best.attributes)}\n`)
    }
  }
  for (const mac of evpn.macs()) hash.update(`${formatEvent(mac)}\n`)
  for (const network of evpn.networks()) hash.update(`${formatEvent(network)}\n`)
  return hash.digest('hex').slice(0, 32)
}
