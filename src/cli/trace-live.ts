// `vtep trace --live`: the next frames that match, step by step on their way through this host.

import type { Command } from 'commander'
import {
  type CaptureComment,
  describeFrame,
  type PcapngPacket,
  parseComment,
} from '../host/capture/index.js'
import { verdictText } from './capture.js'
import { readCapture } from './capture-stream.js'
import type { CliContext } from './context.js'
import { type Paint, painter } from './style.js'
import { FarSides, farDaemon } from './trace-far.js'
import { digestOf, type Step, sorted, Ways } from './ways.js'

export interface LiveOptions {
  readonly live?: true
  readonly port?: string
  readonly network?: string
  readonly filter?: string
  readonly count?: string
  readonly seconds?: string
  readonly digest?: string
  readonly far?: readonly string[]
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
    .option(
      '--far <daemon...>',
      'with --live: also what becomes of them at another host, http(s)://ADDRESS:PORT of its API, with the token in VTEP_TOKEN',
    )
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
  const say = (sentence: string): void => void context.stderr.write(`vtep: ${sentence}\n`)
  const token = context.environment['VTEP_TOKEN']
  const daemons = (options.far ?? []).map((word) => farDaemon(word, token))
  const far = await FarSides.open(daemons, { network, filter }, say)
  const told: Promise<void>[] = []
  const ways = new Ways((way) => {
    if (shown >= wanted || (digest !== undefined && digestOf(way) !== digest)) return
    shown++
    told.push(show(way))
  })
  async function show(way: readonly Step[]): Promise<void> {
    const there = await far.of(way)
    context.stdout.write(
      options.json === true
        ? `${JSON.stringify(daemons.length === 0 ? asJson(way) : { ...asJson(way), far: there.map(farJson) })}\n`
        : formatWay(way, paint, there),
    )
  }
  try {
    await readCapture(
      runtimeDir,
      { port, network, filter, seconds, count, follow: 'true' },
      say,
      async (block) => {
        if (block.block === 'packet')
          ways.add({ packet: block, comment: parseComment(block.comment ?? '') })
        return shown < wanted
      },
    )
  } finally {
    ways.end()
    await Promise.all(told)
    await far.close()
  }
  if (shown === 0 && digest !== undefined)
    context.stderr.write(`vtep: no frame with digest ${digest} has come by\n`)
}

const farJson = ({ at, way }: { at: string; way: readonly Step[] | undefined }): object => ({
  at,
  ...(way === undefined ? { steps: [] } : asJson(way)),
})

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

function formatWay(
  way: readonly Step[],
  paint: Paint,
  far: Awaited<ReturnType<FarSides['of']>>,
): string {
  const [first] = sorted(way)
  if (first === undefined) return ''
  const head = `frame ${first.comment.frame}  digest ${digestOf(way) ?? '-'}`
  const linesOf = (steps: readonly Step[], indent: string): string[] =>
    sorted(steps).map(({ packet, comment }) => `${indent}${stepText(packet, comment, paint)}`)
  const there = far.flatMap(({ at, way: steps }) =>
    steps === undefined ? [`  at ${at}: not seen`] : [`  at ${at}:`, ...linesOf(steps, '    ')],
  )
  const [{ packet }] = [first]
  const summary = `  ${describeFrame(packet.bytes)}`
  return [paint('bold', head), summary, ...linesOf(way, '  '), ...there, '', ''].join('\n')
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
