// Route Target (RFC 4360 section 4): which tables import the route. "rt:65000:10100"

import { parseRouteTarget } from '../../../net/index.js'
import { struct } from '../../codec.js'
import { administered, administeredCodes } from './administered.js'
import { communityType } from './community.js'

const SUB_TYPE = 0x02

export const routeTarget = communityType({
  name: 'routeTarget',
  codes: administeredCodes(SUB_TYPE),
  octets: struct({ target: administered(SUB_TYPE) }),
  word: 'rt',
  format: (value) => value.target,
  parse: (text) => ({ target: parseRouteTarget(text) }),
})
