// Tells systemd how far we are (sd_notify(3)), when NOTIFY_SOCKET is set. Node has no unix datagram sockets, so the
// message goes through systemd-notify(1); the unit therefore needs NotifyAccess=all.

import { spawn } from 'node:child_process'

export type NotifyState = 'READY=1' | 'STOPPING=1' | 'RELOADING=1'

/** Resolves when the message is out, or can not be sent: a supervisor that does not listen is no reason to stop. */
export function notify(
  state: NotifyState,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  if (environment['NOTIFY_SOCKET'] === undefined) return Promise.resolve()
  // A reload is timed by the supervisor: the time of its begin goes along.
  const time = `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`
  const words = state === 'RELOADING=1' ? [state, time] : [state]
  return new Promise((resolve) => {
    const child = spawn('systemd-notify', [`--pid=${process.pid}`, ...words], {
      stdio: 'ignore',
      env: { ...environment } as NodeJS.ProcessEnv,
    })
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
}
