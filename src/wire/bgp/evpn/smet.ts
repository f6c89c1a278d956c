// Type 6, Selective Multicast Ethernet Tag (RFC 9251 section 9.1): a VTEP has receivers of a group.
//
//   +---------------------------------------+
//   |  RD (8 octets)                        |
//   +---------------------------------------+
//   |  Ethernet Tag ID (4 octets)           |
//   +---------------------------------------+
//   |  Multicast Source Length (1 octet)    |
//   +---------------------------------------+
//   |  Multicast Source Address (variable)  |
//   +---------------------------------------+
//   |  Multicast Group Length (1 octet)     |
//   +---------------------------------------+
//   |  Multicast Group Address (Variable)   |
//   +---------------------------------------+
//   |  Originator Router Length (1 octet)   |
//   +---------------------------------------+
//   |  Originator Router Address (variable) |
//   +---------------------------------------+
//   |  Flags (1 octet)                      |
//   +---------------------------------------+

import { struct, u32 } from '../../codec.js'
import { routeDistinguisher } from '../../values.js'
import { channelFields, channelProblem, membershipFlags, sized } from './multicast.js'
import { type RouteOf, routeType } from './route-type.js'

export const smet = routeType({
  code: 6,
  name: 'smet',
  fields: struct({
    rd: routeDistinguisher,
    ethernetTag: u32,
    ...channelFields,
    flags: membershipFlags,
  }),
  key: ['rd', 'ethernetTag', 'source', 'group', 'originator'],
  check: (route) => channelProblem(route),
  text: (route) =>
    `[6]:[${route.ethernetTag}]:${sized(route.source)}:${sized(route.group)}:${sized(route.originator)}`,
})

export type SmetRoute = RouteOf<typeof smet>
