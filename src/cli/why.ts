// `vtep why`: the chain to a MAC, an IP address or a VTEP, as people read it.

import type { Command } from 'commander'
import type { WhyAnswer, WhyLink, WhyView } from '../host/views/index.js'
import { call } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { formatJson, type Paint, painter, type Style } from './style.js'

interface Mark {
  readonly sign: string
  readonly style: Style
}

const marks: { readonly [S in WhyLink['status']]: Mark } = {
  ok: { sign: '✔', style: 'green' },
  broken: { sign: '✘', style: 'red' },
  warning: { sign: '!', style: 'yellow' },
  unknown: { sign: '?', style: 'yellow' },
  skipped: { sign: '·', style: 'dim' },
}

const ofSeverity = { ok: marks.ok, warning: marks.warning, error: marks.broken } as const

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('why')
    .description('Why a MAC, an IP address or a VTEP is reached, or not.')
    .argument('<address>', 'MAC or IP address')
    .option('--network <network>', 'only in the network of this name or VNI')
    .option('--no-probe', 'do not ask the far VTEP for a sign of life')
    .option('-v, --verbose', 'with the evidence of each link')
    .option('-j, --json', 'as JSON, exactly as the API gives it')
    .addHelpText(
      'after',
      `
The chain is that of a frame from a tenant here to the address. The first broken link is the verdict, with what mends it.
Exit code 1 where no network reaches the address.`,
    )
  command.action(
    async (
      address: string,
      options: { network?: string; probe: boolean; verbose?: true; json?: true },
    ) => {
      const runtimeDir = runtimeDirFor(command, context)
      const query = {
        address,
        network: options.network,
        probe: options.probe ? undefined : 'false',
      }
      const view = await call<WhyView>(runtimeDir, { path: '/v1/why', query })
      context.stdout.write(
        options.json === true
          ? formatJson(view, context)
          : formatWhy(view, painter(context), options.verbose === true),
      )
      if (view.answers.every(({ verdict }) => verdict.severity === 'error'))
        throw new CommandFailure(exitCode.failed)
    },
  )
}

export function formatWhy({ query, answers }: WhyView, paint: Paint, verbose = false): string {
  return answers.map((answer) => formatAnswer(query.address, answer, paint, verbose)).join('\n')
}

function formatAnswer(
  address: string,
  { network, vni, mac, ips, verdict, chain }: WhyAnswer,
  paint: Paint,
  verbose: boolean,
): string {
  const place = network === null ? '' : ` in ${network}${vni === null ? '' : ` (VNI ${vni})`}`
  const also = [mac ?? '', ...ips].filter((one) => one !== '' && one !== address)
  const title = `${address}${place}${also.length === 0 ? '' : `: ${also.join(', ')}`}`
  const width = Math.max(...chain.map(({ link }) => link.length))
  const lines = chain.flatMap((link) => formatLink(link, width, paint, verbose))
  const { sign, style } = ofSeverity[verdict.severity]
  const fix = verdict.fix === null ? [] : [`  mend it: ${verdict.fix}`]
  return [
    paint('bold', title),
    ...lines,
    `${paint(style, `${sign} ${verdict.code}`)}: ${verdict.text}`,
    ...fix,
    '',
  ].join('\n')
}

function formatLink(
  { link, status, text, evidence, fix }: WhyLink,
  width: number,
  paint: Paint,
  verbose: boolean,
): string[] {
  const { sign, style } = marks[status]
  const name = link.padEnd(width)
  const isQuiet = status === 'skipped'
  const first = isQuiet
    ? paint('dim', `  ${sign} ${name}  ${text}`)
    : `  ${paint(style, sign)} ${name}  ${text}`
  const indent = ' '.repeat(width + 6)
  // That of the broken link stands below the verdict.
  const hint = fix === null || status === 'broken' ? [] : [paint('dim', `${indent}${fix}`)]
  const facts = verbose
    ? Object.entries(evidence).map(([key, value]) =>
        paint('dim', `${indent}${key}: ${JSON.stringify(value)}`),
      )
    : []
  return [first, ...hint, ...facts]
}
