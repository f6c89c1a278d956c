// `vtep check FILE`: everything that is wrong with a configuration, at once.

import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { knownPortKinds, loadConfig, reasonOf } from '../host/index.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { formatJson, painter } from './style.js'

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('check')
    .description('Check a configuration file: every problem with path, line, expected and got.')
    .argument('<file>', 'configuration file; - for standard input')
    .option('-j, --json', 'as JSON: { "problems": […], "hints": […] }')
  command.action((file: string, options: { readonly json?: true }) => {
    const loaded = loadConfig(
      readText(file),
      file === '-' ? 'standard input' : file,
      knownPortKinds(),
    )
    const problems = 'problems' in loaded ? loaded.problems : []
    const hints = 'hints' in loaded ? loaded.hints : []
    if (options.json === true) context.stdout.write(formatJson({ problems, hints }, context))
    else {
      const paint = painter(context)
      const lines = [
        ...problems.map(({ text }) => text),
        ...hints.map(({ text }) => `${paint('yellow', 'hint:')} ${text}`),
        ...(problems.length === 0 ? [`${file}: ${paint('green', 'good')}`] : []),
      ]
      context.stdout.write(`${lines.join('\n')}\n`)
    }
    if (problems.length > 0) throw new CommandFailure(exitCode.failed)
  })
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new CommandFailure(exitCode.failed, `configuration ${file}: ${reasonOf(error)}`)
  }
}
