// ESI Label (RFC 7432 section 7.5): flags (1), reserved (2), label (3). "esi-label:0,singleActive"
// Under VXLAN the label is not used (RFC 8365 section 8.3.1); the flag still counts.

import { bitFields, flag } from '../../bits.js'
import { join, reserved, struct, u24 } from '../../codec.js'
import { coded, communityType, formatFlags, parseFlags, parseNumber } from './community.js'

export const esiLabel = communityType({
  name: 'esiLabel',
  codes: [0x0601],
  octets: coded(
    0x0601,
    join(bitFields(1, { singleActive: flag(0) }), struct({ reserved: reserved(2), label: u24 })),
  ),
  word: 'esi-label',
  format: (value) => [value.label, ...formatFlags(value, ['singleActive'])].join(','),
  parse: (text) => {
    const [number, ...words] = text.split(',')
    const label = parseNumber(number, 0xffffff)
    const flags = parseFlags(words, ['singleActive'])
    return label === undefined || flags === undefined ? undefined : { ...flags, label }
  },
})
