// EVI-RT (RFC 9251 section 9.5): the route target of the network that a type 7 or 8 route is about, where the route itself goes
// by its segment's ES-Import target. Sub-types 0x0a to 0x0c are the forms of a route target. "evi-rt:65000:10100"

import { parseRouteTarget, routeTargetFromBytes, routeTargetToBytes } from '../../../net/index.js'
import type { Codec } from '../../codec.js'
import { struct } from '../../codec.js'
import { communityType } from './community.js'

const TYPE = 0x06
const FIRST_SUB_TYPE = 0x0a

const target: Codec<string> = {
  shape: { kind: 'text', name: 'routeTarget' },
  decode(r) {
    const at = r.take(8)
    return routeTargetFromBytes(r.octets[at + 1]! - FIRST_SUB_TYPE, r.octets, at + 2)
  },
  encode(w, value) {
    const { form, bytes } = routeTargetToBytes(value)
    w.u8(TYPE)
    w.u8(FIRST_SUB_TYPE + form)
    w.bytes(bytes)
  },
}

export const eviRouteTarget = communityType({
  name: 'eviRouteTarget',
  codes: [0, 1, 2].map((form) => (TYPE << 8) | (FIRST_SUB_TYPE + form)),
  octets: struct({ target }),
  word: 'evi-rt',
  format: (value) => value.target,
  parse: (text) => ({ target: parseRouteTarget(text) }),
})
