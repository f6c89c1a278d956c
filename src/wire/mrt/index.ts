// MRT export format (RFC 6396): tables and messages of a BGP speaker as a file that others can read.
//
//   +-----------------------------------------------+
//   | Timestamp (4) | Type (2) | Subtype (2) | Length (4) | message ...
//   +-----------------------------------------------+

import { type Ip, ipFamily } from '../../net/index.js'
import { decodeAttributes } from '../bgp/attribute/decode.js'
import { encodeAttributes } from '../bgp/attribute/encode.js'
import {
  afiSafiOf,
  familyOf,
  iana,
  initialContext,
  type KnownFamily,
  type PathAttributes,
} from '../bgp/index.js'
import { decodeNlri, encodeNlri, type Nlri } from '../bgp/nlri/index.js'
import { Reader, Writer } from '../codec.js'
import { ipv4, ipv6 } from '../values.js'

/** Type and subtype of each record (RFC 6396 sections 4.3 and 4.4). */
const codes = {
  peerIndex: [13, 1],
  ribIpv4: [13, 2],
  ribIpv6: [13, 4],
  ribGeneric: [13, 6],
  stateChange: [16, 5],
  message: [16, 4],
} as const

export interface MrtPeer {
  readonly routerId: Ip
  readonly address: Ip
  readonly asn: number
}

/** A path of a route: whose, since when, and how. */
export interface MrtPath {
  /** Index into the peers of the `peerIndex` record. */
  readonly peer: number
  /** Seconds since 1970. */
  readonly since: number
  readonly nextHop: Ip
  readonly attributes: PathAttributes
}

/** Between whom a message was exchanged. Both addresses are of one family. */
export interface MrtSession {
  readonly peerAsn: number
  readonly localAsn: number
  readonly peerAddress: Ip
  readonly localAddress: Ip
}

export type MrtRecord =
  /** PEER_INDEX_TABLE, in front of the routes. */
  | {
      readonly kind: 'peerIndex'
      readonly routerId: Ip
      readonly view: string
      readonly peers: readonly MrtPeer[]
    }
  /** RIB_IPV4_UNICAST, RIB_IPV6_UNICAST; RIB_GENERIC for every other family. */
  | {
      readonly kind: 'rib'
      readonly sequence: number
      readonly family: KnownFamily
      readonly nlri: Nlri
      readonly paths: readonly MrtPath[]
    }
  /** BGP4MP_MESSAGE_AS4: a whole message, header included. */
  | { readonly kind: 'message'; readonly session: MrtSession; readonly octets: Uint8Array }
  /** BGP4MP_STATE_CHANGE_AS4; states as RFC 4271 counts them, Idle 1 to Established 6. */
  | {
      readonly kind: 'stateChange'
      readonly session: MrtSession
      readonly from: number
      readonly to: number
    }

export interface TimedRecord {
  /** Seconds since 1970. */
  readonly seconds: number
  readonly record: MrtRecord
}

/** A record with its header. Throws RangeError for a path whose attributes have more than 65535 octets. */
export function encodeMrt(seconds: number, record: MrtRecord): Uint8Array {
  const body = new Writer()
  const [type, subtype] = encodeBody(body, record)
  const octets = body.finish()
  const w = new Writer()
  w.u32(Math.floor(seconds) >>> 0)
  w.u16(type)
  w.u16(subtype)
  w.u32(octets.length)
  w.bytes(octets)
  return w.finish()
}

/** Records until the octets end; records of other kinds are skipped. Throws WireError. */
export function* decodeMrt(octets: Uint8Array): Generator<TimedRecord> {
  const r = new Reader(octets)
  while (r.remaining > 0) {
    const seconds = r.u32()
    const code = [r.u16(), r.u16()]
    const body = r.sub(r.u32())
    const kind = Object.entries(codes).find(([, own]) => own.every((one, i) => one === code[i]))
    if (kind === undefined) continue
    yield { seconds, record: decodeBody(body, kind[0] as keyof typeof codes) }
  }
}

function encodeBody(w: Writer, record: MrtRecord): readonly [number, number] {
  switch (record.kind) {
    case 'peerIndex':
      ipv4.encode(w, record.routerId)
      w.prefixed(2, () => w.bytes(new TextEncoder().encode(record.view)))
      w.u16(record.peers.length)
      for (const peer of record.peers) encodePeer(w, peer)
      return codes.peerIndex
    case 'rib': {
      const { family, nlri, sequence, paths } = record
      w.u32(sequence)
      if (family !== 'ipv4' && family !== 'ipv6') {
        const { afi, safi } = afiSafiOf(family)
        w.u16(afi)
        w.u8(safi)
      }
      encodeNlri(w, family, [nlri], initialContext)
      w.u16(paths.length)
      for (const path of paths) encodePath(w, family, path)
      if (family === 'ipv4') return codes.ribIpv4
      return family === 'ipv6' ? codes.ribIpv6 : codes.ribGeneric
    }
    case 'message':
      encodeSession(w, record.session)
      w.bytes(record.octets)
      return codes.message
    case 'stateChange':
      encodeSession(w, record.session)
      w.u16(record.from)
      w.u16(record.to)
      return codes.stateChange
  }
}

