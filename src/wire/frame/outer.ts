// The outer side: a frame into VXLAN and out of it again (RFC 7348), with every check.

import { type Ip, isIpv4, type Mac } from '../../net/index.js'
import { at, concat, encoded, isMappedIp } from './bytes.js'
import { internetChecksum, onesComplementSum, pseudoHeader, transportChecksum } from './checksum.js'
import { ETHERNET_LENGTH, ethernet, etherTypes } from './ethernet.js'
import { DONT_FRAGMENT, IPV4_LENGTH, IPV6_LENGTH, ipv4Header, ipv6Header, protocols } from './ip.js'
import {
  type Frame,
  gsoTypes,
  isSuper,
  type Meta,
  metaFlags,
  needsChecksum,
  noMeta,
} from './meta.js'
import { UDP_CHECKSUM_OFFSET, UDP_LENGTH, udpHeader } from './transport.js'
import { VXLAN_INSTANCE, VXLAN_LENGTH, vxlanHeader } from './vxlan.js'

/** What the outer headers to one VTEP are made of. */
export interface Underlay {
  readonly mac: Mac
  readonly sourceMac: Mac
  readonly source: Ip
  readonly destination: Ip
  readonly udpPort: number
}

/** RFC 7348 section 5: the dynamic range, so that equal flows take equal paths. */
export const sourcePort = (flowHash: number): number => 49152 + (flowHash % 16384)

/** Octets of the outer headers behind the outer Ethernet header. */
export const outerOverhead = (destination: Ip): number =>
  (isIpv4(destination) ? IPV4_LENGTH : IPV6_LENGTH) + UDP_LENGTH + VXLAN_LENGTH

/**
 * The frame in VXLAN. IPv4 has no UDP checksum. IPv6 has one: left partial where nothing else is; where the inner frame's is partial, made
 * from the headers alone, for the inner sum is known to come out right; of a super-frame, left to whoever cuts it.
 */
export function encapsulate(inner: Frame, vni: number, flowHash: number, to: Underlay): Frame {
  const { source, destination } = to
  const v4 = isIpv4(destination)
  const length = (UDP_LENGTH + VXLAN_LENGTH + inner.bytes.length) & 0xffff
  const link = encoded(ethernet, {
    destination: to.mac,
    source: to.sourceMac,
    etherType: v4 ? etherTypes.ipv4 : etherTypes.ipv6,
  })
  const ip = v4 ? ipv4(source, destination, length) : ipv6(source, destination, length)
  const pseudo = onesComplementSum(pseudoHeader(source, destination, protocols.udp, length))
  const udp = { sourcePort: sourcePort(flowHash), destinationPort: to.udpPort, length, checksum: 0 }
  const vxlan = encoded(vxlanHeader, { flags: VXLAN_INSTANCE, vni })
  const start = link.length + ip.length
  const head = start + UDP_LENGTH + VXLAN_LENGTH
  const build = (checksum: number, meta: Meta): Frame => ({
    bytes: concat(link, ip, encoded(udpHeader, { ...udp, checksum }), vxlan, inner.bytes),
    meta,
  })
  if (!needsChecksum(inner.meta)) {
    if (v4) return build(0, noMeta)
    const meta = { ...noMeta, flags: metaFlags.needsChecksum, checksumStart: start }
    return build(pseudo, { ...meta, checksumOffset: UDP_CHECKSUM_OFFSET })
  }
  const meta = {
    ...inner.meta,
    checksumStart: inner.meta.checksumStart + head,
    headerLength: isSuper(inner.meta) ? inner.meta.headerLength + head : 0,
  }
  if (v4) return build(0, meta)
  if (isSuper(inner.meta)) return build(pseudo, meta)
  return build(
    checksumFromHeaders(
      inner,
      pseudoHeader(source, destination, protocols.udp, length),
      concat(encoded(udpHeader, udp), vxlan),
    ),
    meta,
  )
}

function ipv4(source: Ip, destination: Ip, udpLength: number): Uint8Array {
  const header = {
    versionIhl: 0x45,
    tos: 0,
    totalLength: (IPV4_LENGTH + udpLength) & 0xffff,
    identification: 0,
    flagsFragmentOffset: DONT_FRAGMENT,
    ttl: 64,
    protocol: protocols.udp,
    checksum: 0,
    source,
    destination,
  }
  return encoded(ipv4Header, { ...header, checksum: internetChecksum(encoded(ipv4Header, header)) })
}

