// `vtep import`: a configuration in the place of FRR and the kernel's VXLAN devices.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import {
  formatNote,
  type Imported,
  importConfig,
  knownPortKinds,
  readHost,
  reasonOf,
} from '../host/index.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { formatJson } from './style.js'

const USUAL_FILE = '/etc/frr/frr.conf'

interface ImportOptions {
  readonly frr: string | boolean
  readonly devices: boolean
  readonly output?: string
  readonly json?: true
}

export function define(program: Command, context: CliContext): void {
  program
    .command('import')
    .description(
      "Write a configuration that takes the place of FRR and of the kernel's bridges and vxlan devices on this host. What is not carried over is said, line by line.",
    )
    .option('--frr <file>', `FRR's configuration (default: ${USUAL_FILE}, if it is there)`)
    .option('--no-frr', 'without one')
    .option('--no-devices', "without the kernel's devices")
    .option(
      '-o, --output <file>',
      'write it here, readable by its owner alone: it may have passwords',
    )
    .option('-j, --json', 'as JSON: the configuration, notes, commands to change over, problems')
    .addHelpText('after', '\nExit code 1 when `vtep check` would refuse the result.')
    .action(async (options: ImportOptions) => {
      const frr = readFrr(options.frr)
      const imported = importConfig(
        {
          ...(frr === undefined ? {} : { frr }),
          ...(options.devices ? { devices: await readHost() } : {}),
        },
        knownPortKinds(),
      )
      if (options.output !== undefined) write(options.output, imported)
      if (options.json === true) context.stdout.write(formatJson(imported, context))
      else if (options.output === undefined) context.stdout.write(imported.yaml)
      for (const note of options.json === true ? [] : imported.notes)
        context.stderr.write(`${formatNote(note)}\n`)
      if (imported.problems.length > 0)
        throw new CommandFailure(exitCode.failed, ...imported.problems.map(({ text }) => text))
    })
}

/** Commander has true for an option of the form --no-NAME that is not given. */
function readFrr(given: string | boolean): { text: string; file: string } | undefined {
  if (given === false) return undefined
  const isNamed = typeof given === 'string'
  const file = isNamed ? given : USUAL_FILE
  if (!isNamed && !existsSync(file)) return undefined
  try {
    return { text: readFileSync(file, 'utf8'), file }
  } catch (error) {
    throw new CommandFailure(exitCode.failed, `${file}: ${reasonOf(error)}`)
  }
}

function write(file: string, { yaml }: Imported): void {
  try {
    writeFileSync(file, yaml, { mode: 0o600 })
  } catch (error) {
    throw new CommandFailure(exitCode.failed, `${file}: ${reasonOf(error)}`)
  }
}
