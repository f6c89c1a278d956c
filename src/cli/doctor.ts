// `vtep doctor`: the findings first, each with what mends it; what is only a symptom stands below its cause.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import type { DoctorCheck, DoctorView } from '../host/views/index.js'
import { call } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { formatJson, type Paint, painter, type Style } from './style.js'

const marks: {
  readonly [S in DoctorCheck['status']]: { readonly sign: string; readonly style: Style }
} = {
  ok: { sign: '✔', style: 'green' },
  warning: { sign: '!', style: 'yellow' },
  error: { sign: '✘', style: 'red' },
  skipped: { sign: '·', style: 'dim' },
}

const isFinding = ({ status }: DoctorCheck): boolean => status === 'warning' || status === 'error'

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('doctor')
    .description('What is not as it should be, why, and what mends it.')
    .option('-a, --all', 'symptoms of what is found, too, and what is well')
    .option('-w, --watch [seconds]', 'again and again, and only what has changed', parseSeconds)
    .option('-j, --json', 'as JSON, exactly as the API gives it; with --watch a line each time')
    .addHelpText(
      'after',
      `
Asks every VTEP by ICMP echo; takes some seconds. Changes nothing.
Exit code 0 where all is well, 1 for findings.`,
    )
  command.action(async (options: { all?: true; watch?: number | true; json?: true }) => {
    const runtimeDir = runtimeDirFor(command, context)
    const paint = painter(context)
    const ask = (): Promise<DoctorView> => call<DoctorView>(runtimeDir, { path: '/v1/doctor' })
    if (options.watch !== undefined) {
      const seconds = options.watch === true ? WATCH_SECONDS : options.watch
      await watch(ask, seconds, options.json === true, context, paint)
      return
    }
    const view = await ask()
    context.stdout.write(
      options.json === true
        ? formatJson(view, context)
        : formatDoctor(view, paint, options.all === true),
    )
    if (!view.ok) throw new CommandFailure(exitCode.failed)
  })
}

const WATCH_SECONDS = 10

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds >= 1 && seconds <= 86_400))
    throw new InvalidArgumentError('expected a number of seconds, 1 to 86400.')
  return seconds
}

/** Until it is interrupted. */
async function watch(
  ask: () => Promise<DoctorView>,
  seconds: number,
  json: boolean,
  { stdout }: CliContext,
  paint: Paint,
): Promise<void> {
  let before: DoctorView | undefined
  for (;;) {
    const view = await ask()
    if (json) stdout.write(`${JSON.stringify(view)}\n`)
    else if (before === undefined) stdout.write(formatDoctor(view, paint))
    else stdout.write(formatChanges(before, view, paint))
    before = view
    await sleep(seconds * 1000)
  }
}

/** What is found and hidden by nothing. With `all`, everything by group. */
export function formatDoctor({ checks, ok }: DoctorView, paint: Paint, all = false): string {
  const lines: string[] = []
  if (all) {
    const groups = [...new Set(checks.map(({ group }) => group))]
    for (const group of groups) {
      lines.push(paint('bold', group))
      for (const check of checks)
        if (check.group === group) lines.push(...formatCheck(check, paint))
    }
  } else {
    for (const check of checks)
      if (isFinding(check) && check.hiddenBy === null) lines.push(...formatCheck(check, paint))
  }
  const hidden = checks.filter(({ hiddenBy }) => hiddenBy !== null).length
  const skipped = checks.filter(({ status }) => status === 'skipped').length
  const well = checks.filter(({ status }) => status === 'ok').length
  const found = checks.filter((check) => isFinding(check) && check.hiddenBy === null).length
  const parts = [
    ok
      ? paint('green', 'all is well')
      : paint('red', found === 1 ? '1 finding' : `${found} findings`),
    ...(hidden === 0 ? [] : [`${hidden} more that come of it (--all)`]),
    `${well} checks well`,
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
  ]
  return `${[...lines, parts.join(', ')].join('\n')}\n`
}

function formatCheck(check: DoctorCheck, paint: Paint): string[] {
  const { code, title, status, evidence, fix, hiddenBy } = check
  const { sign, style } = marks[status]
  if (!isFinding(check)) return [`  ${paint(style, sign)} ${title}: ${evidence}`]
  if (hiddenBy !== null)
    return [`  ${paint('dim', `· ${code}: ${evidence} (comes of ${hiddenBy})`)}`]
  return [
    `  ${paint(style, `${sign} ${code}`)}: ${evidence}`,
    ...(fix === null ? [] : [`      ${fix}`]),
  ]
}

const keyOf = ({ code, evidence }: DoctorCheck): string =>
  // Numbers move all the time: another count of the same is no change.
  `${code} ${evidence.replace(/\d+(\.\d+)?(?= (frames|times|ms))/g, '#')}`

/** What came and what went. */
export function formatChanges(before: DoctorView, now: DoctorView, paint: Paint): string {
  const shown = ({ checks }: DoctorView): Map<string, DoctorCheck> =>
    new Map(
      checks
        .filter((check) => isFinding(check) && check.hiddenBy === null)
        .map((check) => [keyOf(check), check]),
    )
  const [old, fresh] = [shown(before), shown(now)]
  const time = paint('dim', now.time.replace('T', ' ').slice(0, 19))
  const came = [...fresh].filter(([key]) => !old.has(key)).map(([, check]) => check)
  const gone = [...old].filter(([key]) => !fresh.has(key)).map(([, check]) => check)
  const lines = [
    ...came.flatMap((check) => [time, ...formatCheck(check, paint)]),
    ...gone.map(
      ({ code, evidence }) => `${time} ${paint('green', '✔')} ${code} is over: ${evidence}`,
    ),
  ]
  return lines.map((line) => `${line}\n`).join('')
}
