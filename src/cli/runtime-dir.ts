// The instance that a command is about.

import type { Command } from 'commander'
import { runtimeDirOf } from '../host/instance/index.js'
import type { CliContext } from './context.js'

/** The runtime directory of a command: its option, wherever on the line, the environment, or the default. */
export function runtimeDirFor(command: Command, { environment }: CliContext): string {
  const { runtimeDir } = command.optsWithGlobals<{ readonly runtimeDir?: string }>()
  return runtimeDirOf(runtimeDir, environment)
}
