// Who wants which multicast group: IGMP (RFC 1112, RFC 2236, RFC 3376) and MLD (RFC 2710, RFC 3810) as a switch reads them that listens
// in (RFC 4541), and the questions that it asks in a querier's place.

import {
  type Ip,
  ipFamily,
  ipToBytes,
  isMulticastIp,
  type Mac,
  macFromBytes,
} from '../../net/index.js'
import { list, struct, u8, u16 } from '../codec.js'
import { ipv4, ipv6 } from '../values.js'
import { at, concat, encoded, isUnicastIp } from './bytes.js'
import { internetChecksum, pseudoHeader } from './checksum.js'
import { ETHERNET_LENGTH, ethernet, etherTypes } from './ethernet.js'
import { IPV6_LENGTH, ipv4Header, ipv6Header, protocols } from './ip.js'
import type { Layers } from './layers.js'

/** IGMP: a general query, a report or leave of version 1 and 2, and the beginning of all others. */
export const igmpMessage = struct({ type: u8, code: u8, checksum: u16, group: ipv4 })
export const IGMP_LENGTH = 8
export const igmpTypes = {
  query: 0x11,
  report1: 0x12,
  report2: 0x16,
  leave: 0x17,
  report3: 0x22,
} as const

/** MLD, likewise (RFC 2710 section 3). */
export const mldMessage = struct({
  type: u8,
  code: u8,
  checksum: u16,
  maxResponse: u16,
  reserved: u16,
  group: ipv6,
})
export const MLD_LENGTH = 24
export const mldTypes = { query: 130, report1: 131, done: 132, report2: 143 } as const

/** In front of the records of a report of IGMPv3 or MLDv2. */
export const reportHead = struct({
  type: u8,
  reserved: u8,
  checksum: u16,
  flags: u16,
  records: u16,
})
export const REPORT_HEAD_LENGTH = 8

/** Of a record: how many sources and words of auxiliary data follow the group. */
const recordHead = struct({ mode: u8, auxiliary: u8, sources: u16 })

/** RFC 3376 section 4.2.12, RFC 3810 section 5.2.12. */
export const recordModes = {
  isInclude: 1,
  isExclude: 2,
  toInclude: 3,
  toExclude: 4,
  allow: 5,
  block: 6,
} as const

/** One word of a report: about a group (join, leave) or about one of its sources (include, block). */
export interface MembershipRecord {
  readonly record: 'join' | 'leave' | 'include' | 'block'
  readonly group: Ip
  readonly source?: Ip
}

export type Membership =
  | {
      readonly kind: 'report'
      readonly version: number
      readonly records: readonly MembershipRecord[]
    }
  | { readonly kind: 'query'; readonly version: number }

/** Groups of a link's own protocols, which go to everybody. */
export const isLinkGroup = (ip: Ip): boolean =>
  ipFamily(ip) === 4 ? ip.startsWith('224.0.0.') : /^ff.[012]:/.test(ip)

/** Undefined where lengths or the checksum are wrong, or it is something else. Versions are IGMP's; of MLD one more. */
export function readMembership(
  frame: Uint8Array,
  layers: Layers,
  summed: boolean,
): Membership | undefined {
  const { l3, l4, version, protocol, fragment } = layers
  if (l3 !== ETHERNET_LENGTH || l4 === 0 || fragment) return undefined
  if (version === 4) {
    const { totalLength } = at(ipv4Header, frame, l3)!
    const message = frame.subarray(l4, Math.max(l4, l3 + totalLength))
    const isWhole = l3 + totalLength <= frame.length && message.length >= IGMP_LENGTH
    if (protocol !== protocols.igmp || !isWhole) return undefined
    return summed && internetChecksum(message) !== 0 ? undefined : readIgmp(message)
  }
  const ip = at(ipv6Header, frame, l3)!
  const end = l3 + IPV6_LENGTH + ip.payloadLength
  if (protocol !== protocols.icmp6 || end > frame.length || end < l4 + MLD_LENGTH) return undefined
  if (ip.hopLimit !== 1 || !(/^fe[89ab]/.test(ip.source) || ip.source === '::')) return undefined
  const message = frame.subarray(l4, end)
  const pseudo = pseudoHeader(ip.source, ip.destination, protocols.icmp6, message.length)
  return summed && internetChecksum(concat(pseudo, message)) !== 0 ? undefined : readMld(message)
}

