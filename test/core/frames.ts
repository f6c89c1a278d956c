// Builds the frames of the vectors from values. Everything has a default, so that a vector says only what it is about.

import { type Ip, isIpv4, type Mac } from '../../src/net/index.js'
import {
  arp,
  concat,
  encoded,
  ethernet,
  etherTypes,
  extensionHeader,
  type Frame,
  fragmentHeader,
  gsoTypes,
  internetChecksum,
  ipv4Header,
  ipv6Header,
  linkAddressOption,
  metaFlags,
  neighbourMessage,
  noMeta,
  onesComplementSum,
  protocols,
  pseudoHeader,
  type RunFrame,
  tcpHeader,
  transportChecksum,
  udpHeader,
  vlanTag,
  vxlanHeader,
} from '../../src/wire/frame/index.js'

export const macA = '02:00:00:00:00:0a'
export const macB = '02:00:00:00:00:0b'
export const macC = '02:00:00:00:00:0c'
export const broadcast = 'ff:ff:ff:ff:ff:ff'

export interface Link {
  readonly source?: Mac
  readonly destination?: Mac
  /** VLAN tags from the outside in: etherType of the tag and its control field. */
  readonly tags?: readonly { readonly type: number; readonly control: number }[]
}

export const filled = (length: number, start = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + start) & 0xff)

export function link(etherType: number, body: Uint8Array, options: Link = {}): Uint8Array {
  const { source = macA, destination = macB, tags = [] } = options
  const types = [...tags.map(({ type }) => type), etherType]
  return concat(
    encoded(ethernet, { destination, source, etherType: types[0]! }),
    ...tags.map(({ control }, i) => encoded(vlanTag, { control, etherType: types[i + 1]! })),
    body,
  )
}

export interface Packet extends Link {
  readonly from?: Ip
  readonly to?: Ip
  readonly options?: Uint8Array
  readonly fragment?: number
  /** Or hop limit; 64, of ICMPv6 255. */
  readonly ttl?: number
  /** IPv6 extension headers in front of the payload: their type and their octets from the third on. */
  readonly extensions?: readonly { readonly type: number; readonly body: Uint8Array }[]
}

const addresses = ({ from = '10.1.0.10', to = '10.1.0.11' }: Packet): { from: Ip; to: Ip } => ({
  from,
  to,
})

/** An IP packet in Ethernet; the family is that of the addresses. */
export function ipFrame(protocol: number, body: Uint8Array, packet: Packet = {}): Uint8Array {
  const { from, to } = addresses(packet)
  return isIpv4(from)
    ? link(etherTypes.ipv4, ipv4Packet(protocol, body, packet), packet)
    : link(etherTypes.ipv6, ipv6Packet(protocol, body, { ...packet, from, to }), packet)
}

export function ipv4Packet(protocol: number, body: Uint8Array, packet: Packet = {}): Uint8Array {
  const { options = new Uint8Array(0), fragment = 0, ttl = 64 } = packet
  const { from, to } = addresses(packet)
  const length = 20 + options.length
  const header = {
    versionIhl: 0x40 | (length / 4),
    tos: 0,
    totalLength: (length + body.length) & 0xffff,
    identification: 0xfffe,
    flagsFragmentOffset: fragment,
    ttl,
    protocol,
    checksum: 0,
    source: from,
    destination: to,
  }
  const checksum = internetChecksum(concat(encoded(ipv4Header, header), options))
  return concat(encoded(ipv4Header, { ...header, checksum }), options, body)
}

export function ipv6Packet(protocol: number, body: Uint8Array, packet: Packet = {}): Uint8Array {
  const { extensions = [] } = packet
  const { from, to } = addresses(packet)
  const types = [...extensions.map(({ type }) => type), protocol]
  const headers = extensions.map(({ type, body: rest }, i) => {
    const nextHeader = types[i + 1]!
    if (type === protocols.fragment) return concat(Uint8Array.of(nextHeader, 0), rest)
    const length =
      type === protocols.authentication ? (rest.length + 2) / 4 - 2 : (rest.length + 2) / 8 - 1
    return concat(encoded(extensionHeader, { nextHeader, length }), rest)
  })
  const payload = concat(...headers, body)
  return concat(
    encoded(ipv6Header, {
      versionClassFlow: Uint8Array.of(0x60, 1, 2, 3),
      payloadLength: payload.length & 0xffff,
      nextHeader: types[0]!,
      hopLimit: packet.ttl ?? (protocol === protocols.icmp6 ? 255 : 64),
      source: from,
      destination: to,
    }),
    payload,
  )
}

/** A fragment extension header's octets behind its first two. */
export const fragmentBody = (offsetFlags: number): Uint8Array =>
  encoded(fragmentHeader, {
    nextHeader: 0,
    reserved: 0,
    offsetFlags,
    identification: filled(4),
  }).subarray(2)

