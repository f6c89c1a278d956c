// Where the headers of a tenant's frame begin, and the flow hash over them. What can not be read is left out: a bridge forwards what it
// does not understand.

import { at } from './bytes.js'
import { ETHERNET_LENGTH, ethernet, etherTypes, VLAN_TAG_LENGTH, vlanTag } from './ethernet.js'
import {
  extensionHeader,
  fragmentHeader,
  IPV4_LENGTH,
  IPV6_LENGTH,
  ipv4Header,
  ipv6Header,
  protocols,
} from './ip.js'

export interface Layers {
  /** Behind up to two VLAN tags. */
  readonly etherType: number
  /** Where that begins. */
  readonly l3: number
  /** 4 or 6 when the IP header is whole, else 0. */
  readonly version: 0 | 4 | 6
  /** Of l4, or the last one that could be read. */
  readonly protocol: number
  /** 0 = no IP, or headers that end too early. */
  readonly l4: number
  readonly fragment: boolean
}

const MAX_TAGS = 2
const MAX_EXTENSIONS = 8

/** Undefined when the Ethernet header or a VLAN tag is cut off. */
export function findLayers(frame: Uint8Array): Layers | undefined {
  const header = at(ethernet, frame, 0)
  if (header === undefined) return undefined
  let { etherType } = header
  let l3 = ETHERNET_LENGTH
  for (let tags = 0; tags < MAX_TAGS && isTag(etherType); tags++) {
    const tag = at(vlanTag, frame, l3)
    if (tag === undefined) return undefined
    etherType = tag.etherType
    l3 += VLAN_TAG_LENGTH
  }
  const found =
    etherType === etherTypes.ipv4
      ? findIpv4(frame, l3)
      : etherType === etherTypes.ipv6
        ? findIpv6(frame, l3)
        : undefined
  return { etherType, l3, version: 0, protocol: 0, l4: 0, fragment: false, ...found }
}

const isTag = (etherType: number): boolean =>
  etherType === etherTypes.vlan || etherType === etherTypes.serviceVlan

type Found = Pick<Layers, 'version' | 'protocol' | 'l4' | 'fragment'> | undefined

function findIpv4(frame: Uint8Array, l3: number): Found {
  const header = at(ipv4Header, frame, l3)
  if (header === undefined || header.versionIhl >> 4 !== 4) return undefined
  const length = (header.versionIhl & 15) * 4
  if (length < IPV4_LENGTH || l3 + length > frame.length) return undefined
  const fragment = (header.flagsFragmentOffset & 0x3fff) !== 0
  return { version: 4, protocol: header.protocol, l4: l3 + length, fragment }
}

function findIpv6(frame: Uint8Array, l3: number): Found {
  const header = at(ipv6Header, frame, l3)
  if (header === undefined || header.versionClassFlow[0]! >> 4 !== 6) return undefined
  let protocol = header.nextHeader
  let offset = l3 + IPV6_LENGTH
  let fragment = false
  for (let extensions = 0; extensions < MAX_EXTENSIONS; extensions++) {
    const measure = extensionLengths[protocol]
    if (measure === undefined) return { version: 6, protocol, l4: offset, fragment }
    const extension = at(extensionHeader, frame, offset)
    const length = Math.max(8, extension === undefined ? 0 : measure(extension.length))
    if (extension === undefined || offset + length > frame.length) break
    if (protocol === protocols.fragment) {
      fragment ||= (at(fragmentHeader, frame, offset)!.offsetFlags & 0xfff9) !== 0
    }
    protocol = extension.nextHeader
    offset += length
  }
  return { version: 6, protocol, l4: 0, fragment }
}

const inEights = (length: number): number => (length + 1) * 8

/** Octets of an extension header by its own length field (RFC 8200 section 4, RFC 4302 section 2.2). */
const extensionLengths: Readonly<Record<number, (length: number) => number>> = {
  [protocols.hopByHop]: inEights,
  [protocols.routing]: inEights,
  [protocols.destinationOptions]: inEights,
  [protocols.authentication]: (length) => (length + 2) * 4,
  [protocols.fragment]: () => 8,
}

const withPorts: readonly number[] = [
  protocols.tcp,
  protocols.udp,
  protocols.dccp,
  protocols.sctp,
  protocols.udpLite,
]

/** A bijection on 64 bits that lets every bit of the input move about half of the output. */
export function mix(value: bigint): bigint {
  let h = value
  h ^= h >> 32n
  h = BigInt.asUintN(64, h * 0xd6e8feb86659fd93n)
  h ^= h >> 29n
  h = BigInt.asUintN(64, h * 0x9fb21c651e98df25n)
  return h ^ (h >> 32n)
}

const FLOW_SEED = 0x7674657068617368n

/**
 * The flow hash of an inner frame: h = seed, then for each word h = mix(h ^ word); the upper 32 bits of the last h. Words are little-endian:
 * IPv4: source and destination; IPv6: source, destination, two words each; then protocol << 32 | ports, but not for fragments, so that all
 * of a packet's fragments take one path. Anything else: destination MAC | etherType << 48, then source MAC.
 */
export function flowHash(frame: Uint8Array, layers: Layers): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const word = (offset: number): bigint => view.getBigUint64(offset, true)
  const mac = (offset: number): bigint => {
    const low = BigInt(view.getUint32(offset, true))
    return low | (BigInt(view.getUint16(offset + 4, true)) << 32n)
  }
  const { version, l3, l4, protocol, fragment } = layers
  const words: bigint[] = []
  if (version === 0) words.push(mac(0) | (BigInt(layers.etherType) << 48n), mac(6))
  if (version === 4) words.push(word(l3 + 12))
  if (version === 6) words.push(word(l3 + 8), word(l3 + 16), word(l3 + 24), word(l3 + 32))
  if (version !== 0 && !fragment) {
    const ports = l4 !== 0 && withPorts.includes(protocol) && frame.length - l4 >= 4
    words.push((BigInt(protocol) << 32n) | BigInt(ports ? view.getUint32(l4, true) : 0))
  }
  const hash = words.reduce((h, each) => mix(h ^ each), FLOW_SEED)
  return Number(hash >> 32n)
}
