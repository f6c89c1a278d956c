// BGP Monitoring Protocol (RFC 7854), with the loc-rib as a peer of its own (RFC 9069).
//
//   +---------------------------------------+
//   | Version 3 (1) | Length (4) | Type (1) |  then, for all but Initiation and Termination, the per-peer header
//   +---------------------------------------+

import { type Ip, ipFamily } from '../../net/index.js'
import { Reader, Writer } from '../codec.js'
import { ipv4, ipv6 } from '../values.js'

const VERSION = 3
const TERMINATION_REASON = 1
const ADMINISTRATIVELY_CLOSED = 0

/** Section 4.1. */
const types = {
  routeMonitoring: 0,
  statistics: 1,
  peerDown: 2,
  peerUp: 3,
  initiation: 4,
  termination: 5,
} as const

/** Where the routes of a message are: in the adj-rib-in before or behind our policy, or in the loc-rib. */
export type BmpView = 'prePolicy' | 'postPolicy' | 'locRib'

/** The per-peer header (section 4.2). Of the loc-rib: no address, and our own AS and identifier (RFC 9069 section 4.1). */
export interface BmpPeer {
  readonly view: BmpView
  readonly address?: Ip
  readonly asn: number
  readonly routerId: Ip
}

/** Information TLVs (section 4.4, RFC 9069 section 5.3). */
export const bmpInformation = { text: 0, sysDescr: 1, sysName: 2, tableName: 3 } as const

export interface BmpTlv {
  readonly type: number
  readonly text: string
}

/** Section 4.9. */
export const bmpPeerDownReason = {
  localNotification: 1,
  localEvent: 2,
  remoteNotification: 3,
  remoteNoData: 4,
  deconfigured: 5,
  locRibDown: 6,
} as const

/** Section 4.8: counters, and gauges of 64 bits, some of them of one family. */
export interface BmpStatistic {
  readonly type: number
  readonly value: bigint | number
  readonly afiSafi?: { readonly afi: number; readonly safi: number }
}

/** Types of statistics (section 4.8, RFC 9069). */
export const bmpStatistic = {
  rejected: 0,
  adjRibIn: 7,
  locRib: 8,
  adjRibInOfFamily: 9,
  locRibOfFamily: 10,
  treatedAsWithdraw: 11,
} as const

export type BmpMessage =
  | { readonly kind: 'initiation'; readonly information: readonly BmpTlv[] }
  /** Reason 0, "session administratively closed" (section 4.5). */
  | { readonly kind: 'termination' }
  | {
      readonly kind: 'peerUp'
      readonly peer: BmpPeer
      readonly localAddress: Ip
      readonly localPort: number
      readonly remotePort: number
      /** Whole messages. */
      readonly sentOpen: Uint8Array
      readonly receivedOpen: Uint8Array
      readonly information: readonly BmpTlv[]
    }
  | {
      readonly kind: 'peerDown'
      readonly peer: BmpPeer
      readonly reason: number
      /** A NOTIFICATION, or two octets with the FSM event, by the reason. */
      readonly data: Uint8Array
    }
  /** A whole UPDATE, with four-octet AS numbers. */
  | { readonly kind: 'routeMonitoring'; readonly peer: BmpPeer; readonly update: Uint8Array }
  | {
      readonly kind: 'statistics'
      readonly peer: BmpPeer
      readonly statistics: readonly BmpStatistic[]
    }

export function encodeBmp(message: BmpMessage): Uint8Array {
  const body = new Writer()
  if ('peer' in message) encodePeer(body, message.peer)
  encodeBody(body, message)
  const octets = body.finish()
  const w = new Writer()
  w.u8(VERSION)
  w.u32(6 + octets.length)
  w.u8(types[message.kind])
  w.bytes(octets)
  return w.finish()
}

/** The first message, and what is behind it; undefined when it is not whole yet. Throws WireError. */
export function decodeBmp(
  octets: Uint8Array,
): { readonly message: BmpMessage; readonly rest: Uint8Array } | undefined {
  const r = new Reader(octets)
  if (r.remaining < 6) return undefined
  if (r.u8() !== VERSION) throw r.error('WIRE_VALUE', 'not version 3 of BMP')
  const length = r.u32()
  if (octets.length < length) return undefined
  const type = r.u8()
  const kind = (Object.keys(types) as (keyof typeof types)[]).find((name) => types[name] === type)
  if (kind === undefined) throw r.error('WIRE_VALUE', `message type ${type}`)
  const message = decodeBody(new Reader(octets, 6, length), kind)
  return { message, rest: octets.subarray(length) }
}

function encodeBody(w: Writer, message: BmpMessage): void {
  switch (message.kind) {
    case 'initiation':
      for (const tlv of message.information) encodeTlv(w, tlv)
      return
    case 'termination':
      w.u16(TERMINATION_REASON)
      w.prefixed(2, () => w.u16(ADMINISTRATIVELY_CLOSED))
      return
    case 'peerUp':
      encodeAddress(w, message.localAddress)
      w.u16(message.localPort)
      w.u16(message.remotePort)
      w.bytes(message.sentOpen)
      w.bytes(message.receivedOpen)
      for (const tlv of message.information) encodeTlv(w, tlv)
      return
    case 'peerDown':
      w.u8(message.reason)
      w.bytes(message.data)
      return
    case 'routeMonitoring':
      w.bytes(message.update)
      return
    case 'statistics':
      w.u32(message.statistics.length)
      for (const statistic of message.statistics) encodeStatistic(w, statistic)
      return
  }
}

