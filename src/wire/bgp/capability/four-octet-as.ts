// Four-octet AS numbers (RFC 6793 section 3): the sender's AS number.

import { struct, u32 } from '../../codec.js'
import { capabilityType } from './capability.js'

export const fourOctetAs = capabilityType({
  code: 65,
  name: 'fourOctetAs',
  fields: struct({ asn: u32 }),
})
