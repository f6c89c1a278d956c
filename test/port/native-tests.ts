// Builds a program of native tests (native/port/test/support.hpp) and runs each of them. They have a process and a network namespace of their
// own, which end together: there is nothing to clean up.

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { missing, root } from '../lab/index.js'

let running: ChildProcess | undefined

function run(command: string, ...words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    running = child
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    child.on('error', reject)
    child.on('close', (status) => {
      if (status === 0) resolve(output)
      else reject(new Error(`${command} ${words.join(' ')}: status ${status}\n${output}`))
    })
  })
}

export interface NativeTests {
  /** For people: the folder of the tests. */
  readonly name: string
  /** Words behind `make`. */
  readonly make: readonly string[]
  readonly program: string
  readonly programs: readonly string[]
  readonly atLeast: number
}

export async function runNativeTests(tests: NativeTests): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      running?.kill('SIGKILL')
      process.exit(1)
    })
  const skip = missing('make', 'g++', 'flock', ...tests.programs)
  t.setTimeout(300_000)
  if (skip !== false) {
    t.test(tests.name, { skip }, async () => {})
    return
  }
  // Two tests may want the same objects at once.
  await run('flock', 'build/native-tests.lock', 'make', '-s', '-j2', ...tests.make)
  const program = join(root, tests.program)
  const names = (await run(program, '--list')).trim().split('\n')
  t.ok(names.length >= tests.atLeast, 'there are tests')
  for (const name of names)
    t.test(name.replaceAll('_', ' '), async (t) => {
      await t.resolves(run(program, name))
    })
}
