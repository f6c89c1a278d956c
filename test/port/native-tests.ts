// Builds a program of native tests (native/port/test/support.hpp) and runs each of them. They have a process and a network namespace of their
// own, which end together: there is nothing to clean up.

import t from 'tap'
import { missing, run } from '../lab/index.js'
import { builtNative, nativeTools } from '../lab/native.js'

export interface NativeTests {
  /** For people: the folder of the tests. */
  readonly name: string
  /** A program of native/Makefile. */
  readonly program: string
  readonly programs: readonly string[]
  readonly atLeast: number
}

export async function runNativeTests(tests: NativeTests): Promise<void> {
  const skip = missing('g++', ...nativeTools, ...tests.programs)
  t.setTimeout(590_000)
  if (skip !== false) {
    t.test(tests.name, { skip }, async () => {})
    return
  }
  const program = await builtNative('address', tests.program)
  const names = (await run([program, '--list'])).trim().split('\n')
  t.ok(names.length >= tests.atLeast, 'there are tests')
  for (const name of names)
    t.test(name.replaceAll('_', ' '), async (t) => {
      // One that does not end, or is left by us, ends too.
      await t.resolves(
        run(['setpriv', '--pdeathsig', 'KILL', program, name], { timeoutSeconds: 280 }),
      )
    })
}
