// Hosts that look for a router, and what only looks like one.

import fc from 'fast-check'
import type { Mac } from '../../src/net/index.js'
import type { Frame } from '../../src/wire/frame/index.js'
import { macA, macB, routerSolicitation } from './frames.js'

export const solicitations = (source: fc.Arbitrary<Mac>): fc.Arbitrary<Frame> =>
  fc
    .record({
      source,
      from: fc.constantFrom('fd00::10', '::', 'fe80::1', 'ff02::1'),
      linkAddress: fc.constantFrom(undefined, macA, macB),
      options: fc.option(fc.uint8Array({ maxLength: 12 }), { nil: undefined }),
      hopLimit: fc.constantFrom(255, 255, 255, 64),
      code: fc.constantFrom(0, 0, 0, 1),
      checksumError: fc.constantFrom(0, 0, 0, 1),
    })
    .map(({ linkAddress, options, ...rest }) =>
      routerSolicitation({
        ...rest,
        ...(linkAddress === undefined ? {} : { linkAddress }),
        ...(options === undefined ? {} : { options }),
      }),
    )
