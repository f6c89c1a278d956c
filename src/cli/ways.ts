// The records of a capture put together again: what one frame has passed on its way through a host.

import { type CaptureComment, frameDigest, type PcapngPacket } from '../host/capture/index.js'

export interface Step {
  readonly packet: PcapngPacket
  readonly comment: CaptureComment
}

/** Nothing more of a batch comes after this long. */
const PAUSE_MILLISECONDS = 50

/** Frames of which something has been seen. A worker hands over a batch as a whole, and all of it has one time. */
export class Ways {
  readonly #show: (way: readonly Step[]) => void
  #ways = new Map<string, Step[]>()
  #timer: NodeJS.Timeout | undefined

  constructor(show: (way: readonly Step[]) => void) {
    this.#show = show
  }

  add(step: Step): void {
    const { frame = '', worker } = step.comment
    for (const [key, [first]] of this.#ways) {
      const same = first!.packet.timeNanoseconds === step.packet.timeNanoseconds
      if (first!.comment.worker === worker && !same) this.#take(key)
    }
    this.#ways.set(frame, [...(this.#ways.get(frame) ?? []), step])
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.end(), PAUSE_MILLISECONDS)
  }

  #take(key: string): void {
    const way = this.#ways.get(key)
    this.#ways.delete(key)
    if (way !== undefined) this.#show(way)
  }

  end(): void {
    clearTimeout(this.#timer)
    for (const key of [...this.#ways.keys()]) this.#take(key)
  }
}

/** As both ends of the tunnel see it: what goes into it, or has come out; else what came from a port. */
export function digestOf(way: readonly Step[]): string | undefined {
  for (const point of ['before-encap', 'after-decap', 'from-port'] as const) {
    const step = way.find(({ comment }) => comment.point === point)
    if (step !== undefined) return frameDigest(step.packet.bytes)
  }
  return undefined
}

const order = [
  'from-port',
  'before-decap',
  'after-decap',
  'before-encap',
  'after-encap',
  'to-port',
  'drop',
]

export const sorted = (way: readonly Step[]): Step[] =>
  [...way].sort(
    (a, b) => order.indexOf(a.comment.point ?? '') - order.indexOf(b.comment.point ?? ''),
  )