function decodeBody(r: Reader, kind: keyof typeof codes): MrtRecord {
  switch (kind) {
    case 'peerIndex': {
      const routerId = ipv4.decode(r)
      const view = new TextDecoder().decode(r.bytes(r.u16()))
      return { kind, routerId, view, peers: times(r.u16(), () => decodePeer(r)) }
    }
    case 'ribIpv4':
      return decodeRib(r, r.u32(), 'ipv4')
    case 'ribIpv6':
      return decodeRib(r, r.u32(), 'ipv6')
    case 'ribGeneric': {
      const sequence = r.u32()
      const family = familyOf({ afi: r.u16(), safi: r.u8() })
      return decodeRib(r, sequence, family as KnownFamily)
    }
    case 'message':
      return { kind, session: decodeSession(r), octets: r.rest().slice() }
    case 'stateChange':
      return { kind, session: decodeSession(r), from: r.u16(), to: r.u16() }
  }
}

/** The NLRI has its length in its first octet (prefixes) or its second (EVPN). */
function decodeRib(r: Reader, sequence: number, family: KnownFamily): MrtRecord {
  const at = r.octets.subarray(r.offset, r.end)
  const length = family === 'evpn' ? 2 + (at[1] ?? 0) : 1 + Math.ceil((at[0] ?? 0) / 8)
  const [nlri] = decodeNlri(r.sub(length), family, initialContext, ({ text }) => {
    throw r.error('WIRE_VALUE', text)
  })
  const paths = times(r.u16(), () => decodePath(r))
  return { kind: 'rib', sequence, family, nlri: nlri!, paths }
}

const PEER_IPV6 = 1
const PEER_AS4 = 2

function encodePeer(w: Writer, { routerId, address, asn }: MrtPeer): void {
  const isIpv6 = ipFamily(address) === 6
  w.u8(PEER_AS4 | (isIpv6 ? PEER_IPV6 : 0))
  ipv4.encode(w, routerId)
  if (isIpv6) ipv6.encode(w, address)
  else ipv4.encode(w, address)
  w.u32(asn)
}

function decodePeer(r: Reader): MrtPeer {
  const flags = r.u8()
  const routerId = ipv4.decode(r)
  const address = (flags & PEER_IPV6) === 0 ? ipv4.decode(r) : ipv6.decode(r)
  return { routerId, address, asn: (flags & PEER_AS4) === 0 ? r.u16() : r.u32() }
}

const MP_REACH = 14

/** Of MP_REACH_NLRI there is only the next hop (RFC 6396 section 4.3.4). */
function encodePath(w: Writer, family: KnownFamily, path: MrtPath): void {
  const { mpReach: _, mpUnreach: __, ...attributes } = path.attributes
  const isPlain = family === 'ipv4' && ipFamily(path.nextHop) === 4
  w.u16(path.peer)
  w.u32(Math.floor(path.since) >>> 0)
  w.prefixed(2, () => {
    const whole = isPlain ? { ...attributes, nextHop: path.nextHop } : attributes
    encodeAttributes(w, whole, initialContext)
    if (isPlain) return
    w.u8(iana.attributeFlag.optional)
    w.u8(MP_REACH)
    w.prefixed(1, () => {
      w.prefixed(1, () => encodeIp(w, path.nextHop))
    })
  })
}

function decodePath(r: Reader): MrtPath {
  const peer = r.u16()
  const since = r.u32()
  const all = r.sub(r.u16())
  const others = new Writer()
  let nextHop: Ip | undefined
  while (all.remaining > 0) {
    const start = all.offset
    const flags = all.u8()
    const code = all.u8()
    const value = all.sub((flags & iana.attributeFlag.extendedLength) === 0 ? all.u8() : all.u16())
    if (code === MP_REACH) nextHop = decodeIp(value.sub(value.u8()))
    else others.bytes(all.octets.subarray(start, all.offset))
  }
  const { attributes } = decodeAttributes(new Reader(others.finish()), initialContext)
  const { nextHop: plain, asReceived: ___, ...rest } = attributes
  return { peer, since, nextHop: nextHop ?? plain ?? '0.0.0.0', attributes: rest }
}

function encodeSession(w: Writer, session: MrtSession): void {
  w.u32(session.peerAsn)
  w.u32(session.localAsn)
  w.u16(0)
  w.u16(ipFamily(session.peerAddress) === 4 ? iana.afi.ipv4 : iana.afi.ipv6)
  encodeIp(w, session.peerAddress)
  encodeIp(w, session.localAddress)
}

function decodeSession(r: Reader): MrtSession {
  const [peerAsn, localAsn] = [r.u32(), r.u32()]
  r.u16()
  const address = r.u16() === iana.afi.ipv4 ? ipv4 : ipv6
  return { peerAsn, localAsn, peerAddress: address.decode(r), localAddress: address.decode(r) }
}

function encodeIp(w: Writer, ip: Ip): void {
  if (ipFamily(ip) === 4) ipv4.encode(w, ip)
  else ipv6.encode(w, ip)
}

function decodeIp(r: Reader): Ip {
  return r.remaining === 4 ? ipv4.decode(r) : ipv6.decode(r)
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make)
}
