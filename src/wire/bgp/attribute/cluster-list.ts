// CLUSTER_LIST (RFC 4456 section 8; malformed or from an external peer: RFC 7606 section 7.10).

import { list } from '../../codec.js'
import { ipv4 } from '../../values.js'
import { updateError } from '../iana.js'
import { attributeClass, attributeType } from './attribute.js'

export const clusterList = attributeType({
  code: 10,
  name: 'clusterList',
  flags: attributeClass.optional,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.optionalAttributeError,
  internalOnly: true,
  value: list(ipv4, { min: 1 }),
})
