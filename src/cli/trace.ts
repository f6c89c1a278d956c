// vtep trace: the way of one frame, described, given in hexadecimal or out of a capture file, without sending it; or, live, the way of
// frames that come by.

import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { call } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { formatJson, type Paint, painter } from './style.js'
import { addLiveOptions, type LiveOptions, traceLive } from './trace-live.js'

interface Answer {
  readonly verdict: {
    readonly outcome: string
    readonly reason: string | null
    readonly text: string
  }
  readonly steps: readonly { readonly step: string; readonly text: string }[]
  readonly leftOut: { readonly copies: number; readonly steps: number }
}

interface Options extends LiveOptions {
  readonly fromVtep?: string
  readonly vni?: number
  readonly fromUnderlay?: true
  readonly hex?: string
  readonly pcap?: string
  readonly frame?: number
}

/** Options that describe a frame: keys of the API's body with what is taken. */
const described: readonly (readonly [key: string, argument: string, line: string])[] = [
  ['srcMac', '<mac>', 'source MAC; left out: of whoever has --ip-src, or is behind the port'],
  ['dstMac', '<mac>', 'destination MAC; left out: of whoever has --ip-dst, or of the gateway'],
  ['ipSrc', '<address>', 'source address; left out: of the source MAC'],
  ['ipDst', '<address>', 'destination address; left out: of the destination MAC'],
  ['proto', '<protocol>', 'tcp, udp, icmp, arp, nd or a number; left out: an echo request'],
  ['sport', '<number>', 'source port'],
  ['dport', '<number>', 'destination port'],
  ['ttl', '<number>', 'TTL or hop limit'],
  ['vlan', '<id>', 'with a VLAN tag'],
  ['etherType', '<number>', 'EtherType of a frame without addresses, as 0x88cc'],
  ['length', '<octets>', 'of the whole frame'],
]

const flagOf = (key: string): string =>
  key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

function number(text: string): number {
  if (!/^(0x[0-9a-f]{1,8}|\d{1,9})$/i.test(text))
    throw new InvalidArgumentError('expected a number')
  return Number(text)
}

const texts = new Set(['srcMac', 'dstMac', 'ipSrc', 'ipDst'])

/** Numbers as numbers, the words of `proto` as they are. */
const readWord = (key: string, value: string): string | number =>
  texts.has(key) || (key === 'proto' && !/^\d+$/.test(value)) ? value : number(value)

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('trace')
    .description(
      "One frame's way through the switch, step by step, without sending it; or of frames that come by.",
    )
    .option('--port <name>', 'the port that it comes from')
    .addOption(
      new Option('--from-vtep <address>', 'or the VTEP that it comes from, in VXLAN').conflicts(
        'port',
      ),
    )
    .option('--vni <vni>', 'the VNI that the VTEP names', number)
    .addOption(
      new Option('--from-underlay', 'or the underlay: the octets are an outer packet').conflicts([
        'port',
        'fromVtep',
      ]),
    )
  for (const [key, argument, line] of described) {
    command.addOption(
      new Option(`--${flagOf(key)} ${argument}`, line).argParser((text) => readWord(key, text)),
    )
  }
  addLiveOptions(command)
    .addOption(new Option('--hex <octets>', 'the octets of the frame').conflicts('pcap'))
    .option('--pcap <file>', 'the frame is in this file (pcap or pcapng)')
    .option('--frame <number>', 'which frame of the file, from 1', number)
    .option('-j, --json', 'as JSON, exactly as the API gives it')
    .addHelpText(
      'after',
      `
Examples:
  vtep trace --port vm1 --ip-dst 10.1.0.5 --proto tcp --dport 80
  vtep trace --port vm1 --ip-dst 10.2.0.7 --length 1514
  vtep trace --from-vtep 10.0.0.12 --vni 10100 --dst-mac 02:00:00:00:00:01
  vtep trace --port vm1 --pcap drops.pcapng --frame 3
  vtep trace --live --port vm1 --filter icmp --count 3`,
    )
    .action(async (options: Options) => {
      if (options.live === true) return traceLive(runtimeDirFor(command, context), options, context)
      const answer = await call<Answer>(runtimeDirFor(command, context), {
        method: 'POST',
        path: '/v1/trace',
        body: await bodyOf(options),
      })
      context.stdout.write(
        options.json === true ? formatJson(answer, context) : readable(answer, painter(context)),
      )
    })
}

async function bodyOf(options: Options): Promise<object> {
  const words = Object.fromEntries(
    described
      .map(([key]) => [key, (options as Record<string, unknown>)[key]])
      .filter(([, value]) => value !== undefined),
  )
  const octets = await octetsOf(options)
  if (octets !== undefined && Object.keys(words).length > 0) {
    const given = Object.keys(words).map((key) => `--${flagOf(key)}`)
    throw new CommandFailure(
      exitCode.usage,
      `expected a frame's octets or its description, got both: ${given.join(', ')}`,
    )
  }
  return { ...originOf(options), frame: octets ?? words }
}

function originOf({ port, fromVtep, vni, fromUnderlay }: Options): object {
  if (port !== undefined) return { port }
  if (fromUnderlay === true) return { from: { underlay: true } }
  if (fromVtep !== undefined && vni !== undefined) return { from: { vtep: fromVtep, vni } }
  throw new CommandFailure(
    exitCode.usage,
    'expected where the frame comes from: --port, --from-vtep with --vni, or --from-underlay',
  )
}

/** In hexadecimal; undefined where the frame is described. */
async function octetsOf({ hex, pcap, frame = 1 }: Options): Promise<string | undefined> {
  if (hex !== undefined || pcap === undefined) return hex
  const { frameOfCapture } = await import('../host/tracing/index.js')
  const found = frameOfCapture(readFile(pcap), frame)
  if ('problem' in found) throw new CommandFailure(exitCode.failed, `${pcap}: ${found.problem}`)
  return Buffer.from(found.octets).toString('hex')
}

function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    const { message } = error as Error
    throw new CommandFailure(exitCode.failed, `${path}: expected a capture file, got ${message}`)
  }
}

function readable({ verdict, steps, leftOut }: Answer, paint: Paint): string {
  const width = Math.max(...steps.map(({ step }) => step.length))
  const lines = steps.map(({ step, text }) => `  ${step.padEnd(width)}  ${text}`)
  const more = [
    [leftOut.steps, 'steps'],
    [leftOut.copies, 'copies'],
  ]
    .filter(([count]) => count !== 0)
    .map(([count, what]) => `  and ${count} more ${what}`)
  const colour = verdict.outcome === 'drop' ? 'red' : 'green'
  return [...lines, ...more, paint(colour, `${verdict.outcome}: ${verdict.text}`), ''].join('\n')
}
