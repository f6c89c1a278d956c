// MAC Mobility (RFC 7432 section 7.7): flags (1), reserved (1), sequence number (4). "mm:5", "mm:5,sticky"

import { bitFields, flag } from '../../bits.js'
import { join, reserved, struct, u32 } from '../../codec.js'
import { coded, communityType, formatFlags, parseFlags, parseNumber } from './community.js'

export const macMobility = communityType({
  name: 'macMobility',
  codes: [0x0600],
  octets: coded(
    0x0600,
    join(bitFields(1, { sticky: flag(0) }), struct({ reserved: reserved(1), sequence: u32 })),
  ),
  word: 'mm',
  format: (value) => [value.sequence, ...formatFlags(value, ['sticky'])].join(','),
  parse: (text) => {
    const [number, ...words] = text.split(',')
    const sequence = parseNumber(number, 0xffffffff)
    const flags = parseFlags(words, ['sticky'])
    return sequence === undefined || flags === undefined ? undefined : { ...flags, sequence }
  },
})
