// One frame of a capture file.

import { linkTypes, readCapture } from '../../wire/capture/index.js'

/** By its number, from 1; or the sentence that says why not. Only whole Ethernet frames can be traced. */
export function frameOfCapture(
  file: Uint8Array,
  number: number,
): { readonly octets: Uint8Array } | { readonly problem: string } {
  const capture = readCapture(file)
  if (!('frames' in capture)) return capture
  const { frames, problem } = capture
  const frame = frames.find((one) => one.number === number)
  if (frame === undefined) {
    const broken = problem === undefined ? '' : `, then ${problem}`
    return { problem: `expected a frame ${number}, got ${frames.length} frames${broken}` }
  }
  const { octets, length, linkType } = frame
  if (linkType !== linkTypes.ethernet)
    return {
      problem: `frame ${number}: expected Ethernet (link type 1), got link type ${linkType}`,
    }
  if (octets.length < length)
    return { problem: `frame ${number}: expected ${length} octets, got the first ${octets.length}` }
  return { octets }
}
