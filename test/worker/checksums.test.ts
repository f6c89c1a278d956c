// The checksum invariant between all port kinds and uplink kinds: whole dataplanes, real interfaces, a judge that sums by itself.

import { runNativeTests } from '../port/native-tests.js'

await runNativeTests({
  name: 'checksums',
  make: ['-C', 'native/worker/test', 'SANITIZER=address', 'worker-test'],
  program: 'build/hammer-address/worker-test',
  programs: ['ip'],
  atLeast: 3,
})
