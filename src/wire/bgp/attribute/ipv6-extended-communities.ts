// IPv6 Address Specific Extended Communities (RFC 5701; malformed: RFC 7606 section 7.15). Kept as octets.

import { bytes, list } from '../../codec.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

export const ipv6ExtendedCommunities = attributeType({
  code: 25,
  name: 'ipv6ExtendedCommunities',
  flags: attributeClass.optionalTransitive,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.optionalAttributeError,
  value: list(bytes(20), { min: 1 }),
})
