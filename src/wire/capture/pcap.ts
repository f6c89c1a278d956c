// pcap: a header, then records.
//
//   | magic (4) | version (2+2) | reserved (4+4) | snaplen (4) | FCS and link type (4) |
//   | seconds (4) | fraction (4) | captured length (4) | original length (4) | octets |

import type { Capture, CapturedFrame } from './read.js'

const HEADER = 24
const RECORD = 16

/** Magic as big-endian → byte order, and nanoseconds of a unit of the fraction. */
const magics: Readonly<Record<number, { readonly little: boolean; readonly unit: bigint }>> = {
  [0xa1b2c3d4]: { little: false, unit: 1000n },
  [0xd4c3b2a1]: { little: true, unit: 1000n },
  [0xa1b23c4d]: { little: false, unit: 1n },
  [0x4d3cb2a1]: { little: true, unit: 1n },
}

/** Undefined when it is no pcap. */
export function readPcap(octets: Uint8Array): Capture | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const kind = magics[view.getUint32(0)]
  if (kind === undefined) return undefined
  const frames: CapturedFrame[] = []
  const cut = (at: number): Capture => ({
    format: 'pcap',
    frames,
    problem: `record ${frames.length + 1} at octet ${at}: expected it whole, got the end of the file`,
  })
  if (octets.length < HEADER) return cut(0)
  const { little, unit } = kind
  // The upper four bits tell of a frame check sequence.
  const linkType = view.getUint32(20, little) & 0xffff
  let at = HEADER
  while (at < octets.length) {
    if (octets.length - at < RECORD) return cut(at)
    const captured = view.getUint32(at + 8, little)
    if (octets.length - at - RECORD < captured) return cut(at)
    const seconds = BigInt(view.getUint32(at, little))
    frames.push({
      number: frames.length + 1,
      time: seconds * 1_000_000_000n + BigInt(view.getUint32(at + 4, little)) * unit,
      linkType,
      octets: octets.subarray(at + RECORD, at + RECORD + captured),
      length: view.getUint32(at + 12, little),
      ifname: '',
      comments: [],
    })
    at += RECORD + captured
  }
  return { format: 'pcap', frames }
}
