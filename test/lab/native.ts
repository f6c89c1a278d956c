// Programs of native/Makefile: tests, and what tests run, with a sanitizer in them.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.js'
import { root } from './vtep.js'

export type Sanitizer = 'address' | 'thread' | 'fuzzer' | 'none'

/** What `builtNative` needs, but for the compiler: g++, or clang++ for a fuzzer. */
export const nativeTools = ['make', 'flock', 'setpriv'] as const

/** The program's path, when it is up to date: the first time that takes a minute, and more on a busy machine. */
export async function builtNative(sanitizer: Sanitizer, program: string): Promise<string> {
  mkdirSync(join(root, 'build'), { recursive: true })
  // Ends with us, and one at a time: programs share objects.
  const alone = ['setpriv', '--pdeathsig', 'TERM', 'flock', '-F', join(root, 'build/native.lock')]
  const make = ['make', '-s', '-j2', '-C', join(root, 'native'), `SANITIZER=${sanitizer}`, program]
  await run([...alone, ...make], { timeoutSeconds: 400 })
  return join(root, 'build', sanitizer, program)
}
