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
  readonly polling?: string
  readonly cpus?: string
  readonly record?: string
  readonly dryRun?: true
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
    .option(
      '--dry-run',
      'only check the configuration, and that the dataplane that runs is one for this version',
    )
    .option('--record <file>', 'write every event of the controller to a file for `vtep replay`')
    .option('--workers <n>', 'worker threads of --dataplane-only')
    .option('--no-fast-path', '--dataplane-only without programs in the kernel')
    .option('--polling <mode>', 'of --dataplane-only: adaptive, never or always')
    .option('--cpus <list>', 'of --dataplane-only: CPUs that the workers are fixed to, as 0,1')
    .addHelpText(
      'after',
      `
Prints "vtep: ready" when BGP listens, the dataplane forwards and the ports are open.
SIGTERM and SIGINT withdraw all routes and end it; SIGHUP reads the configuration again. SIGUSR2 ends the controller at once
and leaves the dataplane and what the peers know to the next one.`,
    )
  command.action(async (options: RunOptions) => {
    const runtimeDir = runtimeDirFor(command, context)
    if (options.dataplaneOnly === true) {
      if (options.config !== undefined) refuseTwice(options)
      if (options.controllerOnly === true)
        throw usage('--dataplane-only or --controller-only', 'both')
      // Neither half loads the other's code.
      const { runDataplaneDaemon } = await import('./dataplane-daemon.js')
      await runDataplaneDaemon({
        runtimeDir,
        workers: workersOf(options),
        configFile: options.config,
        ...context,
      })
      return
    }
    if (options.config === undefined) throw usage('--config FILE', 'nothing')
    refuseTwice(options)
    if (options.dryRun === true) {
      const { checkDataplane, configOfFile } = await import('../host/index.js')
      configOfFile(options.config)
      const runs = await checkDataplane(runtimeDir)
      if (options.controllerOnly === true && !runs)
        throw new CommandFailure(exitCode.failed, `run: no dataplane answers in ${runtimeDir}`)
      return
    }
    const { runDaemon } = await import('./daemon.js')
    await runDaemon({
      configFile: options.config,
      runtimeDir,
      stateDir: stateDirOf(options.stateDir, context.environment, runtimeDir),
      ownsDataplane: options.controllerOnly !== true,
      record: options.record,
      ...context,
    })
  })
}

/** Where there is a configuration, the workers are told there. */
function refuseTwice(options: RunOptions): void {
  for (const key of ['workers', 'polling', 'cpus'] as const)
    if (options[key] !== undefined) throw usage(`dataplane.${key} in the configuration`, `--${key}`)
  if (!options.fastPath) throw usage('dataplane.fastPath in the configuration', '--no-fast-path')
}

const POLLING = ['adaptive', 'never', 'always'] as const

function workersOf({ workers, polling, cpus, fastPath }: RunOptions) {
  const mode = POLLING.find((name) => name === polling)
  if (polling !== undefined && mode === undefined)
    throw usage(`--polling ${POLLING.join(', ')}`, JSON.stringify(polling))
  return {
    fastPath,
    ...(workers === undefined ? {} : { workers: numberOf(workers, 1, 16, '--workers 1 to 16') }),
    ...(mode === undefined ? {} : { polling: mode }),
    ...(cpus === undefined ? {} : { cpus: cpusOf(cpus) }),
  }
}

const cpusOf = (text: string): number[] =>
  text.split(',').map((cpu) => numberOf(cpu, 0, 65535, '--cpus a list of CPU numbers, as 0,1'))

function numberOf(text: string, minimum: number, maximum: number, expected: string): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= minimum && number <= maximum) return number
  throw usage(expected, JSON.stringify(text))
}

function usage(expected: string, got: string): CommandFailure {
  return new CommandFailure(exitCode.usage, `run: expected ${expected}, got ${got}`)
}
