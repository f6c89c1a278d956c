// What a NIC without offloads must be given: super-frames cut, checksums complete. RFC 9293 for TCP; FIN and PSH stay with the last
// segment, CWR (RFC 3168 section 6.1.2) with the first.

import { ipv4FromBytes, ipv6FromBytes } from '../../net/index.js'
import { at, concat, patched } from './bytes.js'
import { internetChecksum, onesComplementSum, pseudoHeader, transportChecksum } from './checksum.js'
import { IPV6_LENGTH, ipv4Header, ipv6Header, protocols } from './ip.js'
import { findLayers, type Layers } from './layers.js'
import {
  checkMeta,
  type Frame,
  isSuper,
  type Meta,
  metaFlags,
  needsChecksum,
  noMeta,
} from './meta.js'
import { tcpFlags, tcpHeader, UDP_LENGTH, udpHeader } from './transport.js'

/** `complete`: no metadata is left. `partial`: the device still sums. */
export type Checksums = 'complete' | 'partial'

/** The frames that stand for this one, or why there are none. */
export function finish(frame: Frame, checksums: Checksums): readonly Frame[] | FinishProblem {
  if (frame.bytes.length < 14) return 'too_short'
  const layers = findLayers(frame.bytes)
  if (layers === undefined) return 'malformed'
  const meta = checkMeta(frame.bytes, layers, frame.meta)
  if (typeof meta === 'string') return meta
  if (isSuper(meta)) return cut(frame.bytes, layers, meta, checksums)
  if (!needsChecksum(meta) || checksums === 'partial') return [{ bytes: frame.bytes, meta }]
  return [{ bytes: completed(frame.bytes, meta), meta: noMeta }]
}

export type FinishProblem = 'too_short' | 'malformed' | 'bad_metadata' | 'gso_unsupported'

/** The field holds the pseudo-header sum, so summing everything from checksumStart on gives the checksum. */
function completed(bytes: Uint8Array, { checksumStart, checksumOffset }: Meta): Uint8Array {
  const out = bytes.slice()
  const checksum = transportChecksum(bytes.subarray(checksumStart))
  new DataView(out.buffer).setUint16(checksumStart + checksumOffset, checksum)
  return out
}

function cut(
  bytes: Uint8Array,
  layers: Layers,
  meta: Meta,
  checksums: Checksums,
): readonly Frame[] {
  const head = bytes.subarray(0, meta.headerLength)
  const payload = bytes.subarray(meta.headerLength)
  const count = Math.max(1, Math.ceil(payload.length / meta.gsoSize))
  return Array.from({ length: count }, (_, index) => {
    const part = payload.subarray(index * meta.gsoSize, (index + 1) * meta.gsoSize)
    const place = { index, isLast: index === count - 1, offset: index * meta.gsoSize }
    const transport = patchTransport(head, layers, part.length, place)
    const whole = patchIp(concat(transport, part), layers, index)
    return sum(whole, layers, meta, checksums)
  })
}

interface Place {
  readonly index: number
  readonly isLast: boolean
  /** Of the segment's payload in the whole. */
  readonly offset: number
}

function patchTransport(
  head: Uint8Array,
  layers: Layers,
  payload: number,
  place: Place,
): Uint8Array {
  const { l4, protocol } = layers
  if (protocol === protocols.udp) {
    return patched(udpHeader, head, l4, { length: UDP_LENGTH + payload })
  }
  const { sequence, flags } = at(tcpHeader, head, l4)!
  const cleared =
    (place.isLast ? 0 : tcpFlags.fin | tcpFlags.psh) | (place.index === 0 ? 0 : tcpFlags.cwr)
  return patched(tcpHeader, head, l4, {
    sequence: (sequence + place.offset) % 2 ** 32,
    flags: flags & ~cleared,
  })
}

function patchIp(bytes: Uint8Array, { version, l3, l4 }: Layers, index: number): Uint8Array {
  const length = bytes.length - l3
  if (version === 6) return patched(ipv6Header, bytes, l3, { payloadLength: length - IPV6_LENGTH })
  const { identification } = at(ipv4Header, bytes, l3)!
  const fields = {
    totalLength: length,
    identification: (identification + index) % 2 ** 16,
    checksum: 0,
  }
  const unsummed = patched(ipv4Header, bytes, l3, fields)
  const checksum = internetChecksum(unsummed.subarray(l3, l4))
  return patched(ipv4Header, unsummed, l3, { checksum })
}

function sum(bytes: Uint8Array, layers: Layers, meta: Meta, checksums: Checksums): Frame {
  const { version, l3, l4, protocol } = layers
  const body = bytes.subarray(l4)
  const pseudo =
    version === 4
      ? pseudoHeader(
          ipv4FromBytes(bytes, l3 + 12),
          ipv4FromBytes(bytes, l3 + 16),
          protocol,
          body.length,
        )
      : pseudoHeader(
          ipv6FromBytes(bytes, l3 + 8),
          ipv6FromBytes(bytes, l3 + 24),
          protocol,
          body.length,
        )
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const field = l4 + meta.checksumOffset
  if (checksums === 'partial') {
    view.setUint16(field, onesComplementSum(pseudo))
    const { checksumStart, checksumOffset } = meta
    return {
      bytes,
      meta: { ...noMeta, flags: metaFlags.needsChecksum, checksumStart, checksumOffset },
    }
  }
  view.setUint16(field, 0)
  view.setUint16(field, transportChecksum(concat(pseudo, body)))
  return { bytes, meta: noMeta }
}
