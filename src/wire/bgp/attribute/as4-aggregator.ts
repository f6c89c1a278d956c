// AS4_AGGREGATOR (RFC 6793 section 3; malformed: section 6).

import { updateError } from '../iana.js'
import { aggregatorOf } from './aggregator.js'
import { fourOctetAs } from './as-path.js'
import { attributeClass, attributeType } from './attribute.js'

export const as4Aggregator = attributeType({
  code: 18,
  name: 'as4Aggregator',
  flags: attributeClass.optionalTransitive,
  onMalformed: 'attribute-discard',
  subcode: updateError.optionalAttributeError,
  value: aggregatorOf(fourOctetAs),
})
