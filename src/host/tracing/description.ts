// A frame as people describe it, and what is filled in from the tables where they have left something out.

import { type Static, Type } from '@sinclair/typebox'
import {
  type Ip,
  ipFamily,
  isMulticastIp,
  type Mac,
  parsePrefix,
  prefixContains,
  splitPrefix,
} from '../../net/index.js'
import {
  type DescribedFrame,
  describedFrame,
  multicastMac,
  solicitedNode,
} from '../../wire/frame/index.js'
import { type Finding, unplaced } from '../config/index.js'
import { integer, text } from '../config/schema-parts.js'
import { Refusal } from '../refusal.js'

/** Where it stands in the input. */
const AT = 'frame'
const BROADCAST = 'ff:ff:ff:ff:ff:ff'

const protocolWords = ['tcp', 'udp', 'icmp', 'arp', 'nd'] as const
export type ProtocolWord = (typeof protocolWords)[number]

export const FrameDescription = Type.Object(
  {
    srcMac: Type.Optional(
      text('mac', 'Source MAC. Left out: of whoever has ipSrc, or is behind the port.'),
    ),
    dstMac: Type.Optional(
      text('anyMac', 'Destination MAC. Left out: of whoever has ipDst, or of the gateway.'),
    ),
    vlan: Type.Optional(integer(0, 4095, 'VLAN tag with this id.')),
    etherType: Type.Optional(integer(0x600, 0xffff, 'EtherType of a frame without addresses.')),
    ipSrc: Type.Optional(text('ip', 'Source address. Left out: of srcMac.')),
    ipDst: Type.Optional(text('ip', 'Destination address. Left out: of dstMac.')),
    proto: Type.Optional(
      Type.Unsafe<ProtocolWord | number>({
        anyOf: [
          { type: 'string', enum: protocolWords },
          { type: 'integer', minimum: 0, maximum: 255 },
        ],
        expected: `${protocolWords.join(', ')} or a number of 0 to 255`,
        description:
          'What it carries: a TCP SYN, a UDP datagram, an echo request (icmp), a question for ipDst (arp, nd), or an IP protocol.',
      }),
    ),
    sport: Type.Optional(integer(0, 65535, 'Source port. Left out: 49152.')),
    dport: Type.Optional(integer(0, 65535, 'Destination port. Left out: 0.')),
    ttl: Type.Optional(integer(0, 255, 'TTL or hop limit. Left out: 64.')),
    length: Type.Optional(
      integer(14, 65535, 'Octets of the whole frame. Left out: as few as it takes.'),
    ),
  },
  { additionalProperties: false, description: 'A frame in words.' },
)
export type FrameDescription = Static<typeof FrameDescription>

/** Whom it enters from, and what is known of the network that it enters. */
export interface Surroundings {
  /** Who sends, where only the port is known. */
  readonly sender: Mac | undefined
  /** Addresses of the port, should the tables know none of its MAC. */
  readonly senderIps: readonly Ip[]
  /** MAC of an address. */
  holder(ip: Ip): Mac | undefined
  /** Addresses of a MAC. */
  addresses(mac: Mac): readonly Ip[]
  /** Whom frames for other subnets go to. */
  readonly routerMac: Mac | undefined
  /** Our addresses with the lengths of their subnets. */
  readonly gateways: readonly string[]
}

/** The octets of the frame. Throws Refusal that names each key which has to be given. */
export function describe(given: FrameDescription, around: Surroundings): Uint8Array {
  const findings: Finding[] = []
  const frame = completed(given, around, findings)
  if (findings.length > 0 || frame === undefined) throw refusal(findings)
  try {
    return describedFrame(frame)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw refusal([{ path: [AT], expected: 'parts that fit each other', got: error.message }])
  }
}

const refusal = (findings: readonly Finding[]): Refusal =>
  new Refusal(
    'invalid',
    findings.map((finding) => unplaced(finding)),
  )

function completed(
  { vlan, etherType, sport, dport, ttl, length, ...given }: FrameDescription,
  around: Surroundings,
  findings: Finding[],
): DescribedFrame | undefined {
  const missing = (key: string, expected: string, got: string): undefined => {
    findings.push({ path: [AT, key], expected, got })
    return undefined
  }
  const holderOf = (ip: Ip | undefined): Mac | undefined =>
    ip === undefined ? undefined : around.holder(ip)
  const source =
    given.srcMac ??
    holderOf(given.ipSrc) ??
    around.sender ??
    missing('srcMac', 'a MAC, as none is known where the frame comes from', 'nothing')
  const isIp = etherType === undefined && !(given.proto === undefined && onlyMacs(given))
  const to =
    given.ipDst ?? (isIp ? first(addressesOf(given.dstMac, around), given.ipSrc) : undefined)
  const known = source === undefined ? [] : [...around.addresses(source), ...around.senderIps]
  const from = given.ipSrc ?? (isIp ? first(known, to) : undefined)
  if (isIp && to === undefined) missing('ipDst', 'an address', 'nothing')
  else if (isIp && from === undefined)
    missing('ipSrc', `an ${familyWord(to)} address, as none is known of the sender`, 'nothing')
  const asks = given.proto === 'arp' || given.proto === 'nd'
  const destination =
    given.dstMac ??
    (to === undefined ? undefined : asks ? askedMac(to) : destinationMac(to, around)) ??
    missing('dstMac', 'a MAC, as none is known of the destination', to ?? 'nothing')
  if (source === undefined || destination === undefined) return undefined
  const protocol = protocolOf(given.proto)
  return {
    source,
    destination,
    ...(vlan === undefined ? {} : { vlan }),
    ...(etherType === undefined ? {} : { etherType }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(sport === undefined ? {} : { sourcePort: sport }),
    ...(dport === undefined ? {} : { destinationPort: dport }),
    ...(ttl === undefined ? {} : { ttl }),
    ...(length === undefined ? {} : { length }),
  }
}

/** A frame between MACs that nobody has said more of: it is an IP packet where the destination's address is known. */
const onlyMacs = ({ dstMac, ipSrc, ipDst }: FrameDescription): boolean =>
  dstMac !== undefined && ipSrc === undefined && ipDst === undefined

const addressesOf = (mac: Mac | undefined, around: Surroundings): readonly Ip[] =>
  mac === undefined ? [] : around.addresses(mac)

/** The first of the family of `like`. */
const first = (ips: readonly Ip[], like: Ip | undefined): Ip | undefined =>
  ips.find((ip) => like === undefined || ipFamily(ip) === ipFamily(like))

const familyWord = (ip: Ip | undefined): string =>
  ip === undefined ? 'IP' : ipFamily(ip) === 4 ? 'IPv4' : 'IPv6'

const askedMac = (ip: Ip): Mac => (ipFamily(ip) === 4 ? BROADCAST : multicastMac(solicitedNode(ip)))

function destinationMac(ip: Ip, around: Surroundings): Mac | undefined {
  if (ip === '255.255.255.255') return BROADCAST
  if (isMulticastIp(ip)) return multicastMac(ip)
  const near = around.gateways.some((gateway) => prefixContains(parsePrefix(gateway), ip))
  const ours = around.gateways.some((gateway) => splitPrefix(gateway).address === ip)
  const away = (ours || !near) && around.routerMac !== undefined
  return away ? around.routerMac : (around.holder(ip) ?? undefined)
}

const protocolOf = (word: ProtocolWord | number | undefined): DescribedFrame['protocol'] =>
  word === 'icmp' ? 'echo' : word === 'arp' || word === 'nd' ? 'ask' : word
