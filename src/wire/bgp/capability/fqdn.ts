// FQDN (draft-walton-bgp-hostname-capability): host name and domain name, one octet of length before each.

import { prefixed, struct } from '../../codec.js'
import { utf8 } from '../../text.js'
import { capabilityType } from './capability.js'

export const fqdn = capabilityType({
  code: 73,
  name: 'fqdn',
  fields: struct({ hostName: prefixed(1, utf8), domainName: prefixed(1, utf8) }),
})
