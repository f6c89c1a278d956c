// Default Gateway (RFC 7432 section 7.8): the route is that of a gateway. "default-gateway"

import { reserved, struct } from '../../codec.js'
import { coded, communityType } from './community.js'

export const defaultGateway = communityType({
  name: 'defaultGateway',
  codes: [0x030d],
  octets: coded(0x030d, struct({ reserved: reserved(6) })),
  word: 'default-gateway',
  format: () => '',
  parse: (text) => (text === '' ? {} : undefined),
})
