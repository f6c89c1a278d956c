// Builds and runs the hammer (native/worker/test) under one of gcc's sanitizers.

import type { Test } from 'tap'
import { attempt, missing } from '../lab/index.js'
import { builtNative, nativeTools } from '../lab/native.js'
import { controlPath } from './rings.js'

/** Why it can not run here, or false. */
export const hammerMissing = missing('g++', ...nativeTools)

/** The whole of core, ports and workers while everything happens at once; whatever the sanitizer says is a failure. */
export async function hammer(t: Test, sanitizer: 'thread' | 'address'): Promise<void> {
  const program = await builtNative(sanitizer, 'hammer')
  const { code, stdout, stderr } = await attempt([program, '4', '2', controlPath(t)], {
    timeoutSeconds: 60,
  })
  t.equal(stderr, '')
  t.equal(code, 0)
  t.match(stdout, /^hammer: \d+ batches/)
}