function readIgmp(message: Uint8Array): Membership | undefined {
  const { type, code, group } = at(igmpMessage, message, 0)!
  switch (type) {
    case igmpTypes.query:
      if (message.length === IGMP_LENGTH) return { kind: 'query', version: code === 0 ? 1 : 2 }
      return message.length < 12 ? undefined : { kind: 'query', version: 3 }
    case igmpTypes.report1:
    case igmpTypes.report2:
      return about(group, 'join', type === igmpTypes.report1 ? 1 : 2)
    case igmpTypes.leave:
      return about(group, 'leave', 2)
    case igmpTypes.report3:
      return readRecords(message, 4)
    default:
      return undefined
  }
}

function readMld(message: Uint8Array): Membership | undefined {
  const { type, group } = at(mldMessage, message, 0)!
  switch (type) {
    case mldTypes.query:
      if (message.length === MLD_LENGTH) return { kind: 'query', version: 2 }
      return message.length < MLD_LENGTH + 4 ? undefined : { kind: 'query', version: 3 }
    case mldTypes.report1:
      return about(group, 'join', 2)
    case mldTypes.done:
      return about(group, 'leave', 2)
    case mldTypes.report2:
      return readRecords(message, 16)
    default:
      return undefined
  }
}

function about(group: Ip, record: 'join' | 'leave', version: number): Membership {
  return { kind: 'report', version, records: isTracked(group) ? [{ record, group }] : [] }
}

const isTracked = (group: Ip): boolean => isMulticastIp(group) && !isLinkGroup(group)

function readRecords(message: Uint8Array, size: 4 | 16): Membership | undefined {
  const address = size === 4 ? ipv4 : ipv6
  const records: MembershipRecord[] = []
  let offset = REPORT_HEAD_LENGTH
  for (let left = at(reportHead, message, 0)!.records; left > 0; left--) {
    const head = at(recordHead, message, offset)
    const group = at(address, message, offset + 4)
    if (head === undefined || group === undefined) return undefined
    const start = offset + 4 + size
    const end = start + head.sources * size
    offset = end + head.auxiliary * 4
    if (offset > message.length) return undefined
    const sources = at(list(address), message.subarray(start, end), 0)!
    if (isTracked(group)) records.push(...recordsOf(head.mode, group, sources))
  }
  return { kind: 'report', version: 3, records }
}

/** What a host excludes it gets all the same, and leaves it: others behind its port may want it. */
function recordsOf(mode: number, group: Ip, all: readonly Ip[]): readonly MembershipRecord[] {
  const sources = all.filter(isUnicastIp)
  const each = (record: 'include' | 'block') => sources.map((source) => ({ record, group, source }))
  switch (mode) {
    case recordModes.isExclude:
    case recordModes.toExclude:
      return [{ record: 'join', group }]
    case recordModes.toInclude:
      return [{ record: 'leave', group }, ...each('include')]
    case recordModes.isInclude:
    case recordModes.allow:
      return each('include')
    case recordModes.block:
      return each('block')
    default:
      return []
  }
}

/** Who asks: no address in IGMP, so that no router takes it for one (RFC 4541 section 2.1.1); MLD wants one of the link. */
const ASKER_MAC: Mac = '02:76:74:65:70:00'
const ASKER_LINK_LOCAL: Ip = 'fe80::76:74ff:fe65:7000'
const ROUTER_ALERT_4 = Uint8Array.of(0x94, 4, 0, 0)
/** A hop-by-hop header with the router alert for MLD (RFC 2711), padded. */
const ROUTER_ALERT_6 = Uint8Array.of(protocols.icmp6, 0, 5, 2, 0, 0, 1, 0)
/** What a querier's robustness variable and interval say to the hosts (RFC 3376 sections 4.1.6 and 4.1.7). */
const ROBUSTNESS = 2
const INTERVAL_CODE = 120

/**
 * The question which groups there are, 0.0.0.0 or :: being all of a family, or whether somebody still wants one; of the newest
 * version, which hosts of older ones understand as theirs. Answers come within the time, a tenth of a second to 12 seconds.
 */
export function membershipQuery(group: Ip, maxResponseSeconds: number): Uint8Array {
  const tail = Uint8Array.of(ROBUSTNESS, INTERVAL_CODE, 0, 0)
  if (ipFamily(group) === 4) {
    const code = Math.round(maxResponseSeconds * 10)
    const head = encoded(igmpMessage, { type: igmpTypes.query, code, checksum: 0, group })
    return membershipFrame(group === '0.0.0.0' ? '224.0.0.1' : group, concat(head, tail))
  }
  const maxResponse = Math.round(maxResponseSeconds * 1000)
  const head = { type: mldTypes.query, code: 0, checksum: 0, maxResponse, reserved: 0, group }
  const message = concat(encoded(mldMessage, head), tail)
  return membershipFrame(group === '::' ? 'ff02::1' : group, message)
}

