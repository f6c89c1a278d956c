// TCP (RFC 9293 section 3.1) and UDP (RFC 768).

import { struct, u8, u16, u32 } from '../codec.js'

/**
 *     |           sourcePort          |        destinationPort        |
 *     |                           sequence                            |
 *     |                        acknowledgment                         |
 *     | offset|  rsv  |     flags     |            window             |
 *     |            checksum           |         urgentPointer         |
 */
export const tcpHeader = struct({
  sourcePort: u16,
  destinationPort: u16,
  sequence: u32,
  acknowledgment: u32,
  dataOffset: u8,
  flags: u8,
  window: u16,
  checksum: u16,
  urgentPointer: u16,
})
export const TCP_LENGTH = 20
export const TCP_CHECKSUM_OFFSET = 16
export const tcpFlags = { fin: 0x01, psh: 0x08, cwr: 0x80 } as const

export const udpHeader = struct({
  sourcePort: u16,
  destinationPort: u16,
  length: u16,
  checksum: u16,
})
export const UDP_LENGTH = 8
export const UDP_CHECKSUM_OFFSET = 6
