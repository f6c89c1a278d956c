// Captured frames out of a file: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng). What it holds may come from
// anybody: a file that is cut off or broken gives the frames before the fault, and a sentence about it.

import { readPcap } from './pcap.js'
import { readPcapng } from './pcapng.js'

export const linkTypes = { ethernet: 1, raw: 101, linuxCooked: 113 } as const

export interface CapturedFrame {
  /** Counts from 1. */
  readonly number: number
  /** Nanoseconds since 1970; undefined where the file does not say. */
  readonly time: bigint | undefined
  /** Of tcpdump.org's registry; 1 = Ethernet. */
  readonly linkType: number
  readonly octets: Uint8Array
  /** Length on the wire; more than `octets` has where the capture cut it short. */
  readonly length: number
  /** Name of the interface; empty where the file does not say. */
  readonly ifname: string
  /** What the one who captured it says, such as the verdict. */
  readonly comments: readonly string[]
}

export interface Capture {
  readonly format: 'pcap' | 'pcapng'
  readonly frames: readonly CapturedFrame[]
  /** What is wrong with the file behind the last frame; undefined when nothing is. */
  readonly problem?: string
}

/** All frames of a file's octets, or the sentence that says why it is no capture. */
export function readCapture(octets: Uint8Array): Capture | { readonly problem: string } {
  if (octets.length < 4)
    return { problem: 'a capture: expected pcap or pcapng, got a file of less than 4 octets' }
  const magic = new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0)
  if (magic === 0x0a0d0d0a) return readPcapng(octets)
  const pcap = readPcap(octets)
  return (
    pcap ?? {
      problem: `a capture: expected pcap or pcapng, got a file that begins with ${magic.toString(16).padStart(8, '0')}`,
    }
  )
}
