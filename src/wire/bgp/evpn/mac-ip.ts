// Type 2, MAC/IP Advertisement (RFC 7432 section 7.2).
//
//   +---------------------------------------+
//   |  RD (8 octets)                        |
//   +---------------------------------------+
//   |Ethernet Segment Identifier (10 octets)|
//   +---------------------------------------+
//   |  Ethernet Tag ID (4 octets)           |
//   +---------------------------------------+
//   |  MAC Address Length (1 octet)         |
//   +---------------------------------------+
//   |  MAC Address (6 octets)               |
//   +---------------------------------------+
//   |  IP Address Length (1 octet)          |
//   +---------------------------------------+
//   |  IP Address (0, 4, or 16 octets)      |
//   +---------------------------------------+
//   |  MPLS Label1 (3 octets)               |
//   +---------------------------------------+
//   |  MPLS Label2 (0 or 3 octets)          |
//   +---------------------------------------+

import { ipFamily } from '../../../net/index.js'
import { optional, struct, u24, u32 } from '../../codec.js'
import { esi, mac, optionalIpByBitLength, routeDistinguisher } from '../../values.js'
import { macByBitLength, type RouteOf, routeType } from './route-type.js'

/** `label` is the L2 VNI and `label2` the L3 VNI under VXLAN (RFC 8365 section 5.1.3, RFC 9135); both raw. */
export const macIp = routeType({
  code: 2,
  name: 'macIp',
  fields: struct({
    rd: routeDistinguisher,
    esi,
    ethernetTag: u32,
    mac: macByBitLength(mac),
    ip: optionalIpByBitLength,
    label: u24,
    label2: optional(u24),
  }),
  key: ['rd', 'ethernetTag', 'mac', 'ip'],
  text: (route) => {
    const host = `[2]:[${route.ethernetTag}]:[48]:[${route.mac}]`
    if (route.ip === undefined) return host
    return `${host}:[${ipFamily(route.ip) === 4 ? 32 : 128}]:[${route.ip}]`
  },
})

export type MacIpRoute = RouteOf<typeof macIp>
