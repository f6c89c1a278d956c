// VXLAN (RFC 7348 section 5).

import { reserved, struct, u8, u24 } from '../codec.js'

/**
 *     |R|R|R|R|I|R|R|R|                   reserved                    |
 *     |                      VNI                      |   reserved    |
 */
export const vxlanHeader = struct({
  flags: u8,
  reserved1: reserved(3),
  vni: u24,
  reserved2: reserved(1),
})
export const VXLAN_LENGTH = 8

/** The VNI is valid. */
export const VXLAN_INSTANCE = 0x08
/** Version, next protocol and OAM bits of VXLAN-GPE: what follows is then not (only) an Ethernet frame. */
export const VXLAN_OTHER_FORMAT = 0x35
