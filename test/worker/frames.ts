// Tenants' frames for tests: Ethernet, IPv4 and TCP or UDP, with checksums that are whole, partial or looked at.

import type { RingFrame } from '../../src/io/ring-frames.js'
import { ipToBytes, macToBytes } from '../../src/net/index.js'

/** RFC 1071, not complemented. */
export function onesSum(bytes: Uint8Array, start = 0): number {
  let sum = start
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}

export interface Flow {
  readonly sourceMac: string
  readonly destinationMac: string
  readonly source?: string
  readonly destination?: string
}

const ethernet = 14
const ipv4 = 20
const tcpHeader = 20
const udpHeader = 8
/** Where the layer 4 header begins in all frames made here. */
export const layer4 = ethernet + ipv4

function frame(flow: Flow, protocol: 6 | 17, header: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(layer4 + header + payload.length)
  const view = new DataView(bytes.buffer)
  bytes.set(macToBytes(flow.destinationMac), 0)
  bytes.set(macToBytes(flow.sourceMac), 6)
  view.setUint16(12, 0x0800)
  bytes[14] = 0x45
  view.setUint16(16, bytes.length - ethernet)
  view.setUint16(18, 0x1234)
  view.setUint16(20, 0x4000)
  bytes[22] = 64
  bytes[23] = protocol
  bytes.set(ipToBytes(flow.source ?? '192.0.2.1'), 26)
  bytes.set(ipToBytes(flow.destination ?? '192.0.2.2'), 30)
  view.setUint16(24, ~onesSum(bytes.subarray(14, 34)) & 0xffff)
  view.setUint16(layer4, 40000)
  view.setUint16(layer4 + 2, 5201)
  bytes.set(payload, layer4 + header)
  return bytes
}

const pseudoSum = (bytes: Uint8Array): number =>
  onesSum(bytes.subarray(26, 34), bytes[23]! + (bytes.length - layer4))

/** A UDP frame with its checksum done. */
export function udp(flow: Flow, payload: Uint8Array): Uint8Array {
  const bytes = frame(flow, 17, udpHeader, payload)
  const view = new DataView(bytes.buffer)
  view.setUint16(layer4 + 4, bytes.length - layer4)
  view.setUint16(layer4 + 6, ~onesSum(bytes.subarray(layer4), pseudoSum(bytes)) & 0xffff || 0xffff)
  return bytes
}

/** The same with the pseudo-header sum only, as a tenant's kernel leaves it to its device. */
export function partialUdp(flow: Flow, payload: Uint8Array): RingFrame {
  const bytes = udp(flow, payload)
  new DataView(bytes.buffer).setUint16(layer4 + 6, pseudoSum(bytes))
  return { bytes, flags: 1, checksumStart: layer4, checksumOffset: 6 }
}

export interface TcpFields {
  readonly sequence?: number
  readonly acknowledgement?: number
  readonly flags?: number
  readonly sourcePort?: number
}

function tcpFrame(flow: Flow, payload: Uint8Array, fields: TcpFields): Uint8Array {
  const bytes = frame(flow, 6, tcpHeader, payload)
  const view = new DataView(bytes.buffer)
  view.setUint16(layer4, fields.sourcePort ?? 40000)
  view.setUint32(layer4 + 4, fields.sequence ?? 1000)
  view.setUint32(layer4 + 8, fields.acknowledgement ?? 77)
  bytes[layer4 + 12] = 0x50
  bytes[layer4 + 13] = fields.flags ?? 0x18 // PSH, ACK
  view.setUint16(layer4 + 14, 502)
  return bytes
}

/** A TCP frame with its checksum done. */
export function tcp(flow: Flow, payload: Uint8Array, fields: TcpFields = {}): Uint8Array {
  const bytes = tcpFrame(flow, payload, fields)
  const sum = onesSum(bytes.subarray(layer4), pseudoSum(bytes))
  new DataView(bytes.buffer).setUint16(layer4 + 16, ~sum & 0xffff)
  return bytes
}

/** A TCP super-frame: the device cuts it into segments of `gsoSize`. */
export function superTcp(flow: Flow, payload: Uint8Array, gsoSize: number): RingFrame {
  const bytes = tcpFrame(flow, payload, {})
  const view = new DataView(bytes.buffer)
  view.setUint16(layer4 + 16, pseudoSum(bytes))
  return {
    bytes,
    flags: 1,
    gsoType: 1,
    gsoSize,
    headerLength: layer4 + tcpHeader,
    checksumStart: layer4,
    checksumOffset: 16,
  }
}

/** What a receiver would find: whether IPv4 header and layer 4 checksums are right. */
export function checksumsRight(bytes: Uint8Array): boolean {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint16(16)
  if (length !== bytes.length - ethernet) return false
  return (
    onesSum(bytes.subarray(14, 34)) === 0xffff &&
    onesSum(bytes.subarray(layer4), pseudoSum(bytes)) === 0xffff
  )
}

/** Sequence number, flags and payload of a TCP frame made here. */
export function tcpParts(bytes: Uint8Array): {
  sequence: number
  flags: number
  payload: Uint8Array
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return {
    sequence: view.getUint32(layer4 + 4),
    flags: bytes[layer4 + 13]!,
    payload: bytes.subarray(layer4 + tcpHeader),
  }
}

/** Bytes that differ from place to place. */
export const pattern = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff)
