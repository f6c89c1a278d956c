// EVPN ARP/ND (RFC 9047 section 2): flags (1), reserved (5). "arp-nd", "arp-nd:router,override"

import { bitFields, flag } from '../../bits.js'
import { join, reserved, struct } from '../../codec.js'
import { coded, communityType, formatFlags, parseFlags } from './community.js'

const NAMES = ['router', 'override', 'immutable'] as const

export const arpNd = communityType({
  name: 'arpNd',
  codes: [0x0608],
  octets: coded(
    0x0608,
    join(
      bitFields(1, { router: flag(0), override: flag(1), immutable: flag(3) }),
      struct({ reserved: reserved(5) }),
    ),
  ),
  word: 'arp-nd',
  format: (value) => formatFlags(value, NAMES).join(','),
  parse: (text) => parseFlags(text === '' ? [] : text.split(','), NAMES),
})
