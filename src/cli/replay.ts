// `vtep replay FILE`: the run of a controller once more, from its recording.

import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { messagesOf, ReplayError, type Replayed, reasonOf, replay } from '../host/index.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { formatJson, painter } from './style.js'

interface ReplayOptions {
  readonly json?: true
  readonly actions?: true
  readonly mrt?: string
}

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('replay')
    .description(
      'Play a recording (`vtep run --record`) into new machines: what the controller knew at its end, and whether it comes out the same.',
    )
    .argument('<file>', 'the recording')
    .option('--actions', 'print every event, and what the machines did for it, as lines of JSON')
    .option('--mrt <file>', 'write the BGP messages of the run to an MRT file (RFC 6396)')
    .option('-j, --json', 'what they know at the end, as JSON')
  command.action((file: string, options: ReplayOptions) => {
    const { stdout } = context
    const { mrt } = options
    if (mrt !== undefined) return reading(file, (text) => writeMessages(text, mrt))
    const write = (line: object): void => {
      stdout.write(`${JSON.stringify(line, plain)}\n`)
    }
    const listener =
      options.actions === true
        ? {
            onEvent: (milliseconds: number, machine: string, event: object) =>
              write({ milliseconds, machine, ...event }),
            onAction: write,
          }
        : {}
    const replayed = reading(file, (text) => replay(text, listener))
    stdout.write(
      options.json === true ? formatJson(asJson(replayed), context) : asText(replayed, context),
    )
    if (replayed.result === 'different') throw new CommandFailure(exitCode.failed)
  })
}

function writeMessages(text: string, file: string): void {
  writeFileSync(file, Buffer.concat([...messagesOf(text)]))
}

function reading<T>(file: string, use: (text: string) => T): T {
  try {
    return use(readFileSync(file, 'utf8'))
  } catch (error) {
    const is = error instanceof ReplayError
    if (!is && (error as NodeJS.ErrnoException).code === undefined) throw error
    throw new CommandFailure(exitCode.failed, `recording ${file}: ${reasonOf(error)}`)
  }
}

/** Octets and large integers are for people here. */
function plain(_: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return typeof value === 'bigint' ? Number(value) : value
}

function asJson({ head, machines, events, seconds, result, differsAt }: Replayed): object {
  const { speaker, evpn } = machines
  return {
    version: head.version,
    time: head.time,
    events,
    seconds,
    result,
    differsAt: differsAt ?? null,
    peers: speaker.peers().map(({ id, state }) => ({ peer: id, state })),
    networks: evpn.networks(),
    macs: [...evpn.macs()],
    routes: Array.from(speaker.locRib('evpn'), ({ nlri, best }) => ({
      ...nlri,
      nextHop: best.nextHop,
      peer: best.peer,
    })).map((route) => JSON.parse(JSON.stringify(route, plain)) as object),
  }
}

const words = {
  same: 'the machines came to the same end',
  cut: 'the recording has no end: the controller was killed, or still runs',
  different: 'the machines came to another end than those of the run: another version?',
} as const

function asText(replayed: Replayed, context: CliContext): string {
  const { head, machines, events, seconds, result, differsAt } = replayed
  const { speaker, evpn } = machines
  const paint = painter(context)
  const networks = evpn.networks()
  const sum = (kind: 'local' | 'remote') =>
    networks.reduce((total, { macs }) => total + macs[kind], 0)
  const where = differsAt === undefined ? '' : `; first difference at line ${differsAt}`
  return [
    `vtep ${head.version}, started ${head.time}: ${events} events in ${seconds} s`,
    ...speaker.peers().map(({ id, state }) => `peer ${id}: ${state}`),
    ...networks.map(
      ({ name, vni, macs }) =>
        `network ${name} (VNI ${vni}): ${macs.local} local, ${macs.remote} remote MACs`,
    ),
    `macs: ${sum('local')} local, ${sum('remote')} remote`,
    `${paint(result === 'different' ? 'red' : 'green', result)}: ${words[result]}${where}`,
    '',
  ].join('\n')
}
