// Offload metadata that travels with a frame: the fields of virtio_net_hdr (VIRTIO 1.2 section 5.1.6), and what of them can be true.

import { at } from './bytes.js'
import { ETHERNET_LENGTH } from './ethernet.js'
import { protocols } from './ip.js'
import type { Layers } from './layers.js'
import {
  TCP_CHECKSUM_OFFSET,
  TCP_LENGTH,
  tcpHeader,
  UDP_CHECKSUM_OFFSET,
  UDP_LENGTH,
} from './transport.js'

export interface Meta {
  /** metaFlags */
  readonly flags: number
  /** gsoTypes, perhaps with ecn */
  readonly gsoType: number
  readonly headerLength: number
  readonly gsoSize: number
  /** From the first octet of the frame. */
  readonly checksumStart: number
  /** From checksumStart. */
  readonly checksumOffset: number
}

export interface Frame {
  readonly bytes: Uint8Array
  readonly meta: Meta
}

export const metaFlags = { needsChecksum: 1, dataValid: 2 } as const
export const gsoTypes = { none: 0, tcp4: 1, tcp6: 4, udp: 5, ecn: 0x80 } as const

export const noMeta: Meta = {
  flags: 0,
  gsoType: gsoTypes.none,
  headerLength: 0,
  gsoSize: 0,
  checksumStart: 0,
  checksumOffset: 0,
}

export const needsChecksum = ({ flags }: Meta): boolean => (flags & metaFlags.needsChecksum) !== 0
export const isSuper = ({ gsoType }: Meta): boolean => gsoType !== gsoTypes.none

const MAX_HEADER = 256
const MAX_SEGMENTS = 2048

/** What of `meta` holds for the frame and is needed, in one canonical form; or why the frame is refused. */
export function checkMeta(
  frame: Uint8Array,
  layers: Layers,
  meta: Meta,
): Meta | 'bad_metadata' | 'gso_unsupported' {
  const { checksumStart, checksumOffset, gsoType, gsoSize } = meta
  const needs = needsChecksum(meta)
  if (needs && !isChecksumPlace(frame, checksumStart, checksumOffset)) return 'bad_metadata'
  const partial = needs
    ? { ...noMeta, flags: metaFlags.needsChecksum, checksumStart, checksumOffset }
    : noMeta
  if (gsoType === gsoTypes.none) return partial
  const type = gsoType & ~gsoTypes.ecn
  if (type === gsoTypes.none) return 'bad_metadata'
  if (type !== gsoTypes.tcp4 && type !== gsoTypes.tcp6 && type !== gsoTypes.udp)
    return 'gso_unsupported'
  if (!needs || gsoSize === 0 || meta.headerLength > frame.length) return 'bad_metadata'
  const headerLength = superFrameHeader(frame, layers, meta)
  if (headerLength === undefined) return 'bad_metadata'
  if (headerLength > MAX_HEADER) return 'gso_unsupported'
  if (Math.floor((frame.length - headerLength) / gsoSize) >= MAX_SEGMENTS) return 'bad_metadata'
  return { ...partial, gsoType, gsoSize, headerLength }
}

/** Every checksum of the Internet lies at an even place behind an even header. */
function isChecksumPlace(frame: Uint8Array, start: number, offset: number): boolean {
  const inside = start >= ETHERNET_LENGTH && start + offset + 2 <= frame.length
  return inside && start % 2 === 0 && offset % 2 === 0
}

/** Length of all headers of a super-frame, if it is one of the type that its metadata says. */
function superFrameHeader(frame: Uint8Array, layers: Layers, meta: Meta): number | undefined {
  const { version, protocol, l4, fragment } = layers
  const { gsoType, checksumStart, checksumOffset } = meta
  if (l4 === 0 || fragment || checksumStart !== l4) return undefined
  if (gsoType === gsoTypes.udp) {
    const fits = protocol === protocols.udp && l4 + UDP_LENGTH <= frame.length
    return fits && checksumOffset === UDP_CHECKSUM_OFFSET ? l4 + UDP_LENGTH : undefined
  }
  const type = gsoType & ~gsoTypes.ecn
  const family = type === gsoTypes.tcp4 ? 4 : type === gsoTypes.tcp6 ? 6 : 0
  const tcp = at(tcpHeader, frame, l4)
  if (version !== family || protocol !== protocols.tcp || tcp === undefined) return undefined
  const length = (tcp.dataOffset >> 4) * 4
  const fits = length >= TCP_LENGTH && l4 + length <= frame.length
  return fits && checksumOffset === TCP_CHECKSUM_OFFSET ? l4 + length : undefined
}

/** Octets of the largest frame that this one is on the wire: itself, or one segment. */
export const wireLength = ({ bytes, meta }: Frame): number =>
  isSuper(meta) ? Math.min(bytes.length, meta.headerLength + meta.gsoSize) : bytes.length
