// `vtep run`: the daemon in the foreground.

import type { Command } from 'commander'
import { stateDirOf } from '../host/instance/index.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'

interface RunOptions {
  readonly config?: string
  readonly dataplaneOnly?: true
  readonly controllerOnly?: true
  readonly stateDir?: string
  readonly workers?: string
  readonly fastPath: boolean
}

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('run')
    .description('Run the daemon in the foreground: controller and dataplane.')
    .option('--config <file>', 'configuration file')
    .option('--dataplane-only', 'only forward; a controller attaches')
    .option(
      '--controller-only',
      'attach to a dataplane that runs already, and leave it forwarding at the end',
    )
    .option(
      '--state-dir <directory>',
      'where run-time additions survive a restart (VTEP_STATE_DIR; default: /var/lib/NAME for /run/NAME, else state/ in the runtime directory)',
    )
    .option('--workers <n>', 'worker threads of --dataplane-only')
    .option('--no-fast-path', '--dataplane-only without programs in the kernel')
    .addHelpText(
      'after',
      `
Prints "vtep: ready" when BGP listens, the dataplane forwards and the ports are open.
SIGTERM and SIGINT withdraw all routes and end it; SIGHUP reads the configuration again.`,
    )
  command.action(async (options: RunOptions) => {
    const runtimeDir = runtimeDirFor(command, context)
    if (options.dataplaneOnly === true) {
      if (options.controllerOnly === true)
        throw usage('--dataplane-only or --controller-only', 'both')
      // Neither half loads the other's code.
      const { runDataplaneDaemon } = await import('./dataplane-daemon.js')
      const workers = workersOf(options.workers)
      await runDataplaneDaemon({ runtimeDir, workers, fastPath: options.fastPath, ...context })
      return
    }
    if (options.config === undefined) throw usage('--config FILE', 'nothing')
    if (options.workers !== undefined)
      throw usage('dataplane.workers in the configuration', '--workers')
    if (!options.fastPath) throw usage('dataplane.fastPath in the configuration', '--no-fast-path')
    const { runDaemon } = await import('./daemon.js')
    await runDaemon({
      configFile: options.config,
      runtimeDir,
      stateDir: stateDirOf(options.stateDir, context.environment, runtimeDir),
      ownsDataplane: options.controllerOnly !== true,
      ...context,
    })
  })
}

function workersOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const workers = Number(text)
  if (Number.isInteger(workers) && workers >= 1 && workers <= 16) return workers
  throw usage('--workers 1 to 16', JSON.stringify(text))
}

function usage(expected: string, got: string): CommandFailure {
  return new CommandFailure(exitCode.usage, `run: expected ${expected}, got ${got}`)
}
