// Type 1, Ethernet Auto-Discovery (RFC 7432 section 7.1).
//
//   +---------------------------------------+
//   |  Route Distinguisher (RD) (8 octets)  |
//   +---------------------------------------+
//   |Ethernet Segment Identifier (10 octets)|
//   +---------------------------------------+
//   |  Ethernet Tag ID (4 octets)           |
//   +---------------------------------------+
//   |  MPLS Label (3 octets)                |
//   +---------------------------------------+

import { struct, u24, u32 } from '../../codec.js'
import { esi, routeDistinguisher } from '../../values.js'
import { type RouteOf, routeType } from './route-type.js'

/** Per segment when `ethernetTag` is 0xffffffff, else per EVI. `label` is raw: VNI or MPLS, as encapsulated. */
export const ethernetAd = routeType({
  code: 1,
  name: 'ead',
  fields: struct({ rd: routeDistinguisher, esi, ethernetTag: u32, label: u24 }),
  key: ['rd', 'esi', 'ethernetTag'],
  text: (route) => `[1]:[${route.ethernetTag}]:[${route.esi}]`,
})

export type EadRoute = RouteOf<typeof ethernetAd>
