// ARP (RFC 826, RFC 5227) and neighbour discovery (RFC 4861 sections 4.3, 4.4, 4.6.1): the headers, what a frame says, and the answer.

import { type Ip, isMulticastMac, type Mac } from '../../net/index.js'
import { bytes, struct, u8, u16 } from '../codec.js'
import { ipv4, ipv6, mac } from '../values.js'
import { at, concat, encoded, isMappedIp, isUnicastIp } from './bytes.js'
import { internetChecksum, pseudoHeader } from './checksum.js'
import { ETHERNET_LENGTH, ethernet, etherTypes } from './ethernet.js'
import { IPV6_LENGTH, ipv6Header, protocols } from './ip.js'
import type { Layers } from './layers.js'

/** ARP for Ethernet and IPv4. */
export const arp = struct({
  hardwareType: u16,
  protocolType: u16,
  hardwareLength: u8,
  protocolLength: u8,
  operation: u16,
  senderMac: mac,
  senderIp: ipv4,
  targetMac: mac,
  targetIp: ipv4,
})
export const arpOperations = { request: 1, reply: 2 } as const

/** Neighbour solicitation and advertisement alike; the options follow. */
export const neighbourMessage = struct({
  type: u8,
  code: u8,
  checksum: u16,
  flags: u8,
  reserved: bytes(3),
  target: ipv6,
})
export const NEIGHBOUR_MESSAGE_LENGTH = 24
export const neighbourMessages = { solicitation: 135, advertisement: 136 } as const
export const advertisementFlags = { router: 0x80, solicited: 0x40, override: 0x20 } as const

/** Source (type 1) or target (type 2) link-layer address; `length` is 1, in units of eight octets. */
export const linkAddressOption = struct({ type: u8, length: u8, address: mac })

/** What a tenant's frame says about addresses. */
export interface NeighbourTalk {
  /** The source of the frame says that it owns this address. */
  readonly tells?: Ip
  /** And that it is a router. */
  readonly router: boolean
  /** And that what others know of the address shall stay as it is (RFC 4861 section 4.4, the O flag not set). */
  readonly keeps?: true
  /** It wants to know who has this address. */
  readonly asks?: Ip
}

const silence: NeighbourTalk = { router: false }

/** Reads untagged ARP and ND. `summed`: the checksum is complete, so it is checked. */
export function readNeighbourTalk(
  frame: Uint8Array,
  layers: Layers,
  summed: boolean,
): NeighbourTalk {
  if (layers.l3 !== ETHERNET_LENGTH) return silence
  if (layers.etherType === etherTypes.arp) return readArp(frame)
  if (layers.version === 6) return readDiscovery(frame, summed)
  return silence
}

function readArp(frame: Uint8Array): NeighbourTalk {
  const { source } = at(ethernet, frame, 0)!
  const message = at(arp, frame, ETHERNET_LENGTH)
  if (message === undefined) return silence
  const { operation, senderMac, senderIp, targetIp } = message
  const isEthernetIpv4 =
    message.hardwareType === 1 &&
    message.protocolType === etherTypes.ipv4 &&
    message.hardwareLength === 6 &&
    message.protocolLength === 4
  const known = operation === arpOperations.request || operation === arpOperations.reply
  if (!isEthernetIpv4 || !known || senderMac !== source) return silence
  const tells = isUnicastIp(senderIp)
  // A question about oneself is an announcement; a probe comes from the unspecified address.
  const asks =
    operation === arpOperations.request &&
    isUnicastIp(targetIp) &&
    senderIp !== targetIp &&
    (tells || senderIp === '0.0.0.0')
  return { router: false, ...(tells && { tells: senderIp }), ...(asks && { asks: targetIp }) }
}

/** The ICMPv6 message of a frame from the link, code 0, with its addresses. */
function discoveryOf(
  frame: Uint8Array,
  summed: boolean,
): { readonly source: Ip; readonly destination: Ip; readonly body: Uint8Array } | undefined {
  const { source, destination, ...ip } = at(ipv6Header, frame, ETHERNET_LENGTH)!
  const start = ETHERNET_LENGTH + IPV6_LENGTH
  const body = frame.subarray(start, start + ip.payloadLength)
  if (ip.nextHeader !== protocols.icmp6 || ip.hopLimit !== 255) return undefined
  if (body.length < ip.payloadLength || body[1] !== 0) return undefined
  const pseudo = pseudoHeader(source, destination, protocols.icmp6, body.length)
  if (summed && internetChecksum(concat(pseudo, body)) !== 0) return undefined
  return { source, destination, body }
}

const ROUTER_SOLICITATION = 133
const ROUTER_SOLICITATION_LENGTH = 8

/** Whether a host looks for a router (RFC 4861 section 6.1.1): its address, :: while it has none. */
export function readRouterSolicitation(
  frame: Uint8Array,
  layers: Layers,
  summed: boolean,
): Ip | undefined {
  if (layers.l3 !== ETHERNET_LENGTH || layers.version !== 6) return undefined
  const discovery = discoveryOf(frame, summed)
  if (discovery === undefined) return undefined
  const { source, body } = discovery
  if (body[0] !== ROUTER_SOLICITATION || body.length < ROUTER_SOLICITATION_LENGTH) return undefined
  const link = findLinkAddress(body.subarray(ROUTER_SOLICITATION_LENGTH), 1)
  if (link === 'malformed') return undefined
  return isHost(source) || (source === '::' && link === undefined) ? source : undefined
}

