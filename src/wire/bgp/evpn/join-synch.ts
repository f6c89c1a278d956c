// Type 7, Multicast Membership Report Synch (RFC 9251 section 9.2): a receiver behind a segment was heard by one of the VTEPs
// that share it. As type 6, with the segment behind the RD.

import { struct, u32 } from '../../codec.js'
import { esi, routeDistinguisher } from '../../values.js'
import { channelFields, channelProblem, membershipFlags, sized } from './multicast.js'
import { type RouteOf, routeType } from './route-type.js'

export const joinSynch = routeType({
  code: 7,
  name: 'joinSynch',
  fields: struct({
    rd: routeDistinguisher,
    esi,
    ethernetTag: u32,
    ...channelFields,
    flags: membershipFlags,
  }),
  key: ['rd', 'esi', 'ethernetTag', 'source', 'group', 'originator'],
  check: (route) => channelProblem(route),
  text: (route) =>
    `[7]:[${route.ethernetTag}]:[${route.esi}]:${sized(route.source)}:${sized(route.group)}:${sized(route.originator)}`,
})

export type JoinSynchRoute = RouteOf<typeof joinSynch>