export interface Tcp extends Packet {
  readonly payload?: Uint8Array
  readonly tcpOptions?: Uint8Array
  readonly flags?: number
  /** Leave the checksum to the device. */
  readonly partial?: boolean
  /** A super-frame that is to be cut to this payload. Implies partial. */
  readonly gsoSize?: number
  readonly ecn?: boolean
}

export function tcp(packet: Tcp = {}): Frame {
  const {
    payload = filled(10),
    tcpOptions = new Uint8Array(0),
    flags = 0x18,
    gsoSize,
    ecn,
  } = packet
  const { from, to } = addresses(packet)
  const header = {
    sourcePort: 40000,
    destinationPort: 80,
    sequence: 0xfffffff0,
    acknowledgment: 7,
    dataOffset: ((20 + tcpOptions.length) / 4) << 4,
    flags,
    window: 1000,
    checksum: 0,
    urgentPointer: 0,
  }
  const segment = (checksum: number): Uint8Array =>
    concat(encoded(tcpHeader, { ...header, checksum }), tcpOptions, payload)
  const type = isIpv4(from) ? gsoTypes.tcp4 : gsoTypes.tcp6
  return transport(packet, protocols.tcp, 16, segment, from, to, {
    headerLength: header.dataOffset / 4,
    ...(gsoSize !== undefined && { gsoSize, gsoType: type | (ecn ? gsoTypes.ecn : 0) }),
  })
}

export interface Udp extends Packet {
  readonly payload?: Uint8Array
  readonly ports?: readonly [number, number]
  readonly partial?: boolean
  readonly gsoSize?: number
}

export function udp(packet: Udp = {}): Frame {
  const { payload = filled(10), ports = [5000, 53], gsoSize } = packet
  const { from, to } = addresses(packet)
  const header = {
    sourcePort: ports[0],
    destinationPort: ports[1],
    length: (8 + payload.length) & 0xffff,
  }
  const datagram = (checksum: number): Uint8Array =>
    concat(encoded(udpHeader, { ...header, checksum }), payload)
  return transport(packet, protocols.udp, 6, datagram, from, to, {
    headerLength: 8,
    ...(gsoSize !== undefined && { gsoSize, gsoType: gsoTypes.udp }),
  })
}

function transport(
  packet: Packet & { partial?: boolean },
  protocol: number,
  checksumOffset: number,
  build: (checksum: number) => Uint8Array,
  from: Ip,
  to: Ip,
  offload: { headerLength: number; gsoSize?: number; gsoType?: number },
): Frame {
  const bare = build(0)
  const pseudo = pseudoHeader(from, to, protocol, bare.length)
  if (!packet.partial && offload.gsoSize === undefined) {
    const bytes = ipFrame(protocol, build(transportChecksum(concat(pseudo, bare))), packet)
    return { bytes, meta: noMeta }
  }
  const bytes = ipFrame(protocol, build(onesComplementSum(pseudo)), packet)
  const checksumStart = bytes.length - bare.length
  const meta = { ...noMeta, flags: metaFlags.needsChecksum, checksumStart, checksumOffset }
  if (offload.gsoSize === undefined) return { bytes, meta }
  return {
    bytes,
    meta: { ...meta, ...offload, headerLength: checksumStart + offload.headerLength },
  }
}

/** Echo request. */
export function ping(packet: Packet = {}): Frame {
  const body = concat(Uint8Array.of(8, 0, 0, 0, 0, 1, 0, 1), filled(48))
  new DataView(body.buffer).setUint16(2, internetChecksum(body))
  return { bytes: ipFrame(1, body, packet), meta: noMeta }
}

export interface Arp extends Link {
  readonly operation?: number
  readonly senderMac?: Mac
  readonly senderIp?: Ip
  readonly targetMac?: Mac
  readonly targetIp?: Ip
  readonly change?: Partial<{
    hardwareType: number
    protocolType: number
    hardwareLength: number
    protocolLength: number
  }>
}

export function arpFrame(options: Arp = {}): Frame {
  const { operation = 1, source = macA, destination = broadcast } = options
  const { senderMac = source, senderIp = '10.1.0.10', targetIp = '10.1.0.11' } = options
  const body = encoded(arp, {
    hardwareType: 1,
    protocolType: etherTypes.ipv4,
    hardwareLength: 6,
    protocolLength: 4,
    operation,
    senderMac,
    senderIp,
    targetMac: options.targetMac ?? '00:00:00:00:00:00',
    targetIp,
    ...options.change,
  })
  return { bytes: link(etherTypes.arp, body, { ...options, source, destination }), meta: noMeta }
}

export interface Discovery extends Packet {
  readonly target?: Ip
  readonly flags?: number
  readonly linkAddress?: Mac
  /** Octets instead of the link address option. */
  readonly options?: Uint8Array
  readonly hopLimit?: number
  readonly code?: number
  readonly checksumError?: number
}

