// DF Election (RFC 8584 section 2.2), with the preference of RFC 9785. "df:1,0x4000,100"
//
//   |Type=0x06 | Sub-Type(0x06)| RSV |  DF Alg |    Bitmap     |
//   |    Bitmap     |   Reserved    |       DF Preference       |

import { bitFields, narrow } from '../../bits.js'
import { join, reserved, struct, u16 } from '../../codec.js'
import { coded, communityType, parseNumber } from './community.js'

/** `bitmap`: 0x4000 AC-influenced DF, 0x8000 don't pre-empt. `preference` is 0 where the algorithm has none. */
export const dfElection = communityType({
  name: 'dfElection',
  codes: [0x0606],
  octets: coded(
    0x0606,
    join(
      bitFields(1, { algorithm: narrow(0, 5) }),
      struct({ bitmap: u16, reserved: reserved(1), preference: u16 }),
    ),
  ),
  word: 'df',
  format: (value) => `${value.algorithm},0x${value.bitmap.toString(16)},${value.preference}`,
  parse: (text) => {
    const parts = text.split(',')
    const algorithm = parseNumber(parts[0], 31)
    const bitmap = parseNumber(parts[1], 0xffff)
    const preference = parseNumber(parts[2], 0xffff)
    if (parts.length !== 3 || algorithm === undefined || bitmap === undefined) return undefined
    return preference === undefined ? undefined : { algorithm, bitmap, preference }
  },
})
