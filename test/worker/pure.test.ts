// The pure parts of native/worker (when to sleep, who runs where), built with sanitizers.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { missing, root } from '../lab/index.js'

t.setTimeout(120_000)
t.test('native/worker, pure parts', { skip: missing('make', 'g++', 'flock') }, async (t) => {
  // Two tests may want the same objects at once.
  const words = ['build/native-tests.lock', 'make', '-s', '-C', 'native/worker/test/pure']
  const build = spawnSync('flock', words, { cwd: root, encoding: 'utf8' })
  t.equal(build.status, 0, build.stderr)
  const { status, stdout, stderr } = spawnSync(join(root, 'build/worker-pure/pure'), {
    encoding: 'utf8',
    timeout: 30_000,
  })
  t.equal(status, 0, stderr)
  t.equal(stdout, 'pure: all hold\n')
})
