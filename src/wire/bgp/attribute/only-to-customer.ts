// Only to Customer (RFC 9234 section 5): the AS after which a route goes to customers alone. Malformed: treat as withdraw.

import { u32 } from '../../codec.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

export const onlyToCustomer = attributeType({
  code: 35,
  name: 'onlyToCustomer',
  flags: attributeClass.optionalTransitive,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.attributeLengthError,
  value: u32,
})
