// Multicast Flags (RFC 9251 section 9.4): flags (2), reserved (4). Of a type 3 route: whether its sender answers for its
// receivers, so that it gets only the groups it announces. "multicast:igmp,mld", "multicast:igmp,0x4"
// Flags of later documents (RFC 9625) survive.

import { bitFields, flag, narrow } from '../../bits.js'
import { join, reserved, struct } from '../../codec.js'
import { coded, communityType, formatFlags, parseFlags, parseNumber } from './community.js'

const NAMES = ['igmp', 'mld'] as const
const SHIFT = 2

/** `others`: the other flags, from the third on. */
export const multicastFlags = communityType({
  name: 'multicastFlags',
  codes: [0x0609],
  octets: coded(
    0x0609,
    join(
      bitFields(2, { igmp: flag(0), mld: flag(1), others: narrow(SHIFT, 14) }),
      struct({ reserved: reserved(4) }),
    ),
  ),
  word: 'multicast',
  format: (value) => {
    const others = value.others === 0 ? [] : [`0x${(value.others << SHIFT).toString(16)}`]
    return [...formatFlags(value, NAMES), ...others].join(',')
  },
  parse: (text) => {
    const words = text === '' ? [] : text.split(',')
    const numbers = words.filter((word) => word.startsWith('0x'))
    const others = numbers.length === 0 ? 0 : parseNumber(numbers[0], 0xffff)
    const flags = parseFlags(
      words.filter((word) => !word.startsWith('0x')),
      NAMES,
    )
    if (numbers.length > 1 || others === undefined || others % 4 !== 0) return undefined
    return flags && { ...flags, others: others >> SHIFT }
  },
})
