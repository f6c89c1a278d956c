// Route Origin, "site of origin" (RFC 4360 section 5): where the route entered. "soo:65000:1"

import { parseRouteTarget } from '../../../net/index.js'
import { struct } from '../../codec.js'
import { administered, administeredCodes } from './administered.js'
import { communityType } from './community.js'

const SUB_TYPE = 0x03

export const routeOrigin = communityType({
  name: 'routeOrigin',
  codes: administeredCodes(SUB_TYPE),
  octets: struct({ origin: administered(SUB_TYPE) }),
  word: 'soo',
  format: (value) => value.origin,
  parse: (text) => ({ origin: parseRouteTarget(text) }),
})
