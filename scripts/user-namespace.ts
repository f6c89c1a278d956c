// Without root, a user namespace makes us root over networks of our own: enough for everything but devices of the host.

import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const marker = 'VTEP_IN_USER_NAMESPACE'

/** True when this process may build networks: it is root, or has been started again inside a user namespace. */
export function mayBuildNetworks(): boolean {
  return process.getuid?.() === 0
}

export const inUserNamespace = (): boolean => process.env[marker] !== undefined

/**
 * Runs a script again as root of a new user namespace, with a /run of its own for the names of network namespaces.
 * Answers its exit status. Signals of the terminal reach it directly; others are passed on.
 */
export function runInUserNamespace(
  scriptUrl: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  if (spawnSync('unshare', ['-Urnm', 'true']).status !== 0) {
    process.stderr.write(
      'demo: no privilege: expected root or user namespaces for ordinary users (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces); run: sudo npm run demo\n',
    )
    return Promise.resolve(1)
  }
  // Without --fork, unshare becomes the shell and that becomes Node: one process, one pid to signal.
  const inside = 'mount -t tmpfs tmpfs /run && exec "$0" "$@"'
  const argv = [
    '-Urnm',
    '--',
    'sh',
    '-c',
    inside,
    process.execPath,
    fileURLToPath(scriptUrl),
    ...args,
  ]
  const child = spawn('unshare', argv, {
    stdio: 'inherit',
    env: { ...process.env, ...environment, [marker]: '1' },
  })
  // Ctrl-C goes to the whole foreground group; we wait for the child to clean up.
  process.on('SIGINT', () => undefined)
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) => {
    child.on('error', () => resolve(127))
    child.on('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 130))
  })
}
