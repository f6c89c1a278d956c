// ATOMIC_AGGREGATE (RFC 4271 section 5.1.6; malformed: RFC 7606 section 7.6). No octets.

import type { Codec } from '../../codec.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

const present: Codec<true> = {
  shape: { kind: 'values', of: [true] },
  decode: () => true,
  encode: () => {},
}

export const atomicAggregate = attributeType({
  code: 6,
  name: 'atomicAggregate',
  flags: attributeClass.wellKnown,
  onMalformed: 'attribute-discard',
  subcode: updateError.attributeLengthError,
  value: present,
})
