// AS_PATH (RFC 4271 section 4.3; confederations: RFC 5065 section 3; malformed: RFC 7606 section 7.2).
//
//   +-----------------+------------------+------------------------------------+
//   | segment type (1)| number of AS (1) | AS numbers (2 or 4 octets each)    |  repeated
//   +-----------------+------------------+------------------------------------+

import { type Codec, list, mapped, type Reader, u16, u32 } from '../../codec.js'
import type { WireContext } from '../context.js'
import { AS_TRANS, updateError } from '../iana.js'
import { type AttributeCodec, attributeClass, attributeType } from './attribute.js'

const TYPES = ['set', 'sequence', 'confedSequence', 'confedSet'] as const

export interface AsPathSegment {
  readonly type: (typeof TYPES)[number]
  /** 1 to 255 of them. */
  readonly asns: readonly number[]
}

export type AsPath = readonly AsPathSegment[]

/** AS numbers of four octets; 0 is malformed (RFC 7607 section 2). */
export const fourOctetAs: Codec<number> = mapped(
  u32,
  { kind: 'uint', bits: 32, min: 1 },
  notZero,
  (asn) => asn,
)

/** AS numbers of two octets; what does not fit becomes AS_TRANS (RFC 6793 section 4.2.2). */
export const twoOctetAs: Codec<number> = mapped(
  u16,
  { kind: 'uint', bits: 16, min: 1 },
  notZero,
  (asn) => (asn > 0xffff ? AS_TRANS : asn),
)

function notZero(asn: number, r: Reader): number {
  if (asn === 0) throw r.error('WIRE_VALUE', 'AS number 0')
  return asn
}

/** Segments until the octets end, of AS numbers in the given size. */
export function segments(asn: Codec<number>): Codec<AsPath> {
  return list({
    shape: {
      kind: 'struct',
      fields: {
        type: { shape: { kind: 'values', of: TYPES } },
        asns: list(asn, { min: 1, max: 255 }),
      },
    },
    decode(r) {
      const code = r.u8()
      const type = TYPES[code - 1]
      if (type === undefined) throw r.error('WIRE_VALUE', `segment type ${code}`)
      const count = r.u8()
      if (count === 0) throw r.error('WIRE_LENGTH', 'a segment without AS numbers')
      const asns: number[] = []
      for (let i = 0; i < count; i++) asns.push(asn.decode(r))
      return { type, asns }
    },
    encode(w, segment) {
      w.u8(TYPES.indexOf(segment.type) + 1)
      w.u8(segment.asns.length)
      for (const number of segment.asns) asn.encode(w, number)
    },
  })
}

const sizes = { two: segments(twoOctetAs), four: segments(fourOctetAs) }

const value: AttributeCodec<AsPath> = {
  shape: sizes.four.shape,
  decode: (r, ctx) => of(ctx).decode(r),
  encode: (w, path, ctx) => of(ctx).encode(w, path),
}

function of(ctx: WireContext): Codec<AsPath> {
  return ctx.fourOctetAs ? sizes.four : sizes.two
}

export const asPath = attributeType({
  code: 2,
  name: 'asPath',
  flags: attributeClass.wellKnown,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.malformedAsPath,
  value,
})
