// Type 8, Multicast Leave Synch (RFC 9251 section 9.3): a receiver behind a segment said that it leaves. As type 7, with four
// reserved octets and the Maximum Response Time in front of the flags.

import { reserved, struct, u8, u32 } from '../../codec.js'
import { esi, routeDistinguisher } from '../../values.js'
import { channelFields, channelProblem, membershipFlags, sized } from './multicast.js'
import { type RouteOf, routeType } from './route-type.js'

/** `maxResponseTime`: as in the query that follows the leave, in tenths of a second. */
export const leaveSynch = routeType({
  code: 8,
  name: 'leaveSynch',
  fields: struct({
    rd: routeDistinguisher,
    esi,
    ethernetTag: u32,
    ...channelFields,
    reserved: reserved(4),
    maxResponseTime: u8,
    flags: membershipFlags,
  }),
  key: ['rd', 'esi', 'ethernetTag', 'source', 'group', 'originator'],
  check: (route) => channelProblem(route),
  text: (route) =>
    `[8]:[${route.ethernetTag}]:[${route.esi}]:${sized(route.source)}:${sized(route.group)}:${sized(route.originator)}`,
})

export type LeaveSynchRoute = RouteOf<typeof leaveSynch>
