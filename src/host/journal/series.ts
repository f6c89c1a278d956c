// Files of JSON lines, one after the other: appended to in batches, and of them all only the newest are kept. Nobody waits for
// the disk: what it can not take is counted and lost.

import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { reasonOf } from '../instance/index.js'

export interface SeriesSettings {
  readonly directory: string
  /** First part of the files' names. */
  readonly name: string
  /** A file that has become so large is followed by the next. */
  readonly fileBytes: number
  readonly files: number
}

/** So many octets are written at once. */
const BATCH_BYTES = 256 * 1024
/** So many wait at most while the disk is slow. */
const WAITING_BYTES = 8 * 1024 * 1024
/** The last line of a file is looked for in so many octets. */
const TAIL_BYTES = 64 * 1024
const DIGITS = 16
/** After a failure nothing is tried for so long. */
const PAUSE_MILLISECONDS = 5000

interface Line {
  readonly sequence: number
  readonly text: string
}

export class Series {
  readonly #settings: SeriesSettings
  /** Names of files, oldest first. */
  #names: string[]
  #descriptor: number | undefined
  #size = 0
  /** The file ends in the middle of a line. */
  #isTorn = false
  #waiting: Line[] = []
  #waitingBytes = 0
  #isWriting = false
  #idle: (() => void)[] = []
  #failure: string | undefined
  #failedAt = Number.NEGATIVE_INFINITY
  #lost = 0

  /** Throws what the file system throws. */
  constructor(settings: SeriesSettings) {
    this.#settings = settings
    mkdirSync(settings.directory, { recursive: true, mode: 0o755 })
    this.#names = this.#list()
  }

  /** Why nothing can be written at the moment. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Lines that did not get to the disk. */
  get lost(): number {
    return this.#lost
  }

