// What becomes of a frame at other hosts: captures of theirs beside ours, matched by the digest of the frame inside the tunnel.

import { setTimeout as sleep } from 'node:timers/promises'
import { parseComment } from '../host/capture/index.js'
import { readCapture } from './capture-stream.js'
import type { Daemon } from './client.js'
import { CommandFailure, exitCode } from './context.js'
import { digestOf, type Step, Ways } from './ways.js'

/** A frame that left here is there by then. */
const WAY_MILLISECONDS = 500
/** Frames of others that nobody has asked for are forgotten, the oldest first. */
const KEPT = 10_000
/** So many records and the capture there is over: it must not go on for ever when we are killed. */
const MANY_FRAMES = '1000000'

/** "https://10.0.0.12:8472". Throws CommandFailure. */
export function farDaemon(word: string, token: string | undefined): Exclude<Daemon, string> {
  const url = URL.canParse(word) ? new URL(word) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new CommandFailure(
      exitCode.usage,
      `--far: expected http(s)://ADDRESS:PORT, got ${JSON.stringify(word)}`,
    )
  return token === undefined ? { url } : { url, token }
}

export class FarSides {
  readonly #sides: FarSide[]

  private constructor(sides: FarSide[]) {
    this.#sides = sides
  }

  /** Resolves when all of them look. Throws CommandFailure for one that refuses. */
  static async open(
    daemons: readonly Exclude<Daemon, string>[],
    query: { readonly network: string | undefined; readonly filter: string | undefined },
    say: (sentence: string) => void,
  ): Promise<FarSides> {
    const sides = new FarSides(daemons.map((daemon) => new FarSide(daemon, query, say)))
    try {
      await Promise.all(sides.#sides.map(({ begun }) => begun))
    } catch (error) {
      await sides.close()
      throw error
    }
    return sides
  }

  /** Where a frame was seen, and where not. */
  async of(
    way: readonly Step[],
  ): Promise<{ readonly at: string; readonly way: readonly Step[] | undefined }[]> {
    const digest = digestOf(way)
    const isSent = way.some(({ comment }) => comment.point === 'before-encap')
    if (digest === undefined || !isSent || this.#sides.length === 0) return []
    await sleep(WAY_MILLISECONDS)
    return this.#sides.map((side) => ({ at: side.name, way: side.take(digest) }))
  }

  async close(): Promise<void> {
    await Promise.all(this.#sides.map((side) => side.close()))
  }
}

class FarSide {
  readonly name: string
  /** Resolves when it looks. */
  readonly begun: Promise<void>
  readonly #ended = new AbortController()
  readonly #seen = new Map<string, readonly Step[]>()
  readonly #reading: Promise<unknown>

  constructor(
    daemon: Exclude<Daemon, string>,
    { network, filter }: { network: string | undefined; filter: string | undefined },
    say: (sentence: string) => void,
  ) {
    this.name = daemon.url.host
    const ways = new Ways((way) => this.#keep(way))
    let begin = (): void => undefined
    const looks = new Promise<void>((resolve) => {
      begin = resolve
    })
    this.#reading = readCapture(
      daemon,
      { network, filter, count: MANY_FRAMES, follow: 'true' },
      (sentence) => {
        begin()
        say(`${this.name}: ${sentence}`)
      },
      async (block) => {
        if (block.block === 'packet')
          ways.add({ packet: block, comment: parseComment(block.comment ?? '') })
        return !this.#ended.signal.aborted
      },
      this.#ended,
    ).finally(() => ways.end())
    this.begun = Promise.race([looks, this.#reading.then(() => undefined)])
    // Whoever waits for `begun` hears of a refusal.
    this.#reading.catch(() => undefined)
  }

  #keep(way: readonly Step[]): void {
    const digest = digestOf(way)
    if (digest === undefined) return
    this.#seen.set(digest, way)
    if (this.#seen.size > KEPT) this.#seen.delete(this.#seen.keys().next().value!)
  }

  take(digest: string): readonly Step[] | undefined {
    const way = this.#seen.get(digest)
    this.#seen.delete(digest)
    return way
  }

  async close(): Promise<void> {
    this.#ended.abort()
    await this.#reading.catch(() => undefined)
  }
}
