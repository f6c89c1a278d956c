// `vtep trace --live`: frames that come by, on their way through this host.

import type { Command } from 'commander'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { addLiveOptions, type LiveOptions, traceLive } from './trace-live.js'

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('trace')
    .description('The way of frames through this host, step by step.')
    .option('--port <name>', 'the port that they come from')
    .option('-j, --json', 'as JSON, a line each')
  addLiveOptions(command).action(async (options: LiveOptions) => {
    if (options.live !== true)
      throw new CommandFailure(exitCode.usage, 'trace: expected --live, got nothing')
    await traceLive(runtimeDirFor(command, context), options, context)
  })
}
