// ORIGIN (RFC 4271 section 5.1.1; malformed: RFC 7606 section 7.1).

import { mapped, u8 } from '../../codec.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

const NAMES = ['igp', 'egp', 'incomplete'] as const

export type Origin = (typeof NAMES)[number]

export const origin = attributeType({
  code: 1,
  name: 'origin',
  flags: attributeClass.wellKnown,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.invalidOriginAttribute,
  value: mapped<number, Origin>(
    u8,
    { kind: 'values', of: NAMES },
    (code, r) => {
      const name = NAMES[code]
      if (name === undefined) throw r.error('WIRE_VALUE', `origin ${code}`)
      return name
    },
    (name) => NAMES.indexOf(name),
  ),
})
