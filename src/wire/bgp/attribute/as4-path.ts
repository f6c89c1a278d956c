// AS4_PATH (RFC 6793 section 3; malformed: section 6). Confederation segments in it are dropped by whoever merges it.

import { updateError } from '../iana.js'
import { fourOctetAs, segments } from './as-path.js'
import { attributeClass, attributeType } from './attribute.js'

export const as4Path = attributeType({
  code: 17,
  name: 'as4Path',
  flags: attributeClass.optionalTransitive,
  onMalformed: 'attribute-discard',
  subcode: updateError.optionalAttributeError,
  value: segments(fourOctetAs),
})
