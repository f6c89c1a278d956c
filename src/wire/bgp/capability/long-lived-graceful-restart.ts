// Long-Lived Graceful Restart (RFC 9494 section 3): for each family AFI (2), SAFI (1), flags (1), stale time (3).

import { join, list, struct, u8, u16, u24 } from '../../codec.js'
import { capabilityType } from './capability.js'
import { forwardingFlag } from './graceful-restart.js'

export const longLivedGracefulRestart = capabilityType({
  code: 71,
  name: 'longLivedGracefulRestart',
  fields: struct({
    families: list(
      join(join(struct({ afi: u16, safi: u8 }), forwardingFlag), struct({ staleTimeSeconds: u24 })),
    ),
  }),
})
