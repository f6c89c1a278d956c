// A frame in a line, as tcpdump would have it, and what is the same of it at both ends of a tunnel.

import { ipv4FromBytes, ipv6FromBytes, macFromBytes } from '../../net/index.js'
import { ETHERNET_LENGTH, etherTypes } from './ethernet.js'
import { protocols } from './ip.js'
import { findLayers, type Layers, mix } from './layers.js'

const ICMP = 1
const VXLAN_LENGTH = 8
const UDP_LENGTH = 8
const TCP_FLAGS = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'W']

const protocolNames: Readonly<Record<number, string>> = {
  [ICMP]: 'ICMP',
  [protocols.igmp]: 'IGMP',
  [protocols.icmp6]: 'ICMPv6',
  [protocols.sctp]: 'SCTP',
}

const icmpNames: Readonly<Record<number, string>> = {
  0: 'echo reply',
  3: 'unreachable',
  5: 'redirect',
  8: 'echo request',
  11: 'time exceeded',
}

const icmp6Names: Readonly<Record<number, string>> = {
  1: 'unreachable',
  2: 'packet too big',
  3: 'time exceeded',
  128: 'echo request',
  129: 'echo reply',
  133: 'router solicitation',
  134: 'router advertisement',
  135: 'neighbor solicitation',
  136: 'neighbor advertisement',
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, length)

/** One line. `udpPort` is VXLAN's: what is inside is told, too. Never throws; what is cut off is left out. */
export function describeFrame(frame: Uint8Array, udpPort = 4789): string {
  const layers = findLayers(frame)
  if (layers === undefined) return `${frame.length} octets`
  const macs = `${macFromBytes(frame, 6)} > ${macFromBytes(frame, 0)}`
  return `${macs}, ${payload(frame, layers, udpPort)}`
}

function payload(frame: Uint8Array, layers: Layers, udpPort: number): string {
  const { etherType, l3, version, protocol, l4, fragment } = layers
  if (etherType === etherTypes.arp) return arpText(frame, l3)
  if (version === 0) return `ethertype 0x${etherType.toString(16).padStart(4, '0')}`
  const [source, destination] =
    version === 4
      ? [ipv4FromBytes(frame, l3 + 12), ipv4FromBytes(frame, l3 + 16)]
      : [ipv6FromBytes(frame, l3 + 8), ipv6FromBytes(frame, l3 + 24)]
  const room = l4 === 0 ? 0 : frame.length - l4
  const view = viewOf(frame)
  if (fragment) return `${source} > ${destination}: fragment of protocol ${protocol}`
  if ((protocol === protocols.tcp && room >= 14) || (protocol === protocols.udp && room >= 8)) {
    const from = view.getUint16(l4)
    const to = view.getUint16(l4 + 2)
    const ends = `${source}.${from} > ${destination}.${to}`
    if (protocol === protocols.tcp) return `${ends}: TCP ${tcpText(view, l4)}`
    if (to === udpPort && room >= UDP_LENGTH + VXLAN_LENGTH) {
      const inner = frame.subarray(l4 + UDP_LENGTH + VXLAN_LENGTH)
      const vni = view.getUint32(l4 + UDP_LENGTH + 4) >>> 8
      return `${ends}: VXLAN vni ${vni}: ${describeFrame(inner, udpPort)}`
    }
    return `${ends}: UDP, length ${view.getUint16(l4 + 4) - UDP_LENGTH}`
  }
  const name = protocolNames[protocol] ?? `protocol ${protocol}`
  const names = protocol === ICMP ? icmpNames : protocol === protocols.icmp6 ? icmp6Names : {}
  const kind = room > 0 ? names[frame[l4] ?? 0] : undefined
  return `${source} > ${destination}: ${name}${kind === undefined ? '' : ` ${kind}`}`
}

function arpText(frame: Uint8Array, l3: number): string {
  if (frame.length < l3 + 28) return 'ARP'
  const sender = ipv4FromBytes(frame, l3 + 14)
  const target = ipv4FromBytes(frame, l3 + 24)
  return viewOf(frame).getUint16(l3 + 6) === 1
    ? `ARP who-has ${target} tell ${sender}`
    : `ARP ${sender} is-at ${macFromBytes(frame, l3 + 8)}`
}

function tcpText(view: DataView, l4: number): string {
  const bits = view.getUint8(l4 + 13)
  const flags = TCP_FLAGS.filter((_, i) => (bits & (1 << i)) !== 0).join('')
  return `[${flags}], seq ${view.getUint32(l4 + 4)}, ack ${view.getUint32(l4 + 8)}`
}

/** Octets of a payload that count. */
const DIGEST_OCTETS = 32
const DIGEST_SEED = 0x7674657064696765n

/**
 * 16 hexadecimal digits that a tenant's frame has at both ends of a tunnel: of what no VTEP between changes. Lengths and
 * checksums are left out, as super-frames are cut on the way and their checksums finished; the first segment of one has
 * its digest.
 */
export function frameDigest(frame: Uint8Array): string {
  const layers = findLayers(frame)
  const parts: Uint8Array[] = [frame.subarray(0, ETHERNET_LENGTH)]
  if (layers !== undefined) parts.push(...lasting(frame, layers))
  let hash = DIGEST_SEED
  let word = 0n
  let count = 0
  for (const part of parts) {
    for (const octet of part) {
      word = (word << 8n) | BigInt(octet)
      if (++count % 8 !== 0) continue
      hash = mix(hash ^ word)
      word = 0n
    }
  }
  return mix(hash ^ word ^ (BigInt(count) << 56n))
    .toString(16)
    .padStart(16, '0')
}

function lasting(frame: Uint8Array, { version, l3, l4, protocol, fragment }: Layers): Uint8Array[] {
  const cut = (from: number, octets: number): Uint8Array => frame.subarray(from, from + octets)
  if (version === 0) return [cut(l3, DIGEST_OCTETS)]
  // Identification, flags and offset; addresses.
  const network =
    version === 4 ? [cut(l3 + 4, 4), cut(l3 + 9, 1), cut(l3 + 12, 8)] : [cut(l3 + 8, 32)]
  if (l4 === 0 || fragment) return network
  if (protocol === protocols.tcp) return [...network, cut(l4, 12)]
  if (protocol === protocols.udp)
    return [...network, cut(l4, 4), cut(l4 + UDP_LENGTH, DIGEST_OCTETS)]
  return [...network, cut(l4, DIGEST_OCTETS)]
}
