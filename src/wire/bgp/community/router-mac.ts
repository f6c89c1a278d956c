// EVPN Router's MAC (RFC 9135 section 8.1): inner destination of routed frames. "router-mac:02:00:00:00:00:01"

import { parseMac } from '../../../net/index.js'
import { struct } from '../../codec.js'
import { mac } from '../../values.js'
import { coded, communityType } from './community.js'

export const routerMac = communityType({
  name: 'routerMac',
  codes: [0x0603],
  octets: coded(0x0603, struct({ mac })),
  word: 'router-mac',
  format: (value) => value.mac,
  parse: (text) => ({ mac: parseMac(text) }),
})
