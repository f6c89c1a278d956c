// EXTENDED COMMUNITIES (RFC 4360; malformed: RFC 7606 section 7.14).

import { list } from '../../codec.js'
import { extendedCommunity } from '../community/index.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

export const extendedCommunities = attributeType({
  code: 16,
  name: 'extendedCommunities',
  flags: attributeClass.optionalTransitive,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.optionalAttributeError,
  value: list(extendedCommunity, { min: 1 }),
})
