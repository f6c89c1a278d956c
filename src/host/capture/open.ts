// A capture as surfaces have it: asked for in the operator's words, answered as a stream of pcapng.

import { setTimeout as sleep } from 'node:timers/promises'
import type { CapturedFrame, CaptureFeed, CaptureSpec } from '../../fib/index.js'
import { dropReasons } from '../../fib/tables.gen.js'
import { encodePcapng, LINK_ETHERNET } from '../../wire/index.js'
import { unplaced } from '../config/index.js'
import { reasonOf } from '../instance/index.js'
import { unknown } from '../operation.js'
import { Refusal } from '../refusal.js'
import type { CaptureRequest } from './schema.js'
import {
  type CaptureComment,
  type CapturePointWord,
  capturePoints,
  formatComment,
} from './words.js'

/** What a capture has to know of the host. */
export interface CaptureSource {
  readonly version: string
  capture(spec: CaptureSpec): Promise<CaptureFeed>
  /** Id of a port that is open. */
  portId(name: string): number | undefined
  portName(id: number): string | undefined
  readonly portNames: readonly string[]
  networks(): readonly { readonly name: string; readonly vni: number }[]
  /** For the log: tenants' frames are looked at. */
  tell(sentence: string): void
}

/**
 * Begins. The file comes piece by piece, each is whole blocks; what the operator should know is the comment of its section.
 * It ends with the capture, or when `signal` says so, and throws when the dataplane is lost. Rejects with Refusal; then
 * nothing is on.
 */
export async function openCapture(
  source: CaptureSource,
  request: CaptureRequest,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const spec = specOf(source, request)
  const feed = await source.capture(spec).catch((error) => {
    const got = reasonOf(error)
    // The filter is the only thing left that the caller can have got wrong.
    if (!got.startsWith('filter')) throw refused('failed', 'capture', 'one more capture', got)
    throw refused('invalid', 'filter', "tcpdump's language", got.replace(/^.*got:? /, ''))
  })
  const given = Object.entries(request).map(([key, value]) => `${key} ${value}`)
  source.tell(`a capture begins${given.length === 0 ? '' : `: ${given.join(', ')}`}`)
  return new Recording(source, feed, request).octets(signal)
}

function refused(kind: 'failed' | 'invalid', what: string, expected: string, got: string): Refusal {
  return new Refusal(kind, [unplaced({ path: [what], expected, got })])
}

function specOf(source: CaptureSource, request: CaptureRequest): CaptureSpec {
  const { port, network, reason, point, count, snaplen } = request
  const points = point ?? (reason === undefined || request.follow ? undefined : ['drop' as const])
  const id = port === undefined ? undefined : source.portId(port)
  if (port !== undefined && id === undefined) throw unknown('port', port, source.portNames)
  const networks = source.networks()
  const vni = networks.find(({ name, vni }) => network === name || network === String(vni))?.vni
  if (network !== undefined && vni === undefined) {
    const known = networks.map(({ name }) => name)
    throw unknown('network', network, known)
  }
  const { filter, inner, follow, rate } = request
  return defined({
    filter,
    inner,
    follow,
    rate,
    points: points?.map((word) => capturePoints[word].name),
    port: id,
    vni,
    reason: reason === undefined ? undefined : dropReasons.findIndex(({ name }) => name === reason),
    frames: count,
    snapLength: snaplen,
  })
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function defined<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Defined<T>
}

function noteOf(
  source: CaptureSource,
  { leftFastPath }: CaptureFeed,
): { readonly comment?: string } {
  if (leftFastPath.length === 0) return {}
  const names = leftFastPath.map((id) => source.portName(id) ?? String(id))
  const some = names.slice(0, 8).join(', ')
  const rest = names.length > 8 ? ` and ${names.length - 8} more` : ''
  const ports = names.length === 1 ? 'port' : 'ports'
  return {
    comment: `frames of ${ports} ${some}${rest} leave the kernel's fast path while the capture is on`,
  }
}

/** How long nobody looks when there was nothing. */
const PAUSE_MILLISECONDS = 20
/** A reader learns of missed frames this often. */
const STATISTICS_MILLISECONDS = 1000

const words = new Map(
  Object.entries(capturePoints).map(([word, { name }]) => [name, word as CapturePointWord]),
)

/** One run of a capture into a file. */
class Recording {
  readonly #source: CaptureSource
  readonly #feed: CaptureFeed
  readonly #request: CaptureRequest
  /** Numbers of interfaces by their names. */
  readonly #interfaces = new Map<string, { readonly number: number; count: number }>()
  readonly #networks = new Map<number, string>()
  readonly #followed = new Set<bigint>()
  #frames = 0

  constructor(source: CaptureSource, feed: CaptureFeed, request: CaptureRequest) {
    this.#source = source
    this.#feed = feed
    this.#request = request
    for (const { name, vni } of source.networks()) this.#networks.set(vni, name)
  }

