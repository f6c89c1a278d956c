// LARGE_COMMUNITY (RFC 8092; malformed: section 6).

import { list, struct, u32, type ValueOf } from '../../codec.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

const largeCommunity = struct({ administrator: u32, local1: u32, local2: u32 })

export type LargeCommunity = ValueOf<typeof largeCommunity>

export const largeCommunities = attributeType({
  code: 32,
  name: 'largeCommunities',
  flags: attributeClass.optionalTransitive,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.optionalAttributeError,
  value: list(largeCommunity, { min: 1 }),
})