/** Neighbour solicitation (135) or advertisement (136). */
export function discovery(type: 135 | 136, given: Discovery = {}): Frame {
  const { source = macA, destination = '33:33:ff:00:00:11', target = 'fd00::11' } = given
  const {
    from = 'fd00::10',
    to = 'ff02::1:ff00:11',
    flags = 0,
    code = 0,
    checksumError = 0,
  } = given
  const { linkAddress, options, hopLimit, ...packet } = given
  const option =
    options ??
    (linkAddress === undefined
      ? new Uint8Array(0)
      : encoded(linkAddressOption, { type: type === 135 ? 1 : 2, length: 1, address: linkAddress }))
  const message = { type, code, checksum: 0, flags, reserved: new Uint8Array(3), target }
  const body = concat(encoded(neighbourMessage, message), option)
  const sum = internetChecksum(concat(pseudoHeader(from, to, protocols.icmp6, body.length), body))
  new DataView(body.buffer).setUint16(2, sum ^ checksumError)
  const { options: _, ...plain } = { ...packet, options: undefined }
  const bytes = ipFrame(protocols.icmp6, body, { ...plain, from, to, source, destination })
  if (hopLimit !== undefined) bytes[14 + 7] = hopLimit
  return { bytes, meta: noMeta }
}

/** A host looks for a router (133), to all of them. */
export function routerSolicitation(given: Omit<Discovery, 'target' | 'flags'> = {}): Frame {
  const {
    source = macA,
    destination = '33:33:00:00:00:02',
    from = 'fd00::10',
    to = 'ff02::2',
  } = given
  const { linkAddress, options, hopLimit, code = 0, checksumError = 0, ...packet } = given
  const option =
    options ??
    (linkAddress === undefined
      ? new Uint8Array(0)
      : encoded(linkAddressOption, { type: 1, length: 1, address: linkAddress }))
  const body = concat(Uint8Array.of(133, code, 0, 0, 0, 0, 0, 0), option)
  const sum = internetChecksum(concat(pseudoHeader(from, to, protocols.icmp6, body.length), body))
  new DataView(body.buffer).setUint16(2, sum ^ checksumError)
  const bytes = ipFrame(protocols.icmp6, body, { ...packet, from, to, source, destination })
  if (hopLimit !== undefined) bytes[14 + 7] = hopLimit
  return { bytes, meta: noMeta }
}

export interface Vxlan {
  readonly vni?: number
  readonly flags?: number
}

/** The inner frame behind a VXLAN header. */
export const vxlan = (inner: Uint8Array, { vni = 10100, flags = 8 }: Vxlan = {}): Uint8Array =>
  concat(encoded(vxlanHeader, { flags, vni }), inner)

export interface Outer extends Vxlan {
  readonly from?: Ip
  readonly to?: Ip
  readonly udpPort?: number
  /** Outer UDP checksum: none, right, or wrong. */
  readonly checksum?: 'zero' | 'right' | 'wrong'
  readonly udpLength?: number
  readonly fragment?: number
  readonly protocol?: number
  readonly options?: Uint8Array
}

/** A VXLAN packet with all outer headers, as the underlay delivers it. */
export function outer(inner: Uint8Array, given: Outer = {}): Uint8Array {
  const { from = '10.0.0.2', to = '10.0.0.1', udpPort = 4789, checksum = 'zero' } = given
  const body = vxlan(inner, given)
  const length = given.udpLength ?? (8 + body.length) & 0xffff
  const header = { sourcePort: 50000, destinationPort: udpPort, length, checksum: 0 }
  const whole = concat(encoded(udpHeader, header), body)
  const right = transportChecksum(
    concat(pseudoHeader(from, to, protocols.udp, whole.length), whole),
  )
  const sum = { zero: 0, right, wrong: right === 1 ? 2 : right - 1 }[checksum]
  const datagram = concat(encoded(udpHeader, { ...header, checksum: sum }), body)
  const packet = {
    from,
    to,
    ...given,
    source: '02:00:00:00:01:02',
    destination: '02:00:00:00:01:01',
  }
  return ipFrame(given.protocol ?? protocols.udp, datagram, packet)
}

export const fromPort = (port: number, frame: Frame | Uint8Array): RunFrame => ({
  form: 'port',
  port,
  ...asFrame(frame),
})
export const fromOuter = (frame: Frame | Uint8Array): RunFrame => ({
  form: 'outer',
  ...asFrame(frame),
})
export const fromVxlan = (frame: Frame | Uint8Array, source: Ip = '10.0.0.2'): RunFrame => ({
  form: 'vxlan',
  source,
  ...asFrame(frame),
})
export const finish = (frame: Frame): RunFrame => ({ form: 'finish', ...frame })
export const finishPartial = (frame: Frame): RunFrame => ({ form: 'finishPartial', ...frame })

const asFrame = (frame: Frame | Uint8Array): Frame =>
  frame instanceof Uint8Array ? { bytes: frame, meta: noMeta } : frame
