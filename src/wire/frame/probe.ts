// The question whether a host is still there, to nobody but the host: an ARP probe (RFC 5227 section 2.1.1: sent from no
// address, so that no cache learns anything), or a neighbour solicitation from a link-local address (RFC 4861 section 7.3.3).

import { type Ip, ipFamily, type Mac } from '../../net/index.js'
import { concat, encoded } from './bytes.js'
import { internetChecksum, pseudoHeader } from './checksum.js'
import { ethernet, etherTypes } from './ethernet.js'
import { ipv6Header, protocols } from './ip.js'
import {
  arp,
  arpOperations,
  linkAddressOption,
  NEIGHBOUR_MESSAGE_LENGTH,
  neighbourMessage,
  neighbourMessages,
} from './neighbour.js'

/** Who asks: a locally administered MAC that no host has, and the address that follows from it. */
const ASKER = { mac: '02:76:74:65:70:00', ip: 'fe80::76:74ff:fe65:7000' } as const

/** The frame for the host that has this address and MAC. */
export function hostProbe(ip: Ip, mac: Mac): Uint8Array {
  return ipFamily(ip) === 4 ? arpProbe(ip, mac) : solicitation(ip, mac)
}

function arpProbe(ip: Ip, mac: Mac): Uint8Array {
  return concat(
    encoded(ethernet, { destination: mac, source: ASKER.mac, etherType: etherTypes.arp }),
    encoded(arp, {
      hardwareType: 1,
      protocolType: etherTypes.ipv4,
      hardwareLength: 6,
      protocolLength: 4,
      operation: arpOperations.request,
      senderMac: ASKER.mac,
      senderIp: '0.0.0.0',
      targetMac: '00:00:00:00:00:00',
      targetIp: ip,
    }),
  )
}

function solicitation(ip: Ip, mac: Mac): Uint8Array {
  const option = encoded(linkAddressOption, { type: 1, length: 1, address: ASKER.mac })
  const message = {
    type: neighbourMessages.solicitation,
    code: 0,
    checksum: 0,
    flags: 0,
    reserved: new Uint8Array(3),
    target: ip,
  }
  const length = NEIGHBOUR_MESSAGE_LENGTH + option.length
  const pseudo = pseudoHeader(ASKER.ip, ip, protocols.icmp6, length)
  const checksum = internetChecksum(concat(pseudo, encoded(neighbourMessage, message), option))
  return concat(
    encoded(ethernet, { destination: mac, source: ASKER.mac, etherType: etherTypes.ipv6 }),
    encoded(ipv6Header, {
      versionClassFlow: Uint8Array.of(0x60, 0, 0, 0),
      payloadLength: length,
      nextHeader: protocols.icmp6,
      hopLimit: 255,
      source: ASKER.ip,
      destination: ip,
    }),
    encoded(neighbourMessage, { ...message, checksum }),
    option,
  )
}
