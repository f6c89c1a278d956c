// The pure parts of native/worker (when to sleep, who runs where), built with sanitizers.

import t from 'tap'
import { attempt, missing } from '../lab/index.js'
import { builtNative, nativeTools } from '../lab/native.js'

t.setTimeout(590_000)
t.test('native/worker, pure parts', { skip: missing('g++', ...nativeTools) }, async (t) => {
  const { code, stdout, stderr } = await attempt([await builtNative('address', 'pure')])
  t.equal(code, 0, stderr)
  t.equal(stdout, 'pure: all hold\n')
})
