// A command line in this process: what it prints and its exit code, without the time that a process takes to start.

import { Writable } from 'node:stream'
import { runCommandLine } from '../../src/cli/index.js'

export interface Told {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export async function tell(words: readonly string[], runtimeDir = '/nonexistent'): Promise<Told> {
  const texts = { stdout: '', stderr: '' }
  const into = (key: keyof typeof texts): Writable =>
    new Writable({
      write(chunk, _, done) {
        texts[key] += String(chunk)
        done()
      },
    })
  const environment = { VTEP_RUNTIME_DIR: runtimeDir }
  const context = { stdout: into('stdout'), stderr: into('stderr'), environment }
  return { code: await runCommandLine(words, context), ...texts }
}
