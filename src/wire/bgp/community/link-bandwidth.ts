// Link Bandwidth (draft-ietf-idr-link-bandwidth): AS (2), octets per second as a float (4). "bandwidth:65000:1.25e8"

import { float32, struct, u16 } from '../../codec.js'
import { coded, communityType, parseNumber } from './community.js'

export const linkBandwidth = communityType({
  name: 'linkBandwidth',
  codes: [0x4004],
  octets: coded(0x4004, struct({ asn: u16, bytesPerSecond: float32 })),
  word: 'bandwidth',
  format: (value) => `${value.asn}:${value.bytesPerSecond}`,
  parse: (text) => {
    const parts = text.split(':')
    const asn = parseNumber(parts[0], 0xffff)
    if (parts.length !== 2 || asn === undefined || parts[1] === '') return undefined
    const bytesPerSecond = Math.fround(Number(parts[1]))
    return { asn, bytesPerSecond }
  },
})
