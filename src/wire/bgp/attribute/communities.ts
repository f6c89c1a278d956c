// COMMUNITIES (RFC 1997; malformed: RFC 7606 section 7.8).

import { list, u32 } from '../../codec.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

export const communities = attributeType({
  code: 8,
  name: 'communities',
  flags: attributeClass.optionalTransitive,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.optionalAttributeError,
  value: list(u32, { min: 1 }),
})

/** "65000:1": the upper and the lower sixteen bits. */
export function formatCommunity(community: number): string {
  return `${community >>> 16}:${community & 0xffff}`
}
