// Type 5, IP Prefix (RFC 9136 section 3.1). 34 octets for IPv4, 58 for IPv6, nothing else.
//
//   +---------------------------------------+
//   |      RD (8 octets)                    |
//   +---------------------------------------+
//   |Ethernet Segment Identifier (10 octets)|
//   +---------------------------------------+
//   |  Ethernet Tag ID (4 octets)           |
//   +---------------------------------------+
//   |  IP Prefix Length (1 octet, 0 to 128) |
//   +---------------------------------------+
//   |  IP Prefix (4 or 16 octets)           |
//   +---------------------------------------+
//   |  GW IP Address (4 or 16 octets)       |
//   +---------------------------------------+
//   |  MPLS Label (3 octets)                |
//   +---------------------------------------+

import {
  type Ip,
  ipFamily,
  ipToBytes,
  type Prefix,
  prefixFromBytes,
  splitPrefix,
  ZERO_ESI,
} from '../../../net/index.js'
import { byLength, type Codec, struct, u24, u32 } from '../../codec.js'
import { esi, ipv4, ipv6, routeDistinguisher } from '../../values.js'
import { type RouteOf, routeType } from './route-type.js'

const fieldsOf = (prefix: Codec<Prefix>, gateway: Codec<Ip>) =>
  struct({ rd: routeDistinguisher, esi, ethernetTag: u32, prefix, gateway, label: u24 })

/** `gateway` is the zero address when there is no gateway overlay index. Host bits of the prefix are masked. */
export const ipPrefix = routeType({
  code: 5,
  name: 'prefix',
  fields: byLength(
    [
      { length: 34, of: fieldsOf(wholePrefix(4), ipv4) },
      { length: 58, of: fieldsOf(wholePrefix(6), ipv6) },
    ],
    (route) => (ipFamily(route.prefix) === 4 ? 34 : 58),
  ),
  key: ['rd', 'ethernetTag', 'prefix'],
  /** "If both are set, the receiver treats the route as withdrawn" (RFC 9136 section 3.1). */
  check: (route) =>
    route.esi !== ZERO_ESI && !isZero(route.gateway)
      ? 'both an ESI and a gateway as overlay index'
      : undefined,
  text: (route) => {
    const { address, length } = splitPrefix(route.prefix)
    return `[5]:[${route.ethernetTag}]:[${length}]:[${address}]`
  },
})

export type PrefixRoute = RouteOf<typeof ipPrefix>

function isZero(ip: Ip): boolean {
  return ip === '0.0.0.0' || ip === '::'
}

/** One octet of length in bits, then the whole address. */
function wholePrefix(family: 4 | 6): Codec<Prefix> {
  const size = family === 4 ? 4 : 16
  return {
    shape: { kind: 'text', name: family === 4 ? 'ipv4Prefix' : 'ipv6Prefix' },
    decode(r) {
      const bits = r.u8()
      if (bits > 8 * size) throw r.error('WIRE_LENGTH', `a prefix of ${bits} bits`)
      return prefixFromBytes(r.bytes(size), bits)
    },
    encode(w, value) {
      const { address, length } = splitPrefix(value)
      w.u8(length)
      w.bytes(ipToBytes(address))
    },
  }
}
