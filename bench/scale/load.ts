// The load and the meter: tools/bgp-load.c, as functions.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Host, root } from '../../test/lab/index.js'

export const asn = 65000
/** Sessions speak from here upwards; load's host has the addresses. */
export const loadNet = '10.254.0.0/16'

export const loadAddress = (index: number): string => `10.254.${(index >> 8) + 1}.${index & 255}`

export interface LoadOptions {
  readonly host: Host
  /** Where the speaker under test listens. */
  readonly peer: string
  readonly sessions: number
  readonly macs: number
  /** Sessions of another load before this one. */
  readonly first?: number
}

/** Nanoseconds of CLOCK_MONOTONIC at which something was said. */
type When = bigint

const now = (): When => process.hrtime.bigint()

export const secondsSince = (start: When, end: When = now()): number => Number(end - start) / 1e9

export function latest(times: readonly When[]): When {
  let most = 0n
  for (const time of times) if (time > most) most = time
  return most
}

export class Load {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting: { readonly what: RegExp; readonly done: (when: When) => void }[] = []
  readonly #said: string[] = []
  #errors = ''
  #lost = 0

  /** Gives the host its addresses and opens the sessions. */
  static async open(options: LoadOptions): Promise<Load> {
    const { host, peer, sessions, macs, first = 0 } = options
    const addresses = Array.from({ length: sessions }, (_, i) => loadAddress(first + i))
    await host.ip(...addresses.map((address) => `addr replace ${address}/32 dev lo`))
    const args = [host.netns, peer, `${asn}`, addresses[0]!, `${sessions}`, `${macs}`]
    const load = new Load(spawn(join(root, 'build/bench/bgp-load'), args))
    await load.said(/^all-established /, 60)
    return load
  }

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors += text))
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line))
  }

  /** One command of the tool. */
  tell(command: string): When {
    const when = now()
    this.#child.stdin.write(`${command}\n`)
    return when
  }

  /** When the tool says, or has said, something. Its words are taken. */
  said(what: RegExp, seconds: number): Promise<When> {
    const index = this.#said.findIndex((line) => what.test(line))
    if (index >= 0) return Promise.resolve(timeOf(this.#said.splice(index, 1)[0]!))
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`bgp-load: expected ${what} within ${seconds} s ${this.#errors}`)),
        seconds * 1000,
      )
      const done = (when: When): void => {
        clearTimeout(late)
        resolve(when)
      }
      this.#waiting.push({ what, done })
    })
  }

  /** When the session knows so many MACs. */
  knows(session: number, count: number, seconds: number): Promise<When> {
    this.tell(`want ${session} ${count}`)
    return this.said(new RegExp(`^knows ${session} ${count} `), seconds)
  }

  /** Sessions that have ended. */
  get lost(): number {
    return this.#lost
  }

  close(): void {
    this.#child.kill()
  }

  #hear(line: string): void {
    if (line.startsWith('closed ')) this.#lost++
    const index = this.#waiting.findIndex(({ what }) => what.test(line))
    if (index >= 0) this.#waiting.splice(index, 1)[0]!.done(timeOf(line))
    else if (!line.startsWith('established')) this.#said.push(line)
  }
}

const timeOf = (line: string): When => BigInt(/ (\d+)$/.exec(line)?.[1] ?? 0)
