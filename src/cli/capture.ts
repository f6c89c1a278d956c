// `vtep capture`: frames on their way, as lines or as a pcapng file.

import { type FileHandle, open as openFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import {
  type CaptureComment,
  capturePoints,
  describeFrame,
  encodePcapng,
  type PcapngBlock,
  type PcapngPacket,
  parseComment,
} from '../host/capture/index.js'
import { readCapture } from './capture-stream.js'
import type { Call } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { type Paint, painter } from './style.js'

export interface CaptureOptions {
  readonly port?: string
  readonly network?: string
  readonly reason?: string
  readonly point?: readonly string[]
  readonly filter?: string
  readonly inner?: true
  readonly count?: string
  readonly seconds?: string
  readonly snaplen?: string
  readonly rate?: string
}

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('capture')
    .description(
      'Frames on their way: at ports, in front of and behind encapsulation, and where they are lost.',
    )
    .option('--port <name>', 'frames from this port, or to it')
    .option('--network <name>', 'frames of this network, by its name or VNI')
    .option('--reason <reason>', 'frames that are lost for this reason (see vtep drops --all)')
    .addOption(
      new Option('--point <points...>', 'only at these points').choices(Object.keys(capturePoints)),
    )
    .option('--filter <expression>', "in tcpdump's language, about the frame as it is at the point")
    .option('--inner', 'the filter is about the frame in VXLAN')
    .option('-c, --count <frames>', 'end after so many')
    .option('--seconds <seconds>', 'end after so long')
    .option('-s, --snaplen <octets>', 'keep so much of each frame; default: all')
    .option('--rate <frames>', 'frames a second that each worker takes at most; default: 100000')
    .option('-w, --write <file>', 'write pcapng, - is standard output')
    .option('-j, --json', 'as JSON, a line each')
    .addHelpText('after', `\nPoints:\n${pointLines()}`)
  command.action(async (options: CaptureOptions & { write?: string; json?: true }) => {
    const { write } = options
    const { stdout, stderr } = context
    if (write === '-' && stdout.isTTY === true) {
      throw new CommandFailure(
        exitCode.usage,
        '--write -: expected a pipe or a file as standard output, got a terminal',
      )
    }
    const sink = await sinkFor(write, options.json === true, context)
    try {
      const query = captureQuery(options)
      const { frames, missed } = await readCapture(
        runtimeDirFor(command, context),
        query,
        (sentence) => stderr.write(`vtep: ${sentence}\n`),
        (block) => sink.take(block),
      )
      const lost = missed === 0 ? '' : `, ${missed} more found no room or came too fast`
      stderr.write(`vtep: ${frames} frames${lost}\n`)
    } finally {
      await sink.close()
    }
  })
}

const pointLines = (): string =>
  Object.entries(capturePoints)
    .map(([word, { text }]) => `  ${word.padEnd(14)}${text}`)
    .join('\n')

/** As the API asks for it. */
export function captureQuery(options: CaptureOptions): NonNullable<Call['query']> {
  const { port, network, reason, filter, count, seconds, snaplen, rate } = options
  return {
    ...{ port, network, reason, filter, count, seconds, snaplen, rate },
    point: options.point,
    inner: options.inner === true ? 'true' : undefined,
  }
}

/** Where blocks go; `take` answers false when nobody reads any more. */
interface Sink {
  take(block: PcapngBlock): Promise<boolean>
  close(): Promise<void>
}

async function sinkFor(
  write: string | undefined,
  json: boolean,
  context: CliContext,
): Promise<Sink> {
  if (write !== undefined && write !== '-') return fileSink(write)
  const { stdout } = context
  let open = true
  const onError = (error: NodeJS.ErrnoException): void => {
    open = false
    if (error.code !== 'EPIPE') throw error
  }
  stdout.on('error', onError)
  const put = (octets: Uint8Array | string): Promise<boolean> =>
    new Promise((resolve) => {
      stdout.write(octets, () => resolve(open))
    })
  const lines = new Lines(json, painter(context))
  return {
    async take(block) {
      const octets = write === '-' ? encodePcapng(block) : lines.of(block)
      return octets === undefined ? true : put(octets)
    },
    async close() {
      stdout.off('error', onError)
    },
  }
}

/** Only whole blocks: however it ends, the file can be read. Also a pipe, as of Wireshark. */
export async function fileSink(path: string): Promise<Sink> {
  let file: FileHandle
  try {
    file = await openFile(path, 'w')
  } catch (error) {
    throw new CommandFailure(exitCode.failed, `--write ${path}: ${(error as Error).message}`)
  }
  return {
    async take(block) {
      try {
        await file.writeFile(encodePcapng(block))
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EPIPE') return false
        throw new CommandFailure(exitCode.failed, `--write ${path}: ${(error as Error).message}`)
      }
    },
    close: () => file.close(),
  }
}

class Lines {
  readonly #json: boolean
  readonly #paint: Paint

  constructor(json: boolean, paint: Paint) {
    this.#json = json
    this.#paint = paint
  }

  of(block: PcapngBlock): string | undefined {
    if (block.block !== 'packet') return undefined
    const comment = parseComment(block.comment ?? '')
    if (!this.#json) return `${formatCaptured(block, comment, this.#paint)}\n`
    const { text, ...known } = comment
    const row = {
      time: rfc3339(block.timeNanoseconds),
      ...known,
      length: block.length,
      summary: describeFrame(block.bytes),
      ...(text === undefined ? {} : { text }),
      bytes: Buffer.from(block.bytes).toString('hex'),
    }
    return `${JSON.stringify(row)}\n`
  }
}

/** Nanoseconds since 1970, in UTC, to the microsecond. */
function rfc3339(time: bigint): string {
  const milliseconds = Number(time / 1_000_000n)
  const micros = String((time / 1000n) % 1000n).padStart(3, '0')
  return new Date(milliseconds).toISOString().replace('Z', `${micros}Z`)
}

/** In a line, as tcpdump would have it, with what became of the frame. */
export function formatCaptured(
  packet: PcapngPacket,
  comment: CaptureComment,
  paint: Paint,
): string {
  const { point = '?', port, out, network, vni, gso, checksum } = comment
  const where = network === undefined ? vni && `vni ${vni}` : `${network}(${vni})`
  const from = port ?? (point === 'to-port' ? undefined : 'underlay')
  const parts = [
    paint('dim', rfc3339(packet.timeNanoseconds).slice(11, 26)),
    point.padEnd(12),
    [point === 'to-port' ? out : from, where].filter(Boolean).join(' '),
    paint(comment.verdict === 'drop' ? 'red' : 'green', verdictText(comment)),
  ]
  const notes = [gso && `gso ${gso}`, checksum && `checksum ${checksum}`].filter(Boolean)
  const summary = `${describeFrame(packet.bytes)}, length ${packet.length}`
  return `${parts.filter(Boolean).join(' ')}: ${[summary, ...notes].join(', ')}`
}

/** Where it goes, in words: "→ 10.0.0.12", "drop no_destination". */
export function verdictText({ point, verdict, reason, out, dst, copies }: CaptureComment): string {
  switch (verdict) {
    case 'port':
      return `→ ${out}`
    case 'remote':
      return `→ ${dst}`
    case 'sent':
      return point === 'to-port' ? '' : `→ ${dst}`
    case 'flood':
      return `→ ${copies} copies`
    case 'drop':
      return `drop ${reason}`
    default:
      return verdict ?? ''
  }
}
