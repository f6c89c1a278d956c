// IP packets as a router sees them (RFC 1812 section 5.2, RFC 8200), and what it says of those that it can not forward (RFC 792, RFC 4443).

import type { Ip, Mac } from '../../net/index.js'
import { struct, u8, u16, u32 } from '../codec.js'
import { at, concat, encoded, isMappedIp, isUnicastIp, patched } from './bytes.js'
import { internetChecksum, onesComplementSum, pseudoHeader } from './checksum.js'
import { ETHERNET_LENGTH, ethernet, etherTypes } from './ethernet.js'
import { IPV4_LENGTH, IPV6_LENGTH, icmp6Header, ipv4Header, ipv6Header, protocols } from './ip.js'
import type { Layers } from './layers.js'
import { type Frame, isSuper, needsChecksum } from './meta.js'
import { isLinkLocal } from './model-routes.js'

export interface Packet {
  readonly v4: boolean
  readonly ttl: number
  /** Octets of the IP header without IPv6 extensions. */
  readonly header: number
  readonly source: Ip
  readonly destination: Ip
}

const ICMP = 1
const TTL = 64
const NETWORK_CONTROL = 0xc0
const REPLY_ROOM = 192
const echo = { request4: 8, reply4: 0, request6: 128, reply6: 129 } as const

/** Type, code, checksum, and the word that echo and errors use each in their way. */
export const icmpHeader = struct({ type: u8, code: u8, checksum: u16, rest: u32 })
export const ICMP_LENGTH = 8

/** Type and code of both families. */
const errors = {
  ttlExceeded: [11, 0, 3, 0],
  noRoute: [3, 0, 1, 0],
  tooBig: [3, 4, 2, 0],
  noService: [3, 3, 1, 4],
} as const
export type IcmpError = keyof typeof errors

const isLoopback = (ip: Ip): boolean => ip === '::1' || ip.startsWith('127.')
const mayBeHost = (ip: Ip): boolean => isUnicastIp(ip) && !isLoopback(ip)

/** Undefined: no packet that may be routed. */
export function readPacket(frame: Uint8Array, layers: Layers): Packet | undefined {
  const { l3, version } = layers
  if (l3 !== ETHERNET_LENGTH || version === 0) return undefined
  const room = frame.length - l3
  const packet = version === 4 ? readIpv4(frame, room) : readIpv6(frame, room)
  return packet && mayBeHost(packet.source) && mayBeHost(packet.destination) ? packet : undefined
}

function readIpv4(frame: Uint8Array, room: number): Packet | undefined {
  const ip = at(ipv4Header, frame, ETHERNET_LENGTH)!
  const header = (ip.versionIhl & 15) * 4
  if (ip.totalLength < header || ip.totalLength > room) return undefined
  const octets = frame.subarray(ETHERNET_LENGTH, ETHERNET_LENGTH + header)
  if (onesComplementSum(octets) !== 0xffff) return undefined
  const { ttl, source, destination } = ip
  return { v4: true, ttl, header, source, destination }
}

function readIpv6(frame: Uint8Array, room: number): Packet | undefined {
  const ip = at(ipv6Header, frame, ETHERNET_LENGTH)!
  const { hopLimit: ttl, source, destination } = ip
  if (ip.payloadLength > room - IPV6_LENGTH || isMappedIp(source) || isMappedIp(destination)) {
    return undefined
  }
  return { v4: false, ttl, header: IPV6_LENGTH, source, destination }
}

/** One hop further. */
export function passOn(bytes: Uint8Array, { v4, ttl }: Packet, to: Mac, from: Mac): Uint8Array {
  const linked = patched(ethernet, bytes, 0, { destination: to, source: from })
  if (!v4) return patched(ipv6Header, linked, ETHERNET_LENGTH, { hopLimit: ttl - 1 })
  // RFC 1141: the upper octet of a word has become one less.
  const sum = at(ipv4Header, bytes, ETHERNET_LENGTH)!.checksum + 0x100
  const checksum = (sum + (sum >> 16)) & 0xffff
  return patched(ipv4Header, linked, ETHERNET_LENGTH, { ttl: ttl - 1, checksum })
}