function readDiscovery(frame: Uint8Array, summed: boolean): NeighbourTalk {
  const { source } = at(ethernet, frame, 0)!
  const discovery = discoveryOf(frame, summed)
  const message = discovery && at(neighbourMessage, discovery.body, 0)
  if (message === undefined) return silence
  const { body, ...ip } = discovery!
  const { type, target, flags } = message
  const solicits = type === neighbourMessages.solicitation
  if (!solicits && type !== neighbourMessages.advertisement) return silence
  if (!isHost(target)) return silence
  const link = findLinkAddress(body.subarray(NEIGHBOUR_MESSAGE_LENGTH), solicits ? 1 : 2)
  if (link === 'malformed') return silence
  if (!solicits) {
    const router = (flags & advertisementFlags.router) !== 0
    // Who is asked by unicast may answer without its link address, and then overrides nothing.
    const keeps = link !== undefined && (flags & advertisementFlags.override) === 0
    const said = { router, ...(keeps ? { keeps } : {}) }
    return link === undefined || link === source ? { tells: target, ...said } : said
  }
  if (ip.source === '::') {
    // Duplicate address detection (RFC 4862 section 5.4.2).
    return link === undefined && isSolicitedNode(ip.destination)
      ? { router: false, asks: target }
      : silence
  }
  if (!isHost(ip.source) || (link !== undefined && link !== source)) return silence
  return { router: false, asks: target, ...(link !== undefined && { tells: ip.source }) }
}

const isHost = (ip: Ip): boolean => isUnicastIp(ip) && !isMappedIp(ip)

/** ff02::1:ff00:0/104 */
const isSolicitedNode = (ip: Ip): boolean => {
  const octets = encoded(ipv6, ip)
  return concat(octets.subarray(0, 13)).every(
    (octet, i) => octet === ([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff][i] as number),
  )
}

/** The first link-layer address of this type, if any. A length of zero, or beyond the end, spoils the message. */
function findLinkAddress(options: Uint8Array, type: number): Mac | 'malformed' | undefined {
  let found: Mac | undefined
  for (let offset = 0; offset < options.length; ) {
    const size = (options[offset + 1] ?? 0) * 8
    if (size === 0 || offset + size > options.length) return 'malformed'
    if (options[offset] === type && size === 8 && found === undefined) {
      const { address } = at(linkAddressOption, options, offset)!
      if (address !== '00:00:00:00:00:00') found = address
    }
    offset += size
  }
  return found
}

/** How to answer: who has the address, and what the R and O flags say. */
export interface NeighbourAnswer {
  readonly mac: Mac
  readonly router: boolean
  readonly override: boolean
}

/** The frame that answers `question`, which asks (readNeighbourTalk). */
export function answerNeighbour(
  question: Uint8Array,
  layers: Layers,
  answer: NeighbourAnswer,
): Uint8Array {
  return layers.etherType === etherTypes.arp
    ? answerArp(question, answer)
    : advertise(question, answer)
}

function answerArp(question: Uint8Array, { mac: owner }: NeighbourAnswer): Uint8Array {
  const asked = at(arp, question, ETHERNET_LENGTH)!
  const { source } = at(ethernet, question, 0)!
  return concat(
    encoded(ethernet, { destination: source, source: owner, etherType: etherTypes.arp }),
    encoded(arp, {
      ...asked,
      operation: arpOperations.reply,
      senderMac: owner,
      senderIp: asked.targetIp,
      targetMac: asked.senderMac,
      targetIp: asked.senderIp,
    }),
  )
}

function advertise(
  question: Uint8Array,
  { mac: owner, router, override }: NeighbourAnswer,
): Uint8Array {
  const { source: asker } = at(ethernet, question, 0)!
  const asked = at(ipv6Header, question, ETHERNET_LENGTH)!
  const { target } = at(neighbourMessage, question, ETHERNET_LENGTH + IPV6_LENGTH)!
  // Who detects duplicates has no address yet: everybody is told (RFC 4861 section 7.2.4).
  const detects = asked.source === '::'
  const destination = detects ? 'ff02::1' : asked.source
  const message = {
    type: neighbourMessages.advertisement,
    code: 0,
    checksum: 0,
    flags:
      (router ? advertisementFlags.router : 0) |
      (detects ? 0 : advertisementFlags.solicited) |
      (override ? advertisementFlags.override : 0),
    reserved: new Uint8Array(3),
    target,
  }
  const option = encoded(linkAddressOption, { type: 2, length: 1, address: owner })
  const length = NEIGHBOUR_MESSAGE_LENGTH + option.length
  const pseudo = pseudoHeader(target, destination, protocols.icmp6, length)
  const checksum = internetChecksum(concat(pseudo, encoded(neighbourMessage, message), option))
  return concat(
    encoded(ethernet, {
      destination: detects ? '33:33:00:00:00:01' : asker,
      source: owner,
      etherType: etherTypes.ipv6,
    }),
    encoded(ipv6Header, {
      versionClassFlow: Uint8Array.of(0x60, 0, 0, 0),
      payloadLength: length,
      nextHeader: protocols.icmp6,
      hopLimit: 255,
      source: target,
      destination,
    }),
    encoded(neighbourMessage, { ...message, checksum }),
    option,
  )
}

/** True when a question goes to many: one to a single host is a check that it is still there, and has to reach it. */
export const isAskedOfAll = (destination: Mac): boolean => isMulticastMac(destination)
