// The test program of native/port, built with the address and undefined-behaviour sanitizers.

import { runNativeTests } from './native-tests.js'

await runNativeTests({
  name: 'native/port',
  program: 'port-test',
  programs: ['fping', 'tc', 'ethtool'],
  atLeast: 30,
})
