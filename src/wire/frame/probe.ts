// Questions for hosts. Who has an address, as a router asks all (RFC 826, RFC 4861 section 4.3); and whether a host is still
// there, to nobody but the host: an ARP probe (RFC 5227 section 2.1.1: sent from no address, so that no cache learns anything),
// or a neighbour solicitation from a link-local address (RFC 4861 section 7.3.3).

import { type Ip, ipFamily, ipToBytes, type Mac, macFromBytes } from '../../net/index.js'
import { concat, encoded } from './bytes.js'
import { internetChecksum, pseudoHeader } from './checksum.js'
import { ethernet, etherTypes } from './ethernet.js'
import { icmp6Header, protocols } from './ip.js'
import {
  arp,
  arpOperations,
  linkAddressOption,
  neighbourMessage,
  neighbourMessages,
} from './neighbour.js'

interface Asker {
  readonly mac: Mac
  readonly ip: Ip
}

/** A locally administered MAC that no host has, and the address that follows from it. */
const NOBODY: Asker = { mac: '02:76:74:65:70:00', ip: 'fe80::76:74ff:fe65:7000' }

/** The frame for the host that has this address and MAC. */
export function hostProbe(ip: Ip, mac: Mac): Uint8Array {
  return ipFamily(ip) === 4
    ? arpRequest({ ...NOBODY, ip: '0.0.0.0' }, ip, mac)
    : solicitation(NOBODY, ip, { mac, ip })
}

/** The frame for all, by ARP or to the solicited-node group (RFC 4291 section 2.7.1). */
export function askNeighbour(target: Ip, source: Ip, from: Mac): Uint8Array {
  const asker = { mac: from, ip: source }
  if (ipFamily(target) === 4) return arpRequest(asker, target, 'ff:ff:ff:ff:ff:ff')
  const tail = ipToBytes(target).subarray(13)
  return solicitation(asker, target, {
    mac: macFromBytes(Uint8Array.of(0x33, 0x33, 0xff, ...tail)),
    ip: `ff02::1:ff${hex(tail[0]!)}:${hex(tail[1]!)}${hex(tail[2]!)}`,
  })
}

const hex = (octet: number): string => octet.toString(16).padStart(2, '0')

function arpRequest(asker: Asker, targetIp: Ip, destination: Mac): Uint8Array {
  return concat(
    encoded(ethernet, { destination, source: asker.mac, etherType: etherTypes.arp }),
    encoded(arp, {
      hardwareType: 1,
      protocolType: etherTypes.ipv4,
      hardwareLength: 6,
      protocolLength: 4,
      operation: arpOperations.request,
      senderMac: asker.mac,
      senderIp: asker.ip,
      targetMac: '00:00:00:00:00:00',
      targetIp,
    }),
  )
}

function solicitation(asker: Asker, target: Ip, to: Asker): Uint8Array {
  const message = {
    type: neighbourMessages.solicitation,
    code: 0,
    checksum: 0,
    flags: 0,
    reserved: new Uint8Array(3),
    target,
  }
  const option = encoded(linkAddressOption, { type: 1, length: 1, address: asker.mac })
  const body = concat(encoded(neighbourMessage, message), option)
  const pseudo = pseudoHeader(asker.ip, to.ip, protocols.icmp6, body.length)
  const checksum = internetChecksum(concat(pseudo, body))
  return concat(
    encoded(ethernet, { destination: to.mac, source: asker.mac, etherType: etherTypes.ipv6 }),
    icmp6Header(asker.ip, to.ip, body.length, 255),
    encoded(neighbourMessage, { ...message, checksum }),
    option,
  )
}
