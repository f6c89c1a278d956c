// The checksum invariant between all port kinds and uplink kinds: whole dataplanes, real interfaces, a judge that sums by itself.

import { runNativeTests } from '../port/native-tests.js'

await runNativeTests({
  name: 'checksums',
  program: 'worker-test',
  programs: ['ip'],
  atLeast: 3,
})
