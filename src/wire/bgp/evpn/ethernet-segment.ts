// Type 4, Ethernet Segment (RFC 7432 section 7.4).
//
//   +---------------------------------------+
//   |  RD (8 octets)                        |
//   +---------------------------------------+
//   |Ethernet Segment Identifier (10 octets)|
//   +---------------------------------------+
//   |  IP Address Length (1 octet)          |
//   +---------------------------------------+
//   |  Originating Router's IP Address      |
//   |          (4 or 16 octets)             |
//   +---------------------------------------+

import { ipFamily } from '../../../net/index.js'
import { struct } from '../../codec.js'
import { esi, ipByBitLength, routeDistinguisher } from '../../values.js'
import { type RouteOf, routeType } from './route-type.js'

/** Who is attached to a segment: what the designated forwarder election counts. */
export const ethernetSegment = routeType({
  code: 4,
  name: 'es',
  fields: struct({ rd: routeDistinguisher, esi, originator: ipByBitLength }),
  key: ['rd', 'esi', 'originator'],
  text: (route) => {
    const bits = ipFamily(route.originator) === 4 ? 32 : 128
    return `[4]:[${route.esi}]:[${bits}]:[${route.originator}]`
  },
})

export type EsRoute = RouteOf<typeof ethernetSegment>
