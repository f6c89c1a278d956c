// What the route types of RFC 9251 share: a source and a group, either of which may be any, and who it is that wants it.

import { type Ip, ipFamily, isMulticastIp } from '../../../net/index.js'
import { bitFields, flag, narrow } from '../../bits.js'
import type { Codec, ValueOf } from '../../codec.js'
import { ipByBitLength, optionalIpByBitLength } from '../../values.js'

const group: Codec<Ip | undefined> = {
  shape: { kind: 'optional', of: { shape: { kind: 'text', name: 'group' } } },
  decode(r) {
    const ip = optionalIpByBitLength.decode(r)
    if (ip === undefined || isMulticastIp(ip)) return ip
    throw r.error('WIRE_VALUE', `${ip} is no multicast group`)
  },
  encode: optionalIpByBitLength.encode,
}

/** Zero bits of length are any: (*, G), and with both (*, *), as a multicast router wants it (RFC 6625). */
export const channelFields = {
  source: optionalIpByBitLength,
  group,
  originator: ipByBitLength,
} as const

/**
 * Which versions of IGMP or MLD the receivers speak (RFC 9251 section 9.1.1): bits 7 to 5 are IGMPv1 to v3, of MLD bits 7 and 6
 * MLDv1 and v2. `exclude`: all but this source. `others`: reserved bits, which survive.
 */
export const membershipFlags = bitFields(1, {
  v1: flag(0),
  v2: flag(1),
  v3: flag(2),
  exclude: flag(3),
  others: narrow(4, 4),
})

export type MembershipFlags = ValueOf<typeof membershipFlags>

interface Channel {
  readonly source?: Ip
  readonly group?: Ip
  readonly flags: MembershipFlags
}

/** Why the channel is nobody's to want, or undefined. */
export function channelProblem({ source, group, flags }: Channel): string | undefined {
  if (group === undefined) return source === undefined ? undefined : 'a source without a group'
  if (source !== undefined && ipFamily(source) !== ipFamily(group)) {
    return `source ${source} and group ${group} are of two families`
  }
  return flags.v1 || flags.v2 || flags.v3 ? undefined : 'no version flag'
}

/** As the Linux tools and vendors write it: "[32]:[10.0.0.1]", and nothing for any. */
export function sized(ip: Ip | undefined): string {
  if (ip === undefined) return '[0]:[*]'
  return `[${ipFamily(ip) === 4 ? 32 : 128}]:[${ip}]`
}