function ipv6(source: Ip, destination: Ip, udpLength: number): Uint8Array {
  return encoded(ipv6Header, {
    versionClassFlow: Uint8Array.of(0x60, 0, 0, 0),
    payloadLength: udpLength,
    nextHeader: protocols.udp,
    hopLimit: 64,
    source,
    destination,
  })
}

/** The inner frame from checksumStart on will sum up to the complement of what its checksum field holds now. */
function checksumFromHeaders(
  { bytes, meta }: Frame,
  pseudo: Uint8Array,
  headers: Uint8Array,
): number {
  const field = meta.checksumStart + meta.checksumOffset
  const rest = Uint8Array.of(~bytes[field]! & 0xff, ~bytes[field + 1]! & 0xff)
  return transportChecksum(concat(pseudo, headers, bytes.subarray(0, meta.checksumStart), rest))
}

export type OuterProblem =
  | 'outer_malformed'
  | 'not_vxlan'
  | 'not_ours'
  | 'outer_fragment'
  | 'bad_metadata'

/** A VXLAN packet: its octets begin at the VXLAN header, and so do the places in its metadata. */
export interface VxlanPacket extends Frame {
  readonly source: Ip
  /** It was sent to our AR-IP. */
  readonly toReplicator?: boolean
}

/** Who we are. */
export interface LocalUnderlay {
  readonly local: Ip
  /** AR-IP (RFC 9574); undefined: none. */
  readonly replicator: Ip | undefined
}

interface OuterIp {
  readonly source: Ip
  readonly destination: Ip
  readonly isUdp: boolean
  readonly isFragment: boolean
  /** Where the UDP header is, and where the packet ends. */
  readonly udp: number
  readonly end: number
}

/** From the outer Ethernet header on. GRO may have glued several packets together. */
export function decapsulateOuter(
  frame: Frame,
  { local, replicator }: LocalUnderlay,
  udpPort: number,
): readonly VxlanPacket[] | OuterProblem {
  const { bytes, meta } = frame
  if (bytes.length < ETHERNET_LENGTH + IPV4_LENGTH) return 'outer_malformed'
  const { etherType } = at(ethernet, bytes, 0)!
  if (etherType !== etherTypes.ipv4 && etherType !== etherTypes.ipv6) return 'not_vxlan'
  const ip = etherType === etherTypes.ipv4 ? readIpv4(frame) : readIpv6(frame)
  if (ip === undefined) return 'outer_malformed'
  if (!ip.isUdp && !(ip.isFragment && etherType === etherTypes.ipv6)) return 'not_vxlan'
  if (isMappedIp(ip.source) || isMappedIp(ip.destination)) return 'outer_malformed'
  const toReplicator = ip.destination === replicator
  if (ip.destination !== local && !toReplicator) return 'not_ours'
  if (ip.isFragment) return 'outer_fragment'
  const udp = at(udpHeader, bytes.subarray(0, ip.end), ip.udp)
  if (udp === undefined) return 'outer_malformed'
  if (udp.destinationPort !== udpPort) return 'not_vxlan'
  const length = isSuper(meta) && udp.length === 0 ? ip.end - ip.udp : udp.length
  if (length < UDP_LENGTH + VXLAN_LENGTH || ip.udp + length > ip.end) return 'outer_malformed'
  const datagram = bytes.subarray(ip.udp, ip.udp + length)
  const vouched =
    isSuper(meta) || (meta.flags & (metaFlags.needsChecksum | metaFlags.dataValid)) !== 0
  const pseudo = pseudoHeader(ip.source, ip.destination, protocols.udp, length)
  if (udp.checksum !== 0 && !vouched && internetChecksum(concat(pseudo, datagram)) !== 0) {
    return 'outer_malformed'
  }
  const packets = split(datagram.subarray(UDP_LENGTH), ip.udp, ip.source, meta)
  return toReplicator ? sentToReplicator(packets) : packets
}

/** The same packets, as ones that were sent to our AR-IP. */
export function sentToReplicator<T extends string>(
  packets: readonly VxlanPacket[] | T,
): readonly VxlanPacket[] | T {
  if (typeof packets === 'string') return packets
  return packets.map((packet) => ({ ...packet, toReplicator: true }))
}

