// Ethernet II and VLAN tags (IEEE 802.3 section 3.1.1, IEEE 802.1Q section 9.6).

import { struct, u16 } from '../codec.js'
import { mac } from '../values.js'

export const etherTypes = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  serviceVlan: 0x88a8,
} as const

/**
 *     | destination (6) | source (6) | etherType (2) |
 */
export const ethernet = struct({ destination: mac, source: mac, etherType: u16 })

/** What follows an etherType of vlan or serviceVlan: priority, DEI and VLAN id, then the next etherType. */
export const vlanTag = struct({ control: u16, etherType: u16 })

export const ETHERNET_LENGTH = 14
export const VLAN_TAG_LENGTH = 4