  async *octets(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { count = Number.POSITIVE_INFINITY, seconds } = this.#request
    const until = Date.now() + (seconds ?? Number.POSITIVE_INFINITY) * 1000
    let told = { at: Date.now(), missed: 0 }
    let missed = { missedRoom: 0, missedRate: 0 }
    try {
      yield encodePcapng({
        block: 'section',
        application: `vtep ${this.#source.version}`,
        ...noteOf(this.#source, this.#feed),
      })
      for (;;) {
        const over = signal.aborted || Date.now() >= until || this.#feed.lost !== undefined
        const { frames, ...now } = this.#feed.read()
        missed = now
        if (frames.length > 0) yield Buffer.concat(frames.flatMap((frame) => this.#blocks(frame)))
        const total = now.missedRoom + now.missedRate
        if (total !== told.missed && Date.now() - told.at >= STATISTICS_MILLISECONDS) {
          told = { at: Date.now(), missed: total }
          yield Buffer.concat(this.#statistics(now))
        }
        // What was on its way when it was enough comes with the look after.
        if (frames.length === 0 && (over || this.#taken() >= count)) break
        if (over && this.#feed.lost === undefined && signal.aborted) break
        if (frames.length === 0)
          await sleep(PAUSE_MILLISECONDS, undefined, { signal }).catch(() => {})
      }
      yield Buffer.concat(this.#statistics(missed))
      if (this.#feed.lost !== undefined) throw new Error(this.#feed.lost)
    } finally {
      this.#feed.stop()
      this.#source.tell(`a capture has ended: ${this.#frames} frames`)
    }
  }

  #taken(): number {
    return this.#request.follow === true ? this.#followed.size : this.#frames
  }

  /** The frame, with its interface in front when that is new. */
  #blocks(frame: CapturedFrame): Uint8Array[] {
    const word = words.get(frame.point) ?? 'drop'
    const side = sideOf(frame, (id) => this.#portName(id))
    const name = `${side}:${word}`
    const blocks: Uint8Array[] = []
    const known = this.#interface(name, blocks, `${side}, ${capturePoints[word].text}`)
    known.count++
    this.#frames++
    if (this.#request.follow === true) this.#followed.add(frame.id)
    const inwards = ['fromPort', 'beforeDecap', 'afterDecap'].includes(frame.point)
    blocks.push(
      encodePcapng({
        block: 'packet',
        interface: known.number,
        timeNanoseconds: frame.timeNanoseconds,
        length: frame.length,
        bytes: frame.bytes,
        comment: formatComment(this.#comment(frame, word)),
        direction: inwards ? 'in' : 'out',
        id: frame.id,
      }),
    )
    return blocks
  }

  #interface(
    name: string,
    blocks: Uint8Array[],
    description: string,
  ): { readonly number: number; count: number } {
    const known = this.#interfaces.get(name)
    if (known !== undefined) return known
    const added = { number: this.#interfaces.size, count: 0 }
    this.#interfaces.set(name, added)
    const snapLength = this.#request.snaplen ?? 0
    blocks.push(
      encodePcapng({
        block: 'interface',
        linkType: LINK_ETHERNET,
        snapLength,
        name,
        description,
      }),
    )
    return added
  }

  /** What each interface has seen; what was missed stands with the first, as nobody looked where it would have been. */
  #statistics(missed: { readonly missedRoom: number; readonly missedRate: number }): Uint8Array[] {
    const blocks: Uint8Array[] = []
    if (this.#interfaces.size === 0) this.#interface('vtep', blocks, 'no frame has come')
    const timeNanoseconds = BigInt(Date.now()) * 1_000_000n
    const { missedRoom, missedRate } = missed
    for (const { number, count } of this.#interfaces.values()) {
      const first = number === 0
      const comment = `missed=${missedRoom + missedRate} room=${missedRoom} rate=${missedRate}; wanted frames of all interfaces that found no room, or came too fast`
      blocks.push(
        encodePcapng({
          block: 'statistics',
          interface: number,
          timeNanoseconds,
          received: BigInt(count),
          ...(first ? { dropped: BigInt(missedRoom + missedRate), comment } : {}),
        }),
      )
    }
    return blocks
  }

  #portName(id: number): string {
    return this.#source.portName(id) ?? `port-${id}`
  }

  #comment(frame: CapturedFrame, point: CapturePointWord): CaptureComment {
    const { port, outPort, vni, gso, copies } = frame
    const reason = frame.reason === 0 ? undefined : dropReasons[frame.reason]
    const worker = String(frame.worker)
    return defined({
      point,
      verdict: verdictOf(frame),
      reason: reason?.name,
      port: port === 0 ? undefined : this.#portName(port),
      out: outPort === 0 ? undefined : this.#portName(outPort),
      network: this.#networks.get(vni),
      vni: vni === 0 ? undefined : String(vni),
      dst: frame.remote,
      copies: copies > 1 ? String(copies) : undefined,
      routed: frame.routed ? 'yes' : undefined,
      gso: gso === undefined ? undefined : `${gsoNames[gso.type] ?? gso.type}/${gso.size}`,
      checksum: frame.partialChecksum ? 'partial' : undefined,
      outer: frame.rebuilt ? 'rebuilt' : undefined,
      worker,
      frame: `${worker}:${frame.id & 0xff_ffff_ffff_ffffn}`,
      text: reason?.text,
    })
  }
}

/** Where the frame is seen: a port by its name, or the underlay. */
function sideOf(frame: CapturedFrame, portName: (id: number) => string): string {
  const ofUnderlay = ['afterEncap', 'beforeDecap', 'afterDecap'].includes(frame.point)
  const id = frame.point === 'toPort' ? frame.outPort : ofUnderlay ? 0 : frame.port
  return id === 0 ? 'underlay' : portName(id)
}

/** In a word: what becomes of it, as far as it is known there. */
function verdictOf(frame: CapturedFrame): string | undefined {
  if (frame.point === 'drop') return 'drop'
  if (frame.point === 'toPort' || frame.point === 'afterEncap') return 'sent'
  if (frame.copies > 1) return 'flood'
  if (frame.destination !== undefined) return frame.destination
  if (frame.held) return 'held'
  if (frame.answered) return 'answered'
  return frame.reason === 0 ? undefined : 'drop'
}

const gsoNames: Readonly<Record<number, string>> = { 1: 'tcp4', 4: 'tcp6', 5: 'udp' }
