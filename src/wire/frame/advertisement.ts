// What a router tells its hosts of itself (RFC 4861 section 4.2, RFC 8106).

import {
  type Ip,
  ipToBytes,
  type Mac,
  macToBytes,
  type Prefix,
  splitPrefix,
} from '../../net/index.js'
import { concat, encoded } from './bytes.js'
import { internetChecksum, pseudoHeader } from './checksum.js'
import { ethernet, etherTypes } from './ethernet.js'
import { icmp6Header, protocols } from './ip.js'

export interface RouterAdvertisement {
  /** The router's MAC and link-local address. */
  readonly mac: Mac
  readonly ip: Ip
  /** 0: no router (any more). */
  readonly lifetimeSeconds: number
  /** Addresses, or the rest, are had by DHCPv6. */
  readonly managed: boolean
  readonly otherConfig: boolean
  readonly mtu?: number
  /** On the link; hosts make themselves addresses in autonomous ones (RFC 4862). */
  readonly prefixes: readonly { readonly prefix: Prefix; readonly autonomous: boolean }[]
  readonly dnsServers: readonly Ip[]
}

const ALL_NODES = 'ff02::1'
const ALL_NODES_MAC = '33:33:00:00:00:01'
const ADVERTISEMENT = 134
const HOP_LIMIT = 64
/** Of a prefix: 30 days, and 7 (RFC 4861 section 6.2.1). */
const VALID_SECONDS = 2_592_000
const PREFERRED_SECONDS = 604_800

const optionTypes = { sourceLinkAddress: 1, prefix: 3, mtu: 5, dnsServers: 25 } as const
const MANAGED = 0x80
const OTHER = 0x40
const ON_LINK = 0x80
const AUTONOMOUS = 0x40

/** The frame for all hosts of a port. */
export function routerAdvertisement(said: RouterAdvertisement): Uint8Array {
  const head = new Uint8Array(16)
  const view = new DataView(head.buffer)
  head[0] = ADVERTISEMENT
  head[4] = HOP_LIMIT
  head[5] = (said.managed ? MANAGED : 0) | (said.otherConfig ? OTHER : 0)
  view.setUint16(6, said.lifetimeSeconds)
  const body = concat(head, ...options(said))
  const pseudo = pseudoHeader(said.ip, ALL_NODES, protocols.icmp6, body.length)
  new DataView(body.buffer).setUint16(2, internetChecksum(concat(pseudo, body)))
  const link = { destination: ALL_NODES_MAC, source: said.mac, etherType: etherTypes.ipv6 }
  return concat(encoded(ethernet, link), icmp6Header(said.ip, ALL_NODES, body.length, 255), body)
}

function options({ mac, mtu, prefixes, dnsServers, lifetimeSeconds }: RouterAdvertisement) {
  const own = option(optionTypes.sourceLinkAddress, 8)
  own.set(macToBytes(mac), 2)
  const all = [own]
  if (mtu !== undefined) {
    const one = option(optionTypes.mtu, 8)
    new DataView(one.buffer).setUint32(4, mtu)
    all.push(one)
  }
  for (const { prefix, autonomous } of prefixes) {
    const { address, length } = splitPrefix(prefix)
    const one = option(optionTypes.prefix, 32)
    const view = new DataView(one.buffer)
    one[2] = length
    one[3] = ON_LINK | (autonomous ? AUTONOMOUS : 0)
    view.setUint32(4, VALID_SECONDS)
    view.setUint32(8, PREFERRED_SECONDS)
    one.set(ipToBytes(address), 16)
    all.push(one)
  }
  if (dnsServers.length > 0) {
    const one = option(optionTypes.dnsServers, 8 + 16 * dnsServers.length)
    new DataView(one.buffer).setUint32(4, lifetimeSeconds)
    for (const [i, ip] of dnsServers.entries()) one.set(ipToBytes(ip), 8 + 16 * i)
    all.push(one)
  }
  return all
}

function option(type: number, length: number): Uint8Array {
  const octets = new Uint8Array(length)
  octets[0] = type
  octets[1] = length / 8
  return octets
}
