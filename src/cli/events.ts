// `vtep events`: what happened, and with --follow what happens.

import { type Command, Option } from 'commander'
import type { EventView } from '../host/views/index.js'
import { call, open } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { formatJson, type Paint, painter, type Style } from './style.js'

const styles: Readonly<Record<string, Style>> = { warn: 'yellow', error: 'red', debug: 'dim' }

interface EventsOptions {
  readonly follow?: true
  readonly since?: string
  readonly kind?: readonly string[]
  readonly level?: string
  readonly mac?: string
  readonly ip?: string
  readonly network?: string
  readonly lines?: string
  readonly json?: true
}

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('events')
    .description('What happened, newest last; also before the last restart.')
    .option('-f, --follow', 'go on with what happens, until interrupted')
    .option(
      '--since <when>',
      'only events after this sequence number, or since this time: 2026-01-31T12:00:00Z, or how long ago, as 90s, 10m, 2h, 7d',
    )
    .option('--kind <kind...>', 'only events of these kinds')
    .addOption(
      new Option('--level <level>', 'only events of this level and above').choices([
        'debug',
        'info',
        'warn',
        'error',
      ]),
    )
    .option('--mac <mac>', 'only events of this MAC')
    .option('--ip <address>', 'only events of this address: of a host, a VTEP or a peer')
    .option('--network <network>', 'only events of this network: its name or VNI')
    .option('-n, --lines <count>', 'at most so many of what happened, the newest')
    .option('-j, --json', 'as JSON: a list, or with --follow a line each')
  command.action(async (options: EventsOptions) => {
    const runtimeDir = runtimeDirFor(command, context)
    const { stdout } = context
    const paint = painter(context)
    const { since, kind, level, mac, ip, network, lines: limit } = options
    const filter = { kind, level, mac, ip, network }
    const query = { ...filter, since, limit }
    const past = await call<EventView[]>(runtimeDir, { path: '/v1/events', query })
    if (options.follow !== true) {
      stdout.write(options.json === true ? formatJson(past, context) : formatEvents(past, paint))
      return
    }
    const print = (event: EventView): void => {
      stdout.write(options.json === true ? `${JSON.stringify(event)}\n` : format(event, paint))
    }
    past.forEach(print)
    const last = past.at(-1)?.sequence
    // Without one that fits it goes on from now.
    await follow(runtimeDir, { ...filter, since: last === undefined ? since : `${last}` }, print)
  })
}

async function follow(
  runtimeDir: string,
  query: Readonly<Record<string, string | readonly string[] | undefined>>,
  print: (event: EventView) => void,
): Promise<void> {
  const accept = 'text/event-stream'
  const stream = await open(runtimeDir, { path: '/v1/events', query, accept })
  stream.setEncoding('utf8')
  let rest = ''
  try {
    for await (const chunk of stream) {
      const blocks = (rest + chunk).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const data = block.split('\n').find((line) => line.startsWith('data: '))
        if (data !== undefined) print(JSON.parse(data.slice(6)) as EventView)
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
  }
  throw new CommandFailure(exitCode.unreachable, 'the daemon has ended the stream')
}

/** A line each. */
export function formatEvents(events: readonly EventView[], paint: Paint): string {
  return events.map((event) => format(event, paint)).join('')
}

function format({ time, level, kind, text }: EventView, paint: Paint): string {
  const when = time.replace('T', ' ').slice(0, 23)
  return `${paint('dim', when)} ${paint(styles[level], kind.padEnd(16))} ${text}\n`
}
