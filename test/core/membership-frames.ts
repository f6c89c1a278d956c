// Frames of IGMP and MLD, right unless told otherwise.

import { type Ip, ipFamily, ipToBytes, macFromBytes } from '../../src/net/index.js'
import {
  concat,
  encoded,
  type Frame,
  igmpMessage,
  internetChecksum,
  mldMessage,
  noMeta,
  protocols,
  pseudoHeader,
} from '../../src/wire/frame/index.js'
import { ipFrame, type Packet } from './frames.js'

/** The MAC of a group (RFC 1112 section 6.4, RFC 2464 section 7). */
export function groupMac(group: Ip): string {
  const octets = ipToBytes(group)
  return octets.length === 4
    ? macFromBytes(Uint8Array.of(0x01, 0x00, 0x5e, octets[1]! & 0x7f, octets[2]!, octets[3]!))
    : macFromBytes(Uint8Array.of(0x33, 0x33, ...octets.subarray(12)))
}

export interface GroupRecord {
  readonly mode: number
  readonly group: Ip
  readonly sources?: readonly Ip[]
  /** Words of auxiliary data. */
  readonly auxiliary?: number
}

export interface MembershipOptions extends Packet {
  readonly code?: number
  /** Behind the message: of a query of the newest version its last octets. */
  readonly tail?: Uint8Array
  /** Of a report with records, instead of what they are. */
  readonly count?: number
  readonly checksumError?: number
  /** Leave the checksum to the device. */
  readonly partial?: boolean
}

const records = (all: readonly GroupRecord[]): Uint8Array =>
  concat(
    ...all.map(({ mode, group, sources = [], auxiliary = 0 }) =>
      concat(
        Uint8Array.of(mode, auxiliary, sources.length >> 8, sources.length & 255),
        ipToBytes(group),
        ...sources.map(ipToBytes),
        new Uint8Array(4 * auxiliary),
      ),
    ),
  )

const reportOf = (type: number, all: readonly GroupRecord[], count = all.length): Uint8Array =>
  concat(Uint8Array.of(type, 0, 0, 0, 0, 0, count >> 8, count & 255), records(all))

/** A message of IGMP or MLD, by the family of the group it is about or sent to. */
export function aboutGroup(type: number, group: Ip, options: MembershipOptions = {}): Frame {
  const { code = 0, tail = new Uint8Array(0) } = options
  const body =
    ipFamily(group) === 4
      ? encoded(igmpMessage, { type, code, checksum: 0, group })
      : encoded(mldMessage, { type, code: 0, checksum: 0, maxResponse: code, reserved: 0, group })
  const all = ipFamily(group) === 4 ? '224.0.0.1' : 'ff02::1'
  const to = group === '0.0.0.0' || group === '::' ? all : group
  return packet(concat(body, tail), { to, ...options })
}

/** A report of IGMPv3 or MLDv2. */
export function report(all: readonly GroupRecord[], options: MembershipOptions = {}): Frame {
  const v4 = ipFamily(all[0]?.group ?? '224.0.0.1') === 4
  const body = reportOf(v4 ? 0x22 : 143, all, options.count)
  return packet(body, { to: v4 ? '224.0.0.22' : 'ff02::16', ...options })
}

function packet(message: Uint8Array, options: MembershipOptions & { readonly to: Ip }): Frame {
  const v4 = ipFamily(options.to) === 4
  const { from = v4 ? '10.1.0.10' : 'fe80::a', to, checksumError = 0, partial } = options
  const protocol = v4 ? protocols.igmp : protocols.icmp6
  const pseudo = v4 ? new Uint8Array(0) : pseudoHeader(from, to, protocol, message.length)
  const body = message.slice()
  const checksum = internetChecksum(concat(pseudo, message)) ^ checksumError
  new DataView(body.buffer).setUint16(2, partial ? 0x1234 : checksum)
  const alert = Uint8Array.of(5, 2, 0, 0, 1, 0)
  const bytes = ipFrame(protocol, body, {
    ...(v4
      ? { options: Uint8Array.of(0x94, 4, 0, 0) }
      : { extensions: [{ type: 0, body: alert }] }),
    ttl: 1,
    destination: groupMac(to),
    ...options,
    from,
    to,
  })
  if (!partial) return { bytes, meta: noMeta }
  const checksumStart = bytes.length - body.length
  return { bytes, meta: { ...noMeta, flags: 1, checksumStart, checksumOffset: 2 } }
}
