// A frame as people read it: layer by layer, each field by name, VXLAN included. Reads as far as it can, and says where that ends.

import { at } from './bytes.js'
import { ETHERNET_LENGTH, ethernet, etherTypes, VLAN_TAG_LENGTH, vlanTag } from './ethernet.js'
import {
  extensionHeader,
  IPV4_LENGTH,
  IPV6_LENGTH,
  ipv4Header,
  ipv6Header,
  protocols,
} from './ip.js'
import { arp, neighbourMessage, neighbourMessages } from './neighbour.js'
import { tcpHeader, udpHeader } from './transport.js'
import { VXLAN_LENGTH, vxlanHeader } from './vxlan.js'

export interface Layer {
  /** ethernet, vlan, arp, ipv4, ipv6, tcp, udp, icmp, icmpv6, vxlan or data. */
  readonly name: string
  /** One line. */
  readonly text: string
  readonly fields: Readonly<Record<string, string | number>>
  /** Octets from the beginning of the frame. */
  readonly offset: number
  readonly length: number
}

export interface DissectOptions {
  /** Beside 4789. */
  readonly vxlanPort?: number
}

const VXLAN_PORT = 4789
/** VXLAN in VXLAN in VXLAN: somebody plays with us. */
const MOST_LAYERS = 24
const ICMP = 1

interface Step {
  readonly layer: Layer
  /** What follows, by name; undefined: nothing that is known. */
  readonly next: string | undefined
}

type Dissect = (octets: Uint8Array, offset: number, options: DissectOptions) => Step | undefined

const hex = (value: number, digits = 4): string => `0x${value.toString(16).padStart(digits, '0')}`

const etherTypeNames: Readonly<Record<number, string>> = {
  [etherTypes.ipv4]: 'ipv4',
  [etherTypes.ipv6]: 'ipv6',
  [etherTypes.arp]: 'arp',
  [etherTypes.vlan]: 'vlan',
  [etherTypes.serviceVlan]: 'vlan',
}

const protocolNames: Readonly<Record<number, string>> = {
  [ICMP]: 'icmp',
  [protocols.tcp]: 'tcp',
  [protocols.udp]: 'udp',
  [protocols.icmp6]: 'icmpv6',
  [protocols.hopByHop]: 'extension',
  [protocols.routing]: 'extension',
  [protocols.fragment]: 'extension',
  [protocols.destinationOptions]: 'extension',
}

/** Layers of a frame, the outermost first; what no layer knows is the last one, `data`. */
export function dissect(frame: Uint8Array, options: DissectOptions = {}): readonly Layer[] {
  const layers: Layer[] = []
  let name: string | undefined = 'ethernet'
  let offset = 0
  while (name !== undefined && layers.length < MOST_LAYERS) {
    const step: Step | undefined = dissectors[name]?.(frame, offset, options)
    if (step === undefined) break
    layers.push(step.layer)
    offset += step.layer.length
    name = step.next
  }
  if (offset >= frame.length) return layers
  const length = frame.length - offset
  const text = `${length} octets`
  return [...layers, { name: 'data', text, fields: { length }, offset, length }]
}

