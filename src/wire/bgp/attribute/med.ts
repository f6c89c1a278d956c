// MULTI_EXIT_DISC (RFC 4271 section 5.1.4; malformed: RFC 7606 section 7.4).

import { u32 } from '../../codec.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

export const med = attributeType({
  code: 4,
  name: 'med',
  flags: attributeClass.optional,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.attributeLengthError,
  value: u32,
})
