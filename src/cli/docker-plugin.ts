// `vtep docker-plugin`: Docker's network driver beside the daemon. A process of its own: the engine always finds its socket,
// also while the daemon restarts, and the daemon need not write to the engine's directories.

import { once } from 'node:events'
import type { Command } from 'commander'
import { type Api, DOCKER_SOCKET, kernelInterfaces, serveDocker } from '../platforms/index.js'
import { call } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { watchSignals } from './signals.js'

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('docker-plugin')
    .description('Serve `docker network create -d vtep -o vni=NUMBER`, until ended.')
    .option('--socket <path>', 'where Docker looks for the plugin', DOCKER_SOCKET)
  command.action(async ({ socket }: { readonly socket: string }) => {
    const runtimeDir = runtimeDirFor(command, context)
    const api: Api = {
      call: <T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) =>
        call<T>(runtimeDir, { method, path, ...(body === undefined ? {} : { body }) }),
    }
    const signals = watchSignals()
    const server = await serveDocker(socket, { api, interfaces: kernelInterfaces }).catch(
      (error) => {
        throw new CommandFailure(exitCode.failed, (error as Error).message)
      },
    )
    context.stdout.write('vtep: ready\n')
    await signals.ended
    signals.forget()
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
}
