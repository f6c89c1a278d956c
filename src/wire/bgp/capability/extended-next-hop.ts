// Extended Next Hop Encoding (RFC 8950 section 4): triples of NLRI AFI (2), NLRI SAFI (2), next hop AFI (2).

import { list, struct, u16 } from '../../codec.js'
import { capabilityType } from './capability.js'

export const extendedNextHop = capabilityType({
  code: 5,
  name: 'extendedNextHop',
  fields: struct({ families: list(struct({ afi: u16, safi: u16, nextHopAfi: u16 })) }),
})
