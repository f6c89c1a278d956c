// NEXT_HOP (RFC 4271 section 5.1.3; malformed: RFC 7606 section 7.3). Only for NLRI outside MP_REACH_NLRI.

import { ipv4 } from '../../values.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

export const nextHop = attributeType({
  code: 3,
  name: 'nextHop',
  flags: attributeClass.wellKnown,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.invalidNextHopAttribute,
  value: ipv4,
})