/** Octets of a report at most: what the packet path takes as one frame. */
const MAX_FRAME = 120

/**
 * What hosts elsewhere want, said in their place to a multicast router that asks in this version (IGMP's; of MLD one more). All of
 * one family. Who asks in an older one knows of no sources: any is wanted then.
 */
export function membershipReports(
  records: readonly MembershipRecord[],
  version: number,
): readonly Uint8Array[] {
  return version < 3 ? records.flatMap(olderReport) : newerReports(records)
}

function olderReport({ record, group }: MembershipRecord): readonly Uint8Array[] {
  const joins = record === 'join' || record === 'include'
  if (!joins && record !== 'leave') return []
  if (ipFamily(group) === 4) {
    const type = joins ? igmpTypes.report2 : igmpTypes.leave
    const message = encoded(igmpMessage, { type, code: 0, checksum: 0, group })
    return [membershipFrame(joins ? group : '224.0.0.2', message)]
  }
  const type = joins ? mldTypes.report1 : mldTypes.done
  const head = { type, code: 0, checksum: 0, maxResponse: 0, reserved: 0, group }
  return [membershipFrame(joins ? group : 'ff02::2', encoded(mldMessage, head))]
}

const modeOf = {
  join: recordModes.toExclude,
  leave: recordModes.toInclude,
  include: recordModes.allow,
  block: recordModes.block,
} as const

function newerReports(records: readonly MembershipRecord[]): readonly Uint8Array[] {
  const frames: Uint8Array[] = []
  let bodies: Uint8Array[] = []
  const v4 = records[0] === undefined || ipFamily(records[0].group) === 4
  const room = MAX_FRAME - ETHERNET_LENGTH - (v4 ? 24 : IPV6_LENGTH + 8) - REPORT_HEAD_LENGTH
  const finish = (): void => {
    const type = v4 ? igmpTypes.report3 : mldTypes.report2
    const head = { type, reserved: 0, checksum: 0, flags: 0, records: bodies.length }
    const message = concat(encoded(reportHead, head), ...bodies)
    if (bodies.length > 0) frames.push(membershipFrame(v4 ? '224.0.0.22' : 'ff02::16', message))
    bodies = []
  }
  for (const { record, group, source } of records) {
    const sources = source === undefined ? [] : [ipToBytes(source)]
    const head = { mode: modeOf[record], auxiliary: 0, sources: sources.length }
    const body = concat(encoded(recordHead, head), ipToBytes(group), ...sources)
    if (concat(...bodies, body).length > room) finish()
    bodies.push(body)
  }
  finish()
  return frames
}

/** A message of IGMP or MLD, its checksum still zero, to a group. */
function membershipFrame(to: Ip, message: Uint8Array): Uint8Array {
  const body = message.slice()
  const sum = (octets: Uint8Array): void =>
    new DataView(body.buffer).setUint16(2, internetChecksum(octets))
  if (ipFamily(to) === 4) {
    sum(body)
    const header = {
      versionIhl: 0x46,
      tos: 0xc0,
      totalLength: 24 + body.length,
      identification: 0,
      flagsFragmentOffset: 0x4000,
      ttl: 1,
      protocol: protocols.igmp,
      checksum: 0,
      source: '0.0.0.0',
      destination: to,
    }
    const checksum = internetChecksum(concat(encoded(ipv4Header, header), ROUTER_ALERT_4))
    const ip = concat(encoded(ipv4Header, { ...header, checksum }), ROUTER_ALERT_4)
    return concat(link(to, etherTypes.ipv4), ip, body)
  }
  sum(concat(pseudoHeader(ASKER_LINK_LOCAL, to, protocols.icmp6, body.length), body))
  const ip = encoded(ipv6Header, {
    versionClassFlow: Uint8Array.of(0x60, 0, 0, 0),
    payloadLength: ROUTER_ALERT_6.length + body.length,
    nextHeader: protocols.hopByHop,
    hopLimit: 1,
    source: ASKER_LINK_LOCAL,
    destination: to,
  })
  return concat(link(to, etherTypes.ipv6), ip, ROUTER_ALERT_6, body)
}

/** The Ethernet header of a packet to a group (RFC 1112 section 6.4, RFC 2464 section 7). */
function link(destination: Ip, etherType: number): Uint8Array {
  const octets = ipToBytes(destination)
  const mac =
    octets.length === 4
      ? Uint8Array.of(0x01, 0x00, 0x5e, octets[1]! & 0x7f, octets[2]!, octets[3]!)
      : Uint8Array.of(0x33, 0x33, ...octets.subarray(12))
  return encoded(ethernet, { destination: macFromBytes(mac), source: ASKER_MAC, etherType })
}
