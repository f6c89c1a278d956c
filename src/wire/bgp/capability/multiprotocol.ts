// Multiprotocol Extensions (RFC 4760 section 8): AFI (2), reserved (1), SAFI (1).

import { reserved, struct, u8, u16 } from '../../codec.js'
import { capabilityType } from './capability.js'

export const multiprotocol = capabilityType({
  code: 1,
  name: 'multiprotocol',
  fields: struct({ afi: u16, reserved: reserved(1), safi: u8 }),
})
