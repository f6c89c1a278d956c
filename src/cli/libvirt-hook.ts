// `vtep libvirt-hook`: what bin/libvirt/vtep runs with the arguments and the standard input that libvirt gives a hook.

import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { hookPhase, kernelTaps, runHook } from '../platforms/index.js'
import { call } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'

/** Distributions' names for the user that QEMU runs as. */
const qemuUsers = ['libvirt-qemu', 'qemu']

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('libvirt-hook')
    .description('Attach and detach the interfaces of a libvirt domain: a hook for QEMU domains.')
    .argument('<guest>', 'name of the domain')
    .argument('<operation>', 'as libvirt says: prepare, reconnect, release; others do nothing')
    .argument('<suboperation>', 'begin or end')
    .argument('[extra]', 'of no interest')
  command.action(async (guest: string, operation: string, suboperation: string) => {
    const phase = hookPhase(operation, suboperation)
    if (phase === undefined) return
    const runtimeDir = runtimeDirFor(command, context)
    const owner = socketOwner()
    try {
      await runHook(
        {
          api: {
            call: (method, path, body) =>
              call(runtimeDir, { method, path, ...(body === undefined ? {} : { body }) }),
          },
          taps: kernelTaps,
          ...(owner === undefined ? {} : { socketOwner: owner }),
        },
        phase,
        await standardInput(),
      )
    } catch (error) {
      const lines =
        error instanceof CommandFailure
          ? error.lines
          : [error instanceof Error ? error.message : String(error)]
      const said = lines.map((line) => `domain ${guest}: ${line}`)
      if (phase.mayFail !== true)
        throw new CommandFailure(
          error instanceof CommandFailure ? error.code : exitCode.failed,
          ...said,
        )
      for (const line of said) context.stderr.write(`vtep: ${line}\n`)
    }
  })
}

async function standardInput(): Promise<string> {
  let text = ''
  for await (const part of process.stdin.setEncoding('utf8')) text += part
  return text
}

function socketOwner(): string | undefined {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':')[0])
  return qemuUsers.find((name) => accounts.includes(name))
}