/** The answer of a whole echo request; undefined: it is none. */
export function answerEcho(
  frame: Frame,
  layers: Layers,
  packet: Packet,
  from: Mac,
): Uint8Array | undefined {
  const { bytes, meta } = frame
  const { v4, header } = packet
  if (layers.protocol !== (v4 ? ICMP : protocols.icmp6) || layers.fragment || layers.l4 === 0)
    return undefined
  const icmp = at(icmpHeader, bytes, layers.l4)
  if (icmp === undefined || isSuper(meta)) return undefined
  if (icmp.type !== (v4 ? echo.request4 : echo.request6) || icmp.code !== 0) return undefined
  const { source } = at(ethernet, bytes, 0)!
  let reply = patched(ethernet, bytes, 0, { destination: source, source: from })
  const turned = { source: packet.destination, destination: packet.source }
  if (v4) {
    reply = patched(ipv4Header, reply, ETHERNET_LENGTH, { ...turned, ttl: TTL, checksum: 0 })
    const checksum = internetChecksum(reply.subarray(ETHERNET_LENGTH, ETHERNET_LENGTH + header))
    reply = patched(ipv4Header, reply, ETHERNET_LENGTH, { checksum })
  } else {
    reply = patched(ipv6Header, reply, ETHERNET_LENGTH, { ...turned, hopLimit: TTL })
  }
  const type = v4 ? echo.reply4 : echo.reply6
  // RFC 1624.
  const words = Uint16Array.of(~icmp.checksum, ~(icmp.type << 8), type << 8)
  const sum = words.reduce((total, word) => total + word, 0)
  const checksum = ~fold(sum) & 0xffff
  return patched(icmpHeader, reply, layers.l4, {
    type,
    ...(needsChecksum(meta) ? {} : { checksum }),
  })
}

function fold(sum: number): number {
  return sum > 0xffff ? fold((sum & 0xffff) + (sum >>> 16)) : sum
}

/** No errors about errors, and none about later fragments (RFC 1122 section 3.2.2, RFC 4443 section 2.4). */
export function mayReport(frame: Uint8Array, layers: Layers, { v4, source }: Packet): boolean {
  if (v4 && (at(ipv4Header, frame, ETHERNET_LENGTH)!.flagsFragmentOffset & 0x1fff) !== 0)
    return false
  if (!v4 && isLinkLocal(source)) return false
  if (layers.protocol !== (v4 ? ICMP : protocols.icmp6)) return true
  const type = layers.l4 === 0 ? undefined : frame[layers.l4]
  if (type === undefined) return false
  if (!v4) return type >= 128 && type !== 137
  return type === echo.request4 || type === echo.reply4 || (type >= 13 && type <= 18)
}

/** An error about the packet, from our address `source`, to where the frame came from. */
export function icmpError(
  frame: Uint8Array,
  packet: Packet,
  error: IcmpError,
  mtu: number,
  source: Ip,
  from: Mac,
): Uint8Array {
  const { v4, source: destination } = packet
  const [type4, code4, type6, code6] = errors[error]
  const headers = ETHERNET_LENGTH + (v4 ? IPV4_LENGTH : IPV6_LENGTH) + ICMP_LENGTH
  const whole = v4
    ? at(ipv4Header, frame, ETHERNET_LENGTH)!.totalLength
    : IPV6_LENGTH + at(ipv6Header, frame, ETHERNET_LENGTH)!.payloadLength
  const quote = frame.subarray(ETHERNET_LENGTH).subarray(0, Math.min(whole, REPLY_ROOM - headers))
  const header = {
    type: v4 ? type4 : type6,
    code: v4 ? code4 : code6,
    checksum: 0,
    rest: error === 'tooBig' ? mtu : 0,
  }
  const length = ICMP_LENGTH + quote.length
  const pseudo = v4 ? new Uint8Array(0) : pseudoHeader(source, destination, protocols.icmp6, length)
  const checksum = internetChecksum(concat(pseudo, encoded(icmpHeader, header), quote))
  return concat(
    encoded(ethernet, {
      destination: at(ethernet, frame, 0)!.source,
      source: from,
      etherType: v4 ? etherTypes.ipv4 : etherTypes.ipv6,
    }),
    v4 ? ipv4Of(source, destination, length) : icmp6Header(source, destination, length, TTL),
    encoded(icmpHeader, { ...header, checksum }),
    quote,
  )
}

function ipv4Of(source: Ip, destination: Ip, length: number): Uint8Array {
  const header = encoded(ipv4Header, {
    versionIhl: 0x45,
    tos: NETWORK_CONTROL,
    totalLength: IPV4_LENGTH + length,
    identification: 0,
    flagsFragmentOffset: 0,
    ttl: TTL,
    protocol: ICMP,
    checksum: 0,
    source,
    destination,
  })
  return patched(ipv4Header, header, 0, { checksum: internetChecksum(header) })
}
