// Builds and runs the hammer (native/worker/test) under one of gcc's sanitizers.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { findProgram } from '../lab/requires.js'
import { controlPath } from './rings.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const absent = ['g++', 'make', 'flock'].filter((name) => findProgram(name) === undefined)

/** Why it can not run here, or false. */
export const hammerMissing = absent.length > 0 && `not installed: ${absent.join(', ')}`

/** The whole of core, ports and workers while everything happens at once; whatever the sanitizer says is a failure. */
export function hammer(t: Test, sanitizer: 'thread' | 'address'): void {
  const build = spawnSync(
    'flock',
    [
      'build/native-tests.lock',
      'make',
      '-s',
      '-j2',
      '-C',
      'native/worker/test',
      `SANITIZER=${sanitizer}`,
    ],
    { cwd: root, encoding: 'utf8' },
  )
  t.equal(build.status, 0, build.stderr)
  const { status, stdout, stderr } = spawnSync(
    join(root, `build/hammer-${sanitizer}/hammer`),
    ['4', '2', controlPath(t)],
    { encoding: 'utf8', timeout: 60_000 },
  )
  t.equal(stderr, '')
  t.equal(status, 0)
  t.match(stdout, /^hammer: \d+ batches/)
}
