// Frames of a `ring` port as its verbs carry them: ten bytes of metadata, a length, the bytes.

/** A frame with the offload metadata of virtio_net_hdr (VIRTIO 1.2 section 5.1.6). */
export interface RingFrame {
  readonly bytes: Uint8Array
  /** 1 = a partial checksum is to be completed, 2 = checksums have been verified. */
  readonly flags?: number
  /** 0 none, 1 TCP over IPv4, 4 TCP over IPv6, 5 UDP; 0x80 ECN. */
  readonly gsoType?: number
  readonly headerLength?: number
  readonly gsoSize?: number
  readonly checksumStart?: number
  readonly checksumOffset?: number
}

const headerSize = 14

export function packRingFrames(frames: readonly RingFrame[]): Uint8Array {
  const size = frames.reduce((sum, { bytes }) => sum + headerSize + bytes.length, 0)
  const out = new Uint8Array(size)
  const view = new DataView(out.buffer)
  let at = 0
  for (const frame of frames) {
    view.setUint8(at, frame.flags ?? 0)
    view.setUint8(at + 1, frame.gsoType ?? 0)
    view.setUint16(at + 2, frame.headerLength ?? 0, true)
    view.setUint16(at + 4, frame.gsoSize ?? 0, true)
    view.setUint16(at + 6, frame.checksumStart ?? 0, true)
    view.setUint16(at + 8, frame.checksumOffset ?? 0, true)
    view.setUint32(at + 10, frame.bytes.length, true)
    out.set(frame.bytes, at + headerSize)
    at += headerSize + frame.bytes.length
  }
  return out
}

export function unpackRingFrames(packed: Uint8Array): Required<RingFrame>[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length)
  const frames: Required<RingFrame>[] = []
  for (let at = 0; at < packed.length; ) {
    const length = view.getUint32(at + 10, true)
    frames.push({
      flags: view.getUint8(at),
      gsoType: view.getUint8(at + 1),
      headerLength: view.getUint16(at + 2, true),
      gsoSize: view.getUint16(at + 4, true),
      checksumStart: view.getUint16(at + 6, true),
      checksumOffset: view.getUint16(at + 8, true),
      bytes: packed.slice(at + headerSize, at + headerSize + length),
    })
    at += headerSize + length
  }
  return frames
}
