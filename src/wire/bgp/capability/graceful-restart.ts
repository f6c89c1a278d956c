// Graceful Restart (RFC 4724 section 3), with the N bit of RFC 8538 section 2.
//
//   +--------------------------------------------------+
//   | Restart Flags (4 bits)                           |
//   +--------------------------------------------------+
//   | Restart Time in seconds (12 bits)                |
//   +--------------------------------------------------+
//   | Address Family Identifier (16 bits)              |  repeated
//   | Subsequent Address Family Identifier (8 bits)    |
//   | Flags for Address Family (8 bits)                |
//   +--------------------------------------------------+

import { bitFields, flag, narrow } from '../../bits.js'
import { join, list, struct, u8, u16 } from '../../codec.js'
import { capabilityType } from './capability.js'

/** `forwarding`: the sender kept its forwarding state for the family over the restart (F bit). */
export const forwardingFlag = bitFields(1, { forwarding: flag(7) })

export const gracefulRestart = capabilityType({
  code: 64,
  name: 'gracefulRestart',
  fields: join(
    bitFields(2, { restarting: flag(15), notification: flag(14), timeSeconds: narrow(0, 12) }),
    struct({ families: list(join(struct({ afi: u16, safi: u8 }), forwardingFlag)) }),
  ),
})