/** One more layer is one row, and its name where it follows another. */
const dissectors: Readonly<Record<string, Dissect>> = {
  ethernet(octets, offset) {
    const header = at(ethernet, octets, offset)
    if (header === undefined) return undefined
    const { source, destination, etherType } = header
    return {
      layer: {
        name: 'ethernet',
        text: `${source} → ${destination}`,
        fields: { destination, source, etherType: hex(etherType) },
        offset,
        length: ETHERNET_LENGTH,
      },
      next: etherTypeNames[etherType],
    }
  },

  vlan(octets, offset) {
    const tag = at(vlanTag, octets, offset)
    if (tag === undefined) return undefined
    const id = tag.control & 0xfff
    const fields = { id, priority: tag.control >> 13, etherType: hex(tag.etherType) }
    return {
      layer: { name: 'vlan', text: `VLAN ${id}`, fields, offset, length: VLAN_TAG_LENGTH },
      next: etherTypeNames[tag.etherType],
    }
  },

  arp(octets, offset) {
    const message = at(arp, octets, offset)
    if (message === undefined) return undefined
    const { operation, senderMac, senderIp, targetMac, targetIp } = message
    const text =
      operation === 1
        ? `who has ${targetIp}? tell ${senderIp}`
        : operation === 2
          ? `${senderIp} is at ${senderMac}`
          : `operation ${operation}`
    const fields = { operation, senderMac, senderIp, targetMac, targetIp }
    return { layer: { name: 'arp', text, fields, offset, length: 28 }, next: undefined }
  },

  ipv4(octets, offset) {
    const header = at(ipv4Header, octets, offset)
    if (header === undefined || header.versionIhl >> 4 !== 4) return undefined
    const length = (header.versionIhl & 15) * 4
    if (length < IPV4_LENGTH || offset + length > octets.length) return undefined
    const { source, destination, ttl, protocol, totalLength, identification, tos } = header
    const fragmentOffset = (header.flagsFragmentOffset & 0x1fff) * 8
    const moreFragments = (header.flagsFragmentOffset & 0x2000) !== 0
    const dontFragment = (header.flagsFragmentOffset & 0x4000) !== 0
    return {
      layer: {
        name: 'ipv4',
        text: `${source} → ${destination}${fragmentOffset > 0 ? `, fragment at ${fragmentOffset}` : ''}`,
        fields: {
          source,
          destination,
          protocol: protocolText(protocol),
          ttl,
          totalLength,
          identification: hex(identification),
          dscp: tos >> 2,
          flags:
            [dontFragment ? 'DF' : '', moreFragments ? 'MF' : ''].filter(Boolean).join(' ') ||
            'none',
          fragmentOffset,
          checksum: hex(header.checksum),
        },
        offset,
        length,
      },
      next: fragmentOffset > 0 ? undefined : protocolNames[protocol],
    }
  },

  ipv6(octets, offset) {
    const header = at(ipv6Header, octets, offset)
    if (header === undefined || header.versionClassFlow[0]! >> 4 !== 6) return undefined
    const { source, destination, nextHeader, hopLimit, payloadLength } = header
    const [a = 0, b = 0, c = 0, d = 0] = header.versionClassFlow
    return {
      layer: {
        name: 'ipv6',
        text: `${source} → ${destination}`,
        fields: {
          source,
          destination,
          nextHeader: protocolText(nextHeader),
          hopLimit,
          payloadLength,
          trafficClass: ((a & 15) << 4) | (b >> 4),
          flowLabel: hex(((b & 15) << 16) | (c << 8) | d, 5),
        },
        offset,
        length: IPV6_LENGTH,
      },
      next: nextHeader === ICMP ? undefined : protocolNames[nextHeader],
    }
  },

  extension(octets, offset) {
    const header = at(extensionHeader, octets, offset)
    if (header === undefined) return undefined
    const length = (header.length + 1) * 8
    if (offset + length > octets.length) return undefined
    const next = protocolNames[header.nextHeader]
    const fields = { nextHeader: protocolText(header.nextHeader) }
    return {
      layer: { name: 'extension', text: `then ${fields.nextHeader}`, fields, offset, length },
      next,
    }
  },

  tcp(octets, offset) {
    const header = at(tcpHeader, octets, offset)
    if (header === undefined) return undefined
    const length = (header.dataOffset >> 4) * 4
    if (length < 20 || offset + length > octets.length) return undefined
    const { sourcePort, destinationPort, sequence, acknowledgment, window, checksum } = header
    const flags = tcpFlagNames.filter((_, bit) => (header.flags & (1 << bit)) !== 0).join(' ')
    return {
      layer: {
        name: 'tcp',
        text: `${sourcePort} → ${destinationPort}${flags === '' ? '' : `, ${flags}`}`,
        fields: {
          sourcePort,
          destinationPort,
          sequence,
          acknowledgment,
          flags,
          window,
          checksum: hex(checksum),
        },
        offset,
        length,
      },
      next: undefined,
    }
  },

  udp(octets, offset, { vxlanPort }) {
    const header = at(udpHeader, octets, offset)
    if (header === undefined) return undefined
    const { sourcePort, destinationPort, length, checksum } = header
    const fields = { sourcePort, destinationPort, length, checksum: hex(checksum) }
    const vxlan = destinationPort === VXLAN_PORT || destinationPort === vxlanPort
    return {
      layer: { name: 'udp', text: `${sourcePort} → ${destinationPort}`, fields, offset, length: 8 },
      next: vxlan ? 'vxlan' : undefined,
    }
  },

  icmp(octets, offset) {
    const [type, code] = [octets[offset], octets[offset + 1]]
    if (type === undefined || code === undefined || offset + 8 > octets.length) return undefined
    const text = icmpTexts[type] ?? `type ${type}, code ${code}`
    return {
      layer: { name: 'icmp', text, fields: { type, code }, offset, length: 8 },
      next: undefined,
    }
  },

  icmpv6(octets, offset) {
    const [type, code] = [octets[offset], octets[offset + 1]]
    if (type === undefined || code === undefined || offset + 4 > octets.length) return undefined
    const { solicitation, advertisement } = neighbourMessages
    const message =
      type === solicitation || type === advertisement
        ? at(neighbourMessage, octets, offset)
        : undefined
    if (message === undefined) {
      const text = icmp6Texts[type] ?? `type ${type}, code ${code}`
      return {
        layer: { name: 'icmpv6', text, fields: { type, code }, offset, length: 4 },
        next: undefined,
      }
    }
    const { target } = message
    const text = type === solicitation ? `who has ${target}?` : `${target} is here`
    return {
      layer: { name: 'icmpv6', text, fields: { type, code, target }, offset, length: 24 },
      next: undefined,
    }
  },

  vxlan(octets, offset) {
    const header = at(vxlanHeader, octets, offset)
    if (header === undefined) return undefined
    const { flags, vni } = header
    return {
      layer: {
        name: 'vxlan',
        text: `VNI ${vni}`,
        fields: { vni, flags: hex(flags, 2) },
        offset,
        length: VXLAN_LENGTH,
      },
      next: 'ethernet',
    }
  },
}

const protocolText = (protocol: number): string => {
  const name = protocolNames[protocol]
  return name === undefined || name === 'extension' ? String(protocol) : `${protocol} (${name})`
}

/** By bit, from the lowest (RFC 9293 section 3.1). */
const tcpFlagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const

const icmpTexts: Readonly<Record<number, string>> = {
  0: 'echo reply',
  3: 'destination unreachable',
  5: 'redirect',
  8: 'echo request',
  11: 'time exceeded',
}

const icmp6Texts: Readonly<Record<number, string>> = {
  1: 'destination unreachable',
  2: 'packet too big',
  3: 'time exceeded',
  128: 'echo request',
  129: 'echo reply',
  133: 'router solicitation',
  134: 'router advertisement',
  143: 'multicast listener report',
}
