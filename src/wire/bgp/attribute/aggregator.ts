// AGGREGATOR (RFC 4271 section 5.1.7, RFC 6793 section 4; malformed: RFC 7606 section 7.7).

import { type Codec, struct, type ValueOf } from '../../codec.js'
import { ipv4 } from '../../values.js'
import { updateError } from '../iana.js'
import { fourOctetAs, twoOctetAs } from './as-path.js'
import { type AttributeCodec, attributeClass, attributeType } from './attribute.js'

/** An AS number of the given size, then an IPv4 address. */
export const aggregatorOf = (asn: Codec<number>) => struct({ asn, address: ipv4 })

const sizes = { two: aggregatorOf(twoOctetAs), four: aggregatorOf(fourOctetAs) }

export type Aggregator = ValueOf<typeof sizes.four>

const value: AttributeCodec<Aggregator> = {
  shape: sizes.four.shape,
  decode: (r, ctx) => (ctx.fourOctetAs ? sizes.four : sizes.two).decode(r),
  encode: (w, aggregator, ctx) => (ctx.fourOctetAs ? sizes.four : sizes.two).encode(w, aggregator),
}

export const aggregator = attributeType({
  code: 7,
  name: 'aggregator',
  flags: attributeClass.optionalTransitive,
  onMalformed: 'attribute-discard',
  subcode: updateError.optionalAttributeError,
  value,
})
