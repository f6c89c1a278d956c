// `vtep trace --live`: the next frames that match, step by step on their way through this host.

import type { Command } from 'commander'
import {
  type CaptureComment,
  describeFrame,
  frameDigest,
  type PcapngPacket,
  parseComment,
} from '../host/capture/index.js'
import { verdictText } from './capture.js'
import { readCapture } from './capture-stream.js'
import type { CliContext } from './context.js'
import { type Paint, painter } from './style.js'

export interface LiveOptions {
  readonly live?: true
  readonly port?: string
  readonly network?: string
  readonly filter?: string
  readonly count?: string
  readonly seconds?: string
  readonly digest?: string
  readonly json?: true
}

/** Frames that are followed unless the command says how many. */
const FRAMES = '10'
/** Looked at while a digest is waited for. */
const MANY_FRAMES = '1000000'

export function addLiveOptions(command: Command): Command {
  return command
    .option('--live', 'follow the next frames that come by')
    .option('--network <name>', 'with --live: frames of this network')
    .option('--filter <expression>', "with --live: in tcpdump's language, about the tenant's frame")
    .option('-c, --count <frames>', `with --live: follow so many; default: ${FRAMES}`)
    .option('--seconds <seconds>', 'with --live: end after so long')
    .option('--digest <digits>', 'with --live: the frame that had this digest at another host')
}

interface Step {
  readonly packet: PcapngPacket
  readonly comment: CaptureComment
}

/** Shows each frame as soon as it is known that nothing more comes of it. Throws CommandFailure. */
export async function traceLive(
  runtimeDir: string,
  options: LiveOptions,
  context: CliContext,
): Promise<void> {
  const { port, network, filter, seconds, digest } = options
  const count = options.count ?? (digest === undefined ? FRAMES : MANY_FRAMES)
  const paint = painter(context)
  const wanted = digest === undefined ? Number.POSITIVE_INFINITY : Number(options.count ?? 1)
  let shown = 0
  const ways = new Ways((way) => {
    if (shown >= wanted || (digest !== undefined && digestOf(way) !== digest)) return
    shown++
    context.stdout.write(
      options.json === true ? `${JSON.stringify(asJson(way))}\n` : formatWay(way, paint),
    )
  })
  try {
    await readCapture(
      runtimeDir,
      { port, network, filter, seconds, count, follow: 'true' },
      (sentence) => context.stderr.write(`vtep: ${sentence}\n`),
      async (block) => {
        if (block.block === 'packet')
          ways.add({ packet: block, comment: parseComment(block.comment ?? '') })
        return shown < wanted
      },
    )
  } finally {
    ways.end()
  }
  if (shown === 0 && digest !== undefined)
    context.stderr.write(`vtep: no frame with digest ${digest} has come by\n`)
}

/** Nothing more of a batch comes after this long. */
const PAUSE_MILLISECONDS = 50

/** Frames of which something has been seen. A worker hands over a batch as a whole, and all of it has one time. */
class Ways {
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
function digestOf(way: readonly Step[]): string | undefined {
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

const sorted = (way: readonly Step[]): Step[] =>
  [...way].sort(
    (a, b) => order.indexOf(a.comment.point ?? '') - order.indexOf(b.comment.point ?? ''),
  )

function asJson(way: readonly Step[]): object {
  return {
    frame: way[0]?.comment.frame,
    digest: digestOf(way),
    steps: sorted(way).map(({ packet, comment: { text, ...known } }) => ({
      ...known,
      length: packet.length,
      summary: describeFrame(packet.bytes),
      ...(text === undefined ? {} : { text }),
    })),
  }
}

function formatWay(way: readonly Step[], paint: Paint): string {
  const [first] = sorted(way)
  if (first === undefined) return ''
  const head = `frame ${first.comment.frame}  digest ${digestOf(way) ?? '-'}`
  const lines = sorted(way).map(({ packet, comment }) => `  ${stepText(packet, comment, paint)}`)
  const [{ packet }] = [first]
  return [paint('bold', head), `  ${describeFrame(packet.bytes)}`, ...lines, '', ''].join('\n')
}

function stepText(packet: PcapngPacket, comment: CaptureComment, paint: Paint): string {
  const { point = '?', port, out, network, vni, dst, gso, checksum, outer, worker, text } = comment
  const facts = [
    point === 'to-port' ? out : port,
    network === undefined ? vni && `vni ${vni}` : `${network}(${vni})`,
    dst && point !== 'from-port' && `dst ${dst}`,
    paint(comment.verdict === 'drop' ? 'red' : 'green', verdictText(comment)),
    text && `(${text})`,
    gso && `gso ${gso}`,
    checksum && `checksum ${checksum}`,
    outer && `outer headers ${outer}`,
    point === 'from-port' || point === 'before-decap' ? `worker ${worker}` : '',
  ]
  return `${point.padEnd(13)}${facts.filter(Boolean).join(', ')}, ${packet.length} octets`
}
