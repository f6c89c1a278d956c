// A frame from what is said of it in words: for traces, where only what a switch looks at matters.

import { type Ip, ipToBytes, isIpv4, type Mac } from '../../net/index.js'
import { concat, encoded } from './bytes.js'
import { internetChecksum, pseudoHeader, transportChecksum } from './checksum.js'
import { ethernet, etherTypes, vlanTag } from './ethernet.js'
import { DONT_FRAGMENT, ipv4Header, ipv6Header, protocols } from './ip.js'
import {
  arp,
  arpOperations,
  linkAddressOption,
  neighbourMessage,
  neighbourMessages,
} from './neighbour.js'
import { tcpHeader, udpHeader } from './transport.js'

/** A frame in words. Addresses of one family. */
export interface DescribedFrame {
  readonly source: Mac
  readonly destination: Mac
  readonly vlan?: number
  /** Of a frame without IP addresses. Left out: one that nobody speaks (IEEE 802 local experimental). */
  readonly etherType?: number
  readonly from?: Ip
  readonly to?: Ip
  /** `ask`: ARP or neighbour solicitation for `to`; `echo`: ICMP or ICMPv6 echo request; or a number. */
  readonly protocol?: 'tcp' | 'udp' | 'echo' | 'ask' | number
  readonly sourcePort?: number
  readonly destinationPort?: number
  /** Or hop limit. Left out: 64. */
  readonly ttl?: number
  /** Octets of the whole frame; what is missing is zeros. Left out: as few as it takes. */
  readonly length?: number
}

const LOCAL_EXPERIMENTAL = 0x88b5
const TCP_SYN = 0x02

/** Where IP multicast goes on a link (RFC 1112 section 6.4, RFC 2464 section 7). */
export function multicastMac(group: Ip): Mac {
  const octets = ipToBytes(group)
  const tail = isIpv4(group)
    ? [0x01, 0x00, 0x5e, octets[1]! & 0x7f, octets[2]!, octets[3]!]
    : [0x33, 0x33, ...octets.subarray(12)]
  return tail.map((octet) => octet.toString(16).padStart(2, '0')).join(':')
}

/** Those who may have an IPv6 address (RFC 4291 section 2.7.1). */
export function solicitedNode(target: Ip): Ip {
  const [a, b, c] = ipToBytes(target).subarray(13)
  const word = (value: number): string => value.toString(16)
  return `ff02::1:ff${word(a!).padStart(2, '0')}:${word((b! << 8) | c!)}`
}

/** The octets of the frame, checksums complete. Throws RangeError where its parts contradict each other. */
export function describedFrame(frame: DescribedFrame): Uint8Array {
  const { source, destination, vlan, length = 0 } = frame
  const head = 14 + (vlan === undefined ? 0 : 4)
  const { etherType, body } = payload(frame, Math.max(0, length - head))
  const types = vlan === undefined ? [etherType] : [etherTypes.vlan, etherType]
  const octets = concat(
    encoded(ethernet, { destination, source, etherType: types[0]! }),
    ...(vlan === undefined ? [] : [encoded(vlanTag, { control: vlan, etherType })]),
    body,
  )
  if (length !== 0 && octets.length > length) {
    throw new RangeError(`length: expected at least ${octets.length} octets, got ${length}`)
  }
  return octets
}

/** Filled up to `room` octets. */
function payload(
  { etherType = LOCAL_EXPERIMENTAL, ...frame }: DescribedFrame,
  room: number,
): { etherType: number; body: Uint8Array } {
  const { from, to } = frame
  if (from === undefined || to === undefined) return { etherType, body: filledUp(room) }
  if (isIpv4(from) !== isIpv4(to)) throw new RangeError(`${from} and ${to}: expected one family`)
  if (frame.protocol === 'ask' && isIpv4(to)) {
    return { etherType: etherTypes.arp, body: filledUp(room, question4(frame.source, from, to)) }
  }
  const header = isIpv4(from) ? 20 : 40
  const packet = { from, to, ttl: frame.ttl ?? 64 }
  const { protocol, segment } = transport(frame, from, to, Math.max(0, room - header))
  return isIpv4(from)
    ? { etherType: etherTypes.ipv4, body: packet4(packet, protocol, segment) }
    : {
        etherType: etherTypes.ipv6,
        // Neighbour discovery is heard of neighbours alone (RFC 4861 section 7.1.1).
        body: packet6(frame.protocol === 'ask' ? askedOfAll(packet) : packet, protocol, segment),
      }
}

