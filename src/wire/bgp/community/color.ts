// Color (RFC 9012 section 4.3): flags (2), colour (4). "color:0:100"

import { struct, u16, u32 } from '../../codec.js'
import { coded, communityType, parseNumber } from './community.js'

export const color = communityType({
  name: 'color',
  codes: [0x030b],
  octets: coded(0x030b, struct({ flags: u16, color: u32 })),
  word: 'color',
  format: (value) => `${value.flags}:${value.color}`,
  parse: (text) => {
    const parts = text.split(':')
    const flags = parseNumber(parts[0], 0xffff)
    const number = parseNumber(parts[1], 0xffffffff)
    if (parts.length !== 2 || flags === undefined || number === undefined) return undefined
    return { flags, color: number }
  },
})
