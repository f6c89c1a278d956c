// Route targets and route origins (RFC 4360 sections 4 and 5, RFC 5668): the type octet selects the form, the
// sub-type the meaning. Only the transitive types 0x00, 0x01 and 0x02.

import { routeTargetFromBytes, routeTargetToBytes } from '../../../net/index.js'
import type { Codec } from '../../codec.js'

/** The codes of forms 0, 1 and 2 for a sub-type. */
export function administeredCodes(subType: number): readonly number[] {
  return [subType, 0x0100 | subType, 0x0200 | subType]
}

/** All eight octets as the text of `net`. */
export function administered(subType: number): Codec<string> {
  return {
    shape: { kind: 'text', name: 'routeTarget' },
    decode(r) {
      const at = r.take(8)
      return routeTargetFromBytes(r.octets[at]!, r.octets, at + 2)
    },
    encode(w, value) {
      const { form, bytes } = routeTargetToBytes(value)
      w.u8(form)
      w.u8(subType)
      w.bytes(bytes)
    },
  }
}
