// ORIGINATOR_ID (RFC 4456 section 8; malformed or from an external peer: RFC 7606 section 7.9).

import { ipv4 } from '../../values.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

export const originatorId = attributeType({
  code: 9,
  name: 'originatorId',
  flags: attributeClass.optional,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.optionalAttributeError,
  internalOnly: true,
  value: ipv4,
})
