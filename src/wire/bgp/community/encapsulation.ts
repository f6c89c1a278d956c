// Encapsulation (RFC 9012 section 4.1, RFC 8365 section 5.1.3): reserved (4), tunnel type (2). "encap:vxlan"

import { reserved, struct, u16 } from '../../codec.js'
import { tunnelType } from '../iana.js'
import { coded, communityType, parseNumber } from './community.js'

const names = new Map<number, string>(Object.entries(tunnelType).map(([name, n]) => [n, name]))
const numbers = new Map<string, number>(Object.entries(tunnelType))

export const encapsulation = communityType({
  name: 'encapsulation',
  codes: [0x030c],
  octets: coded(0x030c, struct({ reserved: reserved(4), tunnelType: u16 })),
  word: 'encap',
  format: (value) => names.get(value.tunnelType) ?? String(value.tunnelType),
  parse: (text) => {
    const number = numbers.get(text) ?? parseNumber(text, 0xffff)
    return number === undefined ? undefined : { tunnelType: number }
  },
})