const filledUp = (room: number, octets: Uint8Array = new Uint8Array(0)): Uint8Array =>
  concat(octets, new Uint8Array(Math.max(0, room - octets.length)))

interface PacketHead {
  readonly from: Ip
  readonly to: Ip
  readonly ttl: number
}

const askedOfAll = ({ from, to }: PacketHead): PacketHead => ({
  from,
  to: solicitedNode(to),
  ttl: 255,
})

function packet4({ from, to, ttl }: PacketHead, protocol: number, body: Uint8Array): Uint8Array {
  const header = {
    versionIhl: 0x45,
    tos: 0,
    totalLength: 20 + body.length,
    identification: 0,
    flagsFragmentOffset: DONT_FRAGMENT,
    ttl,
    protocol,
    checksum: 0,
    source: from,
    destination: to,
  }
  const checksum = internetChecksum(encoded(ipv4Header, header))
  return concat(encoded(ipv4Header, { ...header, checksum }), body)
}

const packet6 = ({ from, to, ttl }: PacketHead, protocol: number, body: Uint8Array): Uint8Array =>
  concat(
    encoded(ipv6Header, {
      versionClassFlow: Uint8Array.of(0x60, 0, 0, 0),
      payloadLength: body.length,
      nextHeader: protocol,
      hopLimit: ttl,
      source: from,
      destination: to,
    }),
    body,
  )

function question4(source: Mac, from: Ip, to: Ip): Uint8Array {
  return encoded(arp, {
    hardwareType: 1,
    protocolType: etherTypes.ipv4,
    hardwareLength: 6,
    protocolLength: 4,
    operation: arpOperations.request,
    senderMac: source,
    senderIp: from,
    targetMac: '00:00:00:00:00:00',
    targetIp: to,
  })
}

/** What an IP packet carries, filled up to `room` octets. */
function transport(
  { protocol = 'echo', source, sourcePort = 49152, destinationPort = 0 }: DescribedFrame,
  from: Ip,
  to: Ip,
  room: number,
): { protocol: number; segment: Uint8Array } {
  const ports = { sourcePort, destinationPort }
  const summed = (number: number, head: Uint8Array, at: number, pseudo = true): Uint8Array => {
    const segment = filledUp(room, head)
    const whole = pseudo ? concat(pseudoHeader(from, to, number, segment.length), segment) : segment
    new DataView(segment.buffer, segment.byteOffset).setUint16(at, transportChecksum(whole))
    return segment
  }
  const v4 = isIpv4(from)
  switch (protocol) {
    case 'tcp': {
      const rest = { sequence: 1, acknowledgment: 0, dataOffset: 0x50, flags: TCP_SYN }
      const head = encoded(tcpHeader, {
        ...ports,
        ...rest,
        window: 65535,
        checksum: 0,
        urgentPointer: 0,
      })
      return { protocol: protocols.tcp, segment: summed(protocols.tcp, head, 16) }
    }
    case 'udp': {
      const length = Math.max(8, room)
      const head = encoded(udpHeader, { ...ports, length, checksum: 0 })
      return { protocol: protocols.udp, segment: summed(protocols.udp, head, 6) }
    }
    case 'echo': {
      const head = Uint8Array.of(v4 ? 8 : 128, 0, 0, 0, 0, 1, 0, 1)
      const number = v4 ? ICMP : protocols.icmp6
      return { protocol: number, segment: summed(number, head, 2, !v4) }
    }
    case 'ask': {
      const question = { code: 0, checksum: 0, flags: 0, reserved: new Uint8Array(3), target: to }
      const head = concat(
        encoded(neighbourMessage, { type: neighbourMessages.solicitation, ...question }),
        encoded(linkAddressOption, { type: 1, length: 1, address: source }),
      )
      const asked = solicitedNode(to)
      const whole = concat(pseudoHeader(from, asked, protocols.icmp6, head.length), head)
      new DataView(head.buffer).setUint16(2, transportChecksum(whole))
      return { protocol: protocols.icmp6, segment: head }
    }
    default:
      return { protocol, segment: filledUp(room) }
  }
}

const ICMP = 1