/** A super-frame's length may not fit the field, which is then zero. */
function readIpv4({ bytes, meta }: Frame): OuterIp | undefined {
  const header = at(ipv4Header, bytes, ETHERNET_LENGTH)!
  const room = bytes.length - ETHERNET_LENGTH
  const length = (header.versionIhl & 15) * 4
  const total = isSuper(meta) && header.totalLength === 0 ? room : header.totalLength
  const fits = length >= IPV4_LENGTH && length <= total && total <= room
  if (header.versionIhl >> 4 !== 4 || !fits) return undefined
  if (internetChecksum(bytes.subarray(ETHERNET_LENGTH, ETHERNET_LENGTH + length)) !== 0)
    return undefined
  return {
    source: header.source,
    destination: header.destination,
    isUdp: header.protocol === protocols.udp,
    isFragment: (header.flagsFragmentOffset & 0x3fff) !== 0,
    udp: ETHERNET_LENGTH + length,
    end: ETHERNET_LENGTH + total,
  }
}

function readIpv6({ bytes, meta }: Frame): OuterIp | undefined {
  const header = at(ipv6Header, bytes, ETHERNET_LENGTH)
  if (header === undefined || header.versionClassFlow[0]! >> 4 !== 6) return undefined
  const room = bytes.length - ETHERNET_LENGTH - IPV6_LENGTH
  const payload = isSuper(meta) && header.payloadLength === 0 ? room : header.payloadLength
  if (payload > room) return undefined
  const udp = ETHERNET_LENGTH + IPV6_LENGTH
  return {
    source: header.source,
    destination: header.destination,
    isUdp: header.nextHeader === protocols.udp,
    isFragment: header.nextHeader === protocols.fragment,
    udp,
    end: udp + payload,
  }
}

/** Metadata may speak of the outer packet (nothing is left of it then, but for GRO's seams) or of the frame inside. */
function split(
  payload: Uint8Array,
  udp: number,
  source: Ip,
  meta: Meta,
): readonly VxlanPacket[] | OuterProblem {
  const start = udp + UDP_LENGTH
  const outer = needsChecksum(meta) && meta.checksumStart === udp
  if (outer && isSuper(meta)) {
    const glued = meta.gsoType === gsoTypes.udp && meta.gsoSize >= VXLAN_LENGTH
    return glued ? chunks(payload, meta.gsoSize, source) : 'bad_metadata'
  }
  if (outer || (!isSuper(meta) && !needsChecksum(meta)))
    return [{ bytes: payload, meta: noMeta, source }]
  if (meta.checksumStart < start + VXLAN_LENGTH) return 'bad_metadata'
  return [{ bytes: payload, meta: shifted(meta, start), source }]
}

/** A UDP socket's payload; UDP_GRO may have glued datagrams of gsoSize together. A partial checksum is one of the frame inside. */
export function decapsulatePayload(
  { bytes, meta }: Frame,
  source: Ip,
): readonly VxlanPacket[] | OuterProblem {
  if (bytes.length < VXLAN_LENGTH) return 'outer_malformed'
  if (needsChecksum(meta)) {
    return meta.checksumStart < VXLAN_LENGTH ? 'bad_metadata' : [{ bytes, meta, source }]
  }
  if (!isSuper(meta)) return [{ bytes, meta: noMeta, source }]
  if (meta.gsoType !== gsoTypes.udp || meta.gsoSize < VXLAN_LENGTH) return 'bad_metadata'
  return chunks(bytes, meta.gsoSize, source)
}

function chunks(bytes: Uint8Array, size: number, source: Ip): readonly VxlanPacket[] {
  const count = Math.ceil(bytes.length / size)
  return Array.from({ length: count }, (_, i) => ({
    bytes: bytes.subarray(i * size, (i + 1) * size),
    meta: noMeta,
    source,
  }))
}

/** The same places counted from `by` octets further in. Where that is impossible, the result fits no frame. */
export const shifted = (meta: Meta, by: number): Meta => ({
  ...meta,
  checksumStart: (meta.checksumStart - by) & 0xffff,
  headerLength: Math.max(0, meta.headerLength - by),
})
