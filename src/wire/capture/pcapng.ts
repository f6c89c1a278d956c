// pcapng by its reader, block by block: what is before a fault is kept.

import { WireError } from '../error.js'
import { type PcapngBlock, PcapngReader } from '../pcapng/index.js'
import type { Capture, CapturedFrame } from './read.js'

const SECTION = 0x0a0d0d0a
const BYTE_ORDER = 0x1a2b3c4d
const LEAST_BLOCK = 12

type Interface = Extract<PcapngBlock, { readonly block: 'interface' }>

export function readPcapng(octets: Uint8Array): Capture {
  const reader = new PcapngReader()
  const frames: CapturedFrame[] = []
  let interfaces: Interface[] = []
  try {
    for (const block of blocksOf(octets)) {
      for (const found of reader.push(block)) {
        if (found.block === 'section') interfaces = []
        else if (found.block === 'interface') interfaces.push(found)
        else if (found.block === 'packet') {
          const { timeNanoseconds, length, bytes, comment } = found
          const { linkType = 0, name = '' } = interfaces[found.interface] ?? {}
          frames.push({
            number: frames.length + 1,
            time: timeNanoseconds,
            linkType,
            octets: bytes,
            length,
            ifname: name,
            comments: comment === undefined ? [] : [comment],
          })
        }
      }
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return { format: 'pcapng', frames, problem: error.message }
  }
  if (reader.pending === 0) return { format: 'pcapng', frames }
  const at = octets.length - reader.pending
  return {
    format: 'pcapng',
    frames,
    problem: `block at octet ${at}: expected it whole, got the end of the file`,
  }
}

/** As the lengths in it say; where they say nonsense, the reader says so. */
function* blocksOf(octets: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  let little = true
  for (let at = 0; at < octets.length; ) {
    const left = octets.length - at
    if (left < LEAST_BLOCK) return yield octets.subarray(at)
    if (view.getUint32(at, true) === SECTION) little = view.getUint32(at + 8, true) === BYTE_ORDER
    const length = Math.max(LEAST_BLOCK, view.getUint32(at + 4, little))
    yield octets.subarray(at, at + length)
    at += length
  }
}