  /** The last whole line, which has a sequence number; undefined when there is none. */
  lastLine(): string | undefined {
    for (const name of [...this.#names].reverse()) {
      // No beginning of a line is a line: only the whole ends its braces.
      const lines = tailOf(this.#path(name)).split('\n')
      const line = lines.findLast((text) => sequenceOf(text) !== undefined)
      if (line !== undefined) return line
    }
    return undefined
  }

  append(sequence: number, text: string): void {
    const bytes = text.length + 1
    if (this.#waitingBytes + bytes > WAITING_BYTES) {
      this.#lost++
      return
    }
    this.#waiting.push({ sequence, text })
    this.#waitingBytes += bytes
  }

  /** Begins to write what waits. */
  flush(): void {
    if (this.#isWriting || this.#waiting.length === 0) return
    if (performance.now() - this.#failedAt < PAUSE_MILLISECONDS) return
    let octets: Buffer
    let count: number
    let descriptor: number
    try {
      ;[octets, count, descriptor] = this.#next()
    } catch (error) {
      this.#failed(error, 0)
      this.#rest()
      return
    }
    this.#isWriting = true
    write(descriptor, octets, 0, octets.length, null, (error, written) => {
      this.#isWriting = false
      this.#wrote(error, written ?? 0, octets.length, count)
      if (error === null) this.flush()
      this.#rest()
    })
  }

  /** Resolves when all that was appended is written, or can not be. */
  flushed(): Promise<void> {
    this.flush()
    if (!this.#isWriting) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Writes what waits without leaving the thread, and closes the file: at the end of the process. */
  close(): void {
    try {
      while (this.#waiting.length > 0) {
        const [octets, count, descriptor] = this.#next()
        this.#wrote(null, writeSync(descriptor, octets), octets.length, count)
      }
    } catch (error) {
      this.#failed(error, this.#waiting.length)
    }
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  /** Texts of files, the newest first, each with the sequence number that it begins with. */
  async *texts(): AsyncGenerator<{ readonly first: number; readonly text: string }> {
    for (const name of [...this.#names].reverse()) {
      let text: string
      try {
        const path = this.#path(name)
        if (!(await stat(path)).isFile()) continue
        text = await readFile(path, 'utf8')
      } catch {
        // Its turn to go came meanwhile.
        continue
      }
      yield { first: firstOf(name), text }
    }
  }

  #rest(): void {
    if (this.#isWriting) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }

  /** The next batch, how many lines it is, and the file for it. */
  #next(): [octets: Buffer, count: number, descriptor: number] {
    const descriptor = this.#file(this.#waiting[0]!.sequence)
    let bytes = 0
    let count = 0
    while (count < this.#waiting.length && bytes < BATCH_BYTES)
      bytes += this.#waiting[count++]!.text.length + 1
    const lines = this.#waiting.slice(0, count).map(({ text }) => `${text}\n`)
    return [Buffer.from((this.#isTorn ? '\n' : '') + lines.join('')), count, descriptor]
  }

  #wrote(
    error: NodeJS.ErrnoException | null,
    written: number,
    length: number,
    count: number,
  ): void {
    this.#size += written
    // What was cut off is lost; its beginning stays as a line that nobody can read.
    if (written > 0) this.#isTorn = written < length
    this.#drop(count)
    if (error !== null) this.#failed(error, count)
    else if (written < length) this.#failed(new Error('no space left'), count)
    else this.#failure = undefined
  }

  #drop(count: number): void {
    for (const { text } of this.#waiting.splice(0, count)) this.#waitingBytes -= text.length + 1
  }

  #failed(error: unknown, lost: number): void {
    this.#lost += lost
    this.#failure = reasonOf(error)
    this.#failedAt = performance.now()
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  /** The file to go on with, which may be a new one. */
  #file(sequence: number): number {
    const { files, fileBytes } = this.#settings
    if (this.#descriptor !== undefined && this.#size < fileBytes) return this.#descriptor
    if (this.#descriptor !== undefined) {
      closeSync(this.#descriptor)
      this.#descriptor = undefined
    }
    const newest = this.#names.at(-1)
    if (newest !== undefined) {
      const descriptor = openSync(this.#path(newest), 'a', 0o640)
      this.#size = fstatSync(descriptor).size
      if (this.#size < fileBytes) {
        this.#isTorn = this.#size > 0 && !tailOf(this.#path(newest)).endsWith('\n')
        this.#descriptor = descriptor
        return descriptor
      }
      closeSync(descriptor)
    }
    const name = `${this.#settings.name}-${String(sequence).padStart(DIGITS, '0')}.jsonl`
    const descriptor = openSync(this.#path(name), 'a', 0o640)
    this.#descriptor = descriptor
    this.#size = 0
    this.#isTorn = false
    this.#names.push(name)
    while (this.#names.length > files) {
      const oldest = this.#names.shift()!
      try {
        unlinkSync(this.#path(oldest))
      } catch {
        // Somebody else has removed it.
      }
    }
    return descriptor
  }

  #path(name: string): string {
    return join(this.#settings.directory, name)
  }

  #list(): string[] {
    const pattern = new RegExp(`^${this.#settings.name}-\\d{${DIGITS}}\\.jsonl$`)
    return readdirSync(this.#settings.directory)
      .filter((name) => pattern.test(name))
      .sort()
  }
}

const firstOf = (name: string): number => Number(name.slice(-DIGITS - 6, -6))

/** The sequence number of a line; undefined for one that was cut off, or is not ours. */
function sequenceOf(text: string): number | undefined {
  try {
    const { sequence } = (JSON.parse(text) ?? {}) as { readonly sequence?: unknown }
    return Number.isSafeInteger(sequence) ? (sequence as number) : undefined
  } catch {
    return undefined
  }
}

/** The last octets of a file; all of a small one. */
function tailOf(path: string): string {
  const descriptor = openSync(path, 'r')
  try {
    const file = fstatSync(descriptor)
    // Anything else has no end.
    if (!file.isFile()) return ''
    const { size } = file
    if (size <= TAIL_BYTES) return readFileSync(descriptor, 'utf8')
    const octets = Buffer.alloc(TAIL_BYTES)
    const read = readSync(descriptor, octets, 0, TAIL_BYTES, size - TAIL_BYTES)
    return octets.toString('utf8', 0, read)
  } finally {
    closeSync(descriptor)
  }
}
