// The run format of native/core/run.hpp: what goes into a switch (the model, the addon's Core, the WebAssembly core) and what comes out.

import type { Ip } from '../../net/index.js'
import { concat, ip16 } from './bytes.js'
import type { Frame, Meta } from './meta.js'

/** How a frame enters: the numbers are those of the format. */
export const forms = { port: 0, outer: 1, vxlan: 2, finish: 3, finishPartial: 4 } as const

export type RunFrame = Frame &
  (
    | { readonly form: 'port'; readonly port: number }
    /** From the outer Ethernet header on. */
    | { readonly form: 'outer' }
    /** From the VXLAN header on; `toReplicator`: it was sent to our AR-IP. */
    | { readonly form: 'vxlan'; readonly source: Ip; readonly toReplicator?: boolean }
    /** To be cut and summed in software. */
    | { readonly form: 'finish' | 'finishPartial' }
  )

export interface RunInput {
  /** Seconds. */
  readonly now: number
  readonly frames: readonly RunFrame[]
}

/** Where a copy goes: kind << 24 | port id or remote index, as in the tables. */
export const destinationWord = { port: 1 << 24, remote: 2 << 24 } as const

export type Outcome =
  | {
      readonly kind: 'emit'
      /** Index of the frame in the input. */
      readonly input: number
      readonly destination: number
      readonly frame: Frame
    }
  | {
      readonly kind: 'drop'
      readonly input: number
      /** 0 = the frame as a whole, else the copy that was lost. */
      readonly destination: number
      /** Number in drop.def. */
      readonly reason: number
    }

/** As in native/core/frame.hpp. */
const TO_REPLICATOR = 1
const META_LENGTH = 10
const FRAME_HEAD = 1 + 4 + 16 + META_LENGTH + 4

export function encodeRun({ now, frames }: RunInput): Uint8Array {
  const head = new Uint8Array(8)
  const view = new DataView(head.buffer)
  view.setUint32(0, now, true)
  view.setUint32(4, frames.length, true)
  return concat(head, ...frames.map(encodeFrame))
}

function encodeFrame(frame: RunFrame): Uint8Array {
  const head = new Uint8Array(FRAME_HEAD)
  const view = new DataView(head.buffer)
  view.setUint8(0, forms[frame.form])
  if (frame.form === 'port') view.setUint32(1, frame.port, true)
  if (frame.form === 'vxlan') {
    view.setUint32(1, frame.toReplicator === true ? TO_REPLICATOR : 0, true)
    head.set(ip16(frame.source), 5)
  }
  writeMeta(view, 21, frame.meta)
  view.setUint32(31, frame.bytes.length, true)
  return concat(head, frame.bytes)
}

export function encodeOutcomes(outcomes: readonly Outcome[]): Uint8Array {
  const count = new Uint8Array(4)
  new DataView(count.buffer).setUint32(0, outcomes.length, true)
  return concat(count, ...outcomes.map(encodeOutcome))
}

function encodeOutcome(outcome: Outcome): Uint8Array {
  const emits = outcome.kind === 'emit'
  const head = new Uint8Array(emits ? 13 + META_LENGTH : 10)
  const view = new DataView(head.buffer)
  view.setUint8(0, emits ? 1 : 2)
  view.setUint32(1, outcome.input, true)
  view.setUint32(5, outcome.destination, true)
  if (!emits) {
    view.setUint8(9, outcome.reason)
    return head
  }
  writeMeta(view, 9, outcome.frame.meta)
  view.setUint32(9 + META_LENGTH, outcome.frame.bytes.length, true)
  return concat(head, outcome.frame.bytes)
}

/** Throws RangeError when the octets are not as encodeOutcomes writes them. */
export function decodeOutcomes(octets: Uint8Array): Outcome[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const outcomes: Outcome[] = []
  let at = 4
  for (let count = view.getUint32(0, true); count > 0; count--) {
    const kind = view.getUint8(at)
    const input = view.getUint32(at + 1, true)
    const destination = view.getUint32(at + 5, true)
    if (kind === 2) {
      outcomes.push({ kind: 'drop', input, destination, reason: view.getUint8(at + 9) })
      at += 10
      continue
    }
    const length = view.getUint32(at + 9 + META_LENGTH, true)
    const start = at + 13 + META_LENGTH
    const frame = {
      meta: readMeta(view, at + 9),
      bytes: Uint8Array.from(octets.subarray(start, start + length)),
    }
    if (kind !== 1 || frame.bytes.length !== length) {
      throw new RangeError(`record at octet ${at}: expected an emit or a drop, got kind ${kind}`)
    }
    outcomes.push({ kind: 'emit', input, destination, frame })
    at = start + length
  }
  return outcomes
}

function writeMeta(view: DataView, at: number, meta: Meta): void {
  view.setUint8(at, meta.flags)
  view.setUint8(at + 1, meta.gsoType)
  view.setUint16(at + 2, meta.headerLength, true)
  view.setUint16(at + 4, meta.gsoSize, true)
  view.setUint16(at + 6, meta.checksumStart, true)
  view.setUint16(at + 8, meta.checksumOffset, true)
}

function readMeta(view: DataView, at: number): Meta {
  return {
    flags: view.getUint8(at),
    gsoType: view.getUint8(at + 1),
    headerLength: view.getUint16(at + 2, true),
    gsoSize: view.getUint16(at + 4, true),
    checksumStart: view.getUint16(at + 6, true),
    checksumOffset: view.getUint16(at + 8, true),
  }
}
