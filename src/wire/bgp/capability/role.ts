// BGP Role (RFC 9234 section 4.1): what the sender's AS is to the receiver's, one of `iana.bgpRole`.

import { struct, u8 } from '../../codec.js'
import { capabilityType } from './capability.js'

export const role = capabilityType({
  code: 9,
  name: 'role',
  fields: struct({ role: u8 }),
})
