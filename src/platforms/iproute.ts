// Interfaces by iproute2, in the network namespace of this process.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Rejects with an error of one sentence. */
export async function ip(...words: readonly string[]): Promise<string> {
  try {
    return (await run('ip', words)).stdout
  } catch (error) {
    const { stderr, message } = error as Error & { readonly stderr?: string }
    const reason = (stderr ?? '').trim() || message
    throw new Error(`ip ${words.join(' ')}: ${reason.replaceAll('\n', '; ')}`)
  }
}

/** Whether there is an interface of that name. /sys may be of another namespace, so it is no help. */
export const exists = (name: string): Promise<boolean> =>
  ip('link', 'show', 'dev', name).then(
    () => true,
    () => false,
  )
