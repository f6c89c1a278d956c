// `vtep show …`: what a network team types and reads at a switch or in vtysh, in FRR's words, columns and JSON keys. What FRR
// knows and we have no counterpart of (versions of its tables, queues) is left out rather than made up.

import type { Command } from 'commander'
import { call } from '../client.js'
import { type CliContext, CommandFailure, exitCode } from '../context.js'
import { runtimeDirFor } from '../runtime-dir.js'
import { bgpRoutes } from './bgp-routes.js'
import { bgpSummary } from './bgp-summary.js'
import { evpnArpCache } from './evpn-arp-cache.js'
import { evpnEs } from './evpn-es.js'
import { evpnMac } from './evpn-mac.js'
import { evpnRmac } from './evpn-rmac.js'
import { evpnVni } from './evpn-vni.js'
import type { Answer, Ask, ShowCommand } from './show-command.js'

/** Adding a command is a file and a row here. */
const shows: readonly ShowCommand[] = [
  ...bgpSummary,
  ...bgpRoutes,
  ...evpnVni,
  ...evpnMac,
  ...evpnArpCache,
  ...evpnRmac,
  ...evpnEs,
]

export function define(program: Command, context: CliContext): void {
  const lines = shows.map(({ words, summary }) => `  ${words.padEnd(42)} ${summary}`)
  const command = program
    .command('show')
    .description("The network team's words: show commands as FRR has them.")
    .argument('[words...]', 'as below; words may be cut short')
    .option('-j, --json', "as JSON with FRR's keys; so does the last word json")
    .addHelpText('after', `\nCommands:\n${lines.join('\n')}\n`)
  command.action(async (given: readonly string[], options: { readonly json?: true }) => {
    const asJson = options.json === true || given.at(-1) === 'json'
    const words = given.at(-1) === 'json' ? given.slice(0, -1) : given
    const { show, values } = find(words)
    const runtimeDir = runtimeDirFor(command, context)
    const ask: Ask = (view, query = {}) => call(runtimeDir, { path: `/v1/${view}`, query })
    const answer: Answer = await show.run(ask, values)
    context.stdout.write(
      asJson ? `${JSON.stringify(answer.json, undefined, 2)}\n` : `${answer.text}\n`,
    )
  })
}

function find(words: readonly string[]): {
  readonly show: ShowCommand
  readonly values: Readonly<Record<string, string>>
} {
  const found = shows.flatMap((show) => {
    const values = match(show.words.split(' '), words)
    return values === undefined ? [] : [{ show, values }]
  })
  // A word that is whole beats one that is the beginning of another.
  const exact = found.filter(({ show }) =>
    show.words.split(' ').every((word, i) => /^[<]/.test(word) || word === words[i]),
  )
  const [one, another] = exact.length > 0 ? exact : found
  if (one !== undefined && another === undefined) return one
  const got = words.length === 0 ? 'nothing' : `"${words.join(' ')}"`
  const problem = one === undefined ? got : `${got}, which may be several`
  throw new CommandFailure(
    exitCode.usage,
    `show: expected one of: ${shows.map((show) => show.words).join('; ')}; got ${problem}`,
  )
}

/** Values of the words in angle brackets, or undefined where the words are others. */
function match(
  pattern: readonly string[],
  words: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== words.length) return undefined
  const values: Record<string, string> = {}
  for (const [i, word] of pattern.entries()) {
    if (word.startsWith('<')) values[word.slice(1, -1)] = words[i]!
    else if (!word.startsWith(words[i]!)) return undefined
  }
  return values
}