function decodeBody(r: Reader, kind: keyof typeof types): BmpMessage {
  switch (kind) {
    case 'initiation':
      return { kind, information: decodeTlvs(r) }
    case 'termination':
      return { kind }
    case 'peerUp': {
      const { peer, isIpv6 } = decodePeer(r)
      return {
        kind,
        peer,
        localAddress: decodeAddress(r, isIpv6),
        localPort: r.u16(),
        remotePort: r.u16(),
        sentOpen: decodeMessageOctets(r),
        receivedOpen: decodeMessageOctets(r),
        information: decodeTlvs(r),
      }
    }
    case 'peerDown':
      return { kind, peer: decodePeer(r).peer, reason: r.u8(), data: r.rest().slice() }
    case 'routeMonitoring':
      return { kind, peer: decodePeer(r).peer, update: r.rest().slice() }
    case 'statistics': {
      const { peer } = decodePeer(r)
      const statistics: BmpStatistic[] = []
      // Room is made for what is there, not for what is promised.
      for (let left = r.u32(); left > 0; left--) statistics.push(decodeStatistic(r))
      return { kind, peer, statistics }
    }
  }
}

/** Flags of the per-peer header (section 4.2). */
const IPV6 = 0x80
const POST_POLICY = 0x40
/** Peer types. */
const GLOBAL = 0
const LOC_RIB = 3

function encodePeer(w: Writer, { view, address = '0.0.0.0', asn, routerId }: BmpPeer): void {
  w.u8(view === 'locRib' ? LOC_RIB : GLOBAL)
  w.u8((ipFamily(address) === 6 ? IPV6 : 0) | (view === 'postPolicy' ? POST_POLICY : 0))
  w.bytes(new Uint8Array(8))
  encodeAddress(w, address)
  w.u32(asn)
  ipv4.encode(w, routerId)
  // Whoever writes this has no clock: "If zero, the time is unavailable".
  w.u32(0)
  w.u32(0)
}

function decodePeer(r: Reader): { readonly peer: BmpPeer; readonly isIpv6: boolean } {
  const type = r.u8()
  const flags = r.u8()
  r.bytes(8)
  const isIpv6 = (flags & IPV6) !== 0
  const address = decodeAddress(r, isIpv6)
  const asn = r.u32()
  const routerId = ipv4.decode(r)
  r.bytes(8)
  if (type === LOC_RIB) return { peer: { view: 'locRib', asn, routerId }, isIpv6 }
  const view = (flags & POST_POLICY) === 0 ? 'prePolicy' : 'postPolicy'
  return { peer: { view, address, asn, routerId }, isIpv6 }
}

/** Sixteen octets; of IPv4 the last four. */
function encodeAddress(w: Writer, ip: Ip): void {
  if (ipFamily(ip) === 6) {
    ipv6.encode(w, ip)
    return
  }
  w.bytes(new Uint8Array(12))
  ipv4.encode(w, ip)
}

function decodeAddress(r: Reader, isIpv6: boolean): Ip {
  if (isIpv6) return ipv6.decode(r)
  r.bytes(12)
  return ipv4.decode(r)
}

function encodeTlv(w: Writer, { type, text }: BmpTlv): void {
  w.u16(type)
  w.prefixed(2, () => w.bytes(new TextEncoder().encode(text)))
}

function decodeTlvs(r: Reader): BmpTlv[] {
  const tlvs: BmpTlv[] = []
  while (r.remaining > 0) {
    tlvs.push({ type: r.u16(), text: new TextDecoder().decode(r.bytes(r.u16())) })
  }
  return tlvs
}

/** A BGP message, by the length in its header. */
function decodeMessageOctets(r: Reader): Uint8Array {
  const length = new Reader(r.octets, r.offset + 16, r.end).u16()
  return r.bytes(length).slice()
}

function encodeStatistic(w: Writer, { type, value, afiSafi }: BmpStatistic): void {
  w.u16(type)
  w.prefixed(2, () => {
    if (afiSafi !== undefined) {
      w.u16(afiSafi.afi)
      w.u8(afiSafi.safi)
    }
    if (typeof value === 'number') w.u32(value)
    else {
      w.u32(Number(value >> 32n))
      w.u32(Number(value & 0xffff_ffffn))
    }
  })
}

function decodeStatistic(r: Reader): BmpStatistic {
  const type = r.u16()
  const value = r.sub(r.u16())
  const afiSafi = value.remaining === 11 ? { afi: value.u16(), safi: value.u8() } : undefined
  const number =
    value.remaining === 4 ? value.u32() : (BigInt(value.u32()) << 32n) | BigInt(value.u32())
  return { type, value: number, ...(afiSafi === undefined ? {} : { afiSafi }) }
}
