// LOCAL_PREF (RFC 4271 section 5.1.5; malformed or from an external peer: RFC 7606 section 7.5).

import { u32 } from '../../codec.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

export const localPref = attributeType({
  code: 5,
  name: 'localPref',
  flags: attributeClass.wellKnown,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.attributeLengthError,
  internalOnly: true,
  value: u32,
})
