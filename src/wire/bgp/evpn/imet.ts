// Type 3, Inclusive Multicast Ethernet Tag (RFC 7432 section 7.3).
//
//   +---------------------------------------+
//   |  RD (8 octets)                        |
//   +---------------------------------------+
//   |  Ethernet Tag ID (4 octets)           |
//   +---------------------------------------+
//   |  IP Address Length (1 octet)          |
//   +---------------------------------------+
//   |  Originating Router's IP Address      |
//   |          (4 or 16 octets)             |
//   +---------------------------------------+

import { ipFamily } from '../../../net/index.js'
import { struct, u32 } from '../../codec.js'
import { ipByBitLength, routeDistinguisher } from '../../values.js'
import { type RouteOf, routeType } from './route-type.js'

/** The tunnel itself is in the PMSI Tunnel attribute. */
export const imet = routeType({
  code: 3,
  name: 'imet',
  fields: struct({ rd: routeDistinguisher, ethernetTag: u32, originator: ipByBitLength }),
  key: ['rd', 'ethernetTag', 'originator'],
  text: (route) => {
    const bits = ipFamily(route.originator) === 4 ? 32 : 128
    return `[3]:[${route.ethernetTag}]:[${bits}]:[${route.originator}]`
  },
})

export type ImetRoute = RouteOf<typeof imet>
