// A speaker as a program: settings and events come as JSON lines on standard input, actions and answers leave as JSON
// lines on standard output. It lets a test run speakers inside namespaces.

import { createInterface } from 'node:readline'
import {
  type SessionFamily,
  Speaker,
  type SpeakerEvent,
  type SpeakerSettings,
} from '../../../src/bgp/index.js'
import { drive } from '../../../src/io/drive.js'

/** One line of input. */
export type Command =
  | { readonly listen: { readonly address: string; readonly port: number } }
  | { readonly event: SpeakerEvent }
  | { readonly ask: number; readonly what: 'peers' | SessionFamily }

const settings = JSON.parse(process.argv[2]!) as SpeakerSettings
const speaker = new Speaker(settings)

const write = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

const running = drive(speaker, {
  onAction: (action) => {
    const isQuiet = ['send', 'startTimer', 'stopTimer', 'routes'].includes(action.do)
    if (!isQuiet) write(action)
  },
})

function answer(what: 'peers' | SessionFamily): unknown {
  if (what === 'peers') return speaker.peers()
  return [...speaker.locRib(what)].map(({ key, best, paths }) => ({
    key,
    nlri: best.nlri,
    nextHop: best.nextHop,
    attributes: best.attributes,
    peer: best.peer,
    paths: paths.length,
  }))
}

async function run(command: Command): Promise<void> {
  if ('listen' in command) {
    await running.tcp.listen(command.listen.address, command.listen.port)
    write({ listening: true })
  } else if ('event' in command) running.dispatch(command.event)
  else write({ answer: command.ask, value: answer(command.what) })
}

const lines = createInterface({ input: process.stdin })
for await (const line of lines) await run(JSON.parse(line) as Command)
running.dispatch({ event: 'shutdown', communication: 'end of the test' })
await running.close()
