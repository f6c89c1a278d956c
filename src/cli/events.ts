// `vtep events`: what happened, and with --follow what happens.

import type { Command } from 'commander'
import type { EventView } from '../host/views/index.js'
import { call, open } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { formatJson, type Paint, painter, type Style } from './style.js'

const styles: Readonly<Record<string, Style>> = { warn: 'yellow', error: 'red', debug: 'dim' }

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('events')
    .description('What happened, newest last.')
    .option('-f, --follow', 'go on with what happens, until interrupted')
    .option('--since <sequence>', 'only events after this sequence number')
    .option('--kind <kind>', 'only events of this kind')
    .option('-j, --json', 'as JSON: a list, or with --follow a line each')
  command.action(async (options: { follow?: true; since?: string; kind?: string; json?: true }) => {
    const runtimeDir = runtimeDirFor(command, context)
    const { stdout } = context
    const paint = painter(context)
    const wanted = ({ kind }: EventView): boolean =>
      options.kind === undefined || kind === options.kind
    const query = { since: options.since }
    const past = (await call<EventView[]>(runtimeDir, { path: '/v1/events', query })).filter(wanted)
    if (options.follow !== true) {
      stdout.write(
        options.json === true
          ? formatJson(past, context)
          : past.map((event) => format(event, paint)).join(''),
      )
      return
    }
    const print = (event: EventView): void => {
      if (!wanted(event)) return
      stdout.write(options.json === true ? `${JSON.stringify(event)}\n` : format(event, paint))
    }
    past.forEach(print)
    const since = String(past.at(-1)?.sequence ?? options.since ?? 0)
    await follow(runtimeDir, since, print)
  })
}

async function follow(
  runtimeDir: string,
  since: string,
  print: (event: EventView) => void,
): Promise<void> {
  const accept = 'text/event-stream'
  const stream = await open(runtimeDir, { path: '/v1/events', query: { since }, accept })
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

function format({ time, level, kind, text }: EventView, paint: Paint): string {
  const when = time.replace('T', ' ').slice(0, 23)
  return `${paint('dim', when)} ${paint(styles[level], kind.padEnd(16))} ${text}\n`
}
