// IPv4 (RFC 791), IPv6 (RFC 8200) and the extension headers that stand between IPv6 and its payload.

import type { Ip } from '../../net/index.js'
import { bytes, struct, u8, u16 } from '../codec.js'
import { ipv4, ipv6 } from '../values.js'
import { encoded } from './bytes.js'

export const protocols = {
  hopByHop: 0,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  routing: 43,
  fragment: 44,
  authentication: 51,
  icmp6: 58,
  destinationOptions: 60,
  pim: 103,
  sctp: 132,
  udpLite: 136,
} as const

/**
 *     |version|  ihl  |      tos      |          totalLength          |
 *     |         identification        |flags|     fragmentOffset      |
 *     |      ttl      |    protocol   |            checksum           |
 *     |                             source                            |
 *     |                          destination                          |
 *     options: (ihl - 5) * 4 octets
 */
export const ipv4Header = struct({
  versionIhl: u8,
  tos: u8,
  totalLength: u16,
  identification: u16,
  flagsFragmentOffset: u16,
  ttl: u8,
  protocol: u8,
  checksum: u16,
  source: ipv4,
  destination: ipv4,
})
export const IPV4_LENGTH = 20
export const DONT_FRAGMENT = 0x4000

/**
 *     |version| traffic class |             flow label                |
 *     |         payloadLength         |  nextHeader   |    hopLimit   |
 *     |                        source (16), destination (16)          |
 */
export const ipv6Header = struct({
  versionClassFlow: bytes(4),
  payloadLength: u16,
  nextHeader: u8,
  hopLimit: u8,
  source: ipv6,
  destination: ipv6,
})
export const IPV6_LENGTH = 40

/** In front of an ICMPv6 message of so many octets. */
export function icmp6Header(
  source: Ip,
  destination: Ip,
  payloadLength: number,
  hopLimit: number,
): Uint8Array {
  return encoded(ipv6Header, {
    versionClassFlow: Uint8Array.of(0x60, 0, 0, 0),
    payloadLength,
    nextHeader: protocols.icmp6,
    hopLimit,
    source,
    destination,
  })
}

/** Head of a hop-by-hop, routing, destination options or authentication header. */
export const extensionHeader = struct({ nextHeader: u8, length: u8 })

/** RFC 8200 section 4.5. */
export const fragmentHeader = struct({
  nextHeader: u8,
  reserved: u8,
  offsetFlags: u16,
  identification: bytes(4),
})
