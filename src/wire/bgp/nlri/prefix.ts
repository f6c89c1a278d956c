// IPv4 and IPv6 unicast NLRI (RFC 4271 section 4.3, RFC 4760 section 5), path id in front when negotiated
// (RFC 7911 section 3).

import type { Prefix } from '../../../net/index.js'
import type { Reader, Writer } from '../../codec.js'
import { prefixOf } from '../../values.js'
import type { WithPathId } from '../evpn/index.js'

/** One prefix of unicast NLRI. Host bits are masked, "irrelevant" as RFC 4271 calls them. */
export interface IpNlri extends WithPathId {
  readonly prefix: Prefix
}

const codecs = { 4: prefixOf(4), 6: prefixOf(6) }

/** Prefixes until the octets end. Throws WireError: a bad length leaves nothing after it readable. */
export function decodeIpNlri(r: Reader, family: 4 | 6, addPath: boolean): readonly IpNlri[] {
  const nlri: IpNlri[] = []
  while (r.remaining > 0) {
    if (addPath) {
      const pathId = r.u32()
      nlri.push({ prefix: codecs[family].decode(r), pathId })
    } else {
      nlri.push({ prefix: codecs[family].decode(r) })
    }
  }
  return nlri
}

/** The inverse of decodeIpNlri; `pathId` defaults to 0 when `addPath`. */
export function encodeIpNlri(
  w: Writer,
  nlri: readonly IpNlri[],
  family: 4 | 6,
  addPath: boolean,
): void {
  for (const { prefix, pathId } of nlri) {
    if (addPath) w.u32(pathId ?? 0)
    codecs[family].encode(w, prefix)
  }
}
