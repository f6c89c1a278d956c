// The texts an operator may type, as one table: how each is read, and the words that say what is expected.
// The schema names a row by `format`; the check brings the text to its canonical form.

import {
  ipFamily,
  isMulticastMac,
  isSegment,
  MAX_VNI,
  ParseError,
  parseEsi,
  parseIp,
  parseIpv4,
  parseMac,
  parsePrefix,
  parseRouteDistinguisher,
  parseRouteTarget,
  splitPrefix,
} from '../../net/index.js'

export interface TextFormat {
  /** What to write, as the end of the sentence "expected …". */
  readonly expected: string
  /** Canonical text. Throws ParseError, whose `expected` is more exact where it can be. */
  readonly parse: (text: string) => string
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,62}$/
const IFNAME = /^[^/:\s]{1,15}$/

export const textFormats = {
  name: {
    expected:
      'a name of 1 to 63 letters, digits and . _ : @ + - that starts with a letter or digit',
    parse: matching('name', NAME),
  },
  ifname: {
    expected: 'the name of a network interface, up to 15 characters',
    parse: matching('interface', IFNAME),
  },
  mac: { expected: 'a unicast MAC address like 02:00:00:00:00:01', parse: parseUnicastMac },
  anyMac: { expected: 'a MAC address like 02:00:00:00:00:01', parse: parseMac },
  ip: { expected: 'an IPv4 or IPv6 address', parse: parseIp },
  unicastIp: { expected: 'a unicast IPv4 or IPv6 address', parse: parseUnicastIp },
  ipv4: { expected: 'four octets like 10.0.0.1', parse: parseRouterId },
  prefix: { expected: 'an IP prefix like 10.0.0.0/24', parse: parsePrefix },
  gateway: {
    expected: 'an address with the length of its subnet like 10.1.0.1/24',
    parse: (text) => formatGateway(parseGateway(text)),
  },
  routeTarget: {
    expected: 'a route target like 65000:10100 or 10.0.0.1:100',
    parse: parseRouteTarget,
  },
  routeDistinguisher: {
    expected: 'a route distinguisher like 10.0.0.1:100 or 65000:100',
    parse: parseRouteDistinguisher,
  },
  esi: {
    expected: 'ten octets like 00:11:22:33:44:55:66:77:88:99, of type 0, 1 or 3',
    parse: parseSegment,
  },
  socketAddress: {
    expected: 'an address and a port like 127.0.0.1:8472 or [::1]:8472',
    parse: (text) => formatSocketAddress(parseSocketAddress(text)),
  },
} as const satisfies Record<string, TextFormat>

export type TextFormatName = keyof typeof textFormats

/** What a VNI has to be, and what it had better be. */
export const VNI_EXPECTED = `a VNI, 1 to ${MAX_VNI}`

export interface SocketAddress {
  readonly address: string
  readonly port: number
}

/** Reads "address:port", IPv6 in brackets. Throws ParseError. */
export function parseSocketAddress(text: string): SocketAddress {
  const expected = 'an address and a port like 127.0.0.1:8472 or [::1]:8472'
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port < 1 || port > 65535) throw new ParseError('address', expected, text)
  return { address: parseIp(match[1] ?? match[2] ?? ''), port }
}

export function formatSocketAddress({ address, port }: SocketAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** An address of ours and how long the prefix of its subnet is. */
export interface Gateway {
  readonly ip: string
  readonly length: number
}

/** Reads "address/length"; the address is one that a host may have. Throws ParseError. */
export function parseGateway(text: string): Gateway {
  const { address: subnet, length } = splitPrefix(parsePrefix(text))
  const ip = parseUnicastIp(text.slice(0, text.indexOf('/')))
  const bits = ipFamily(ip) === 4 ? 32 : 128
  const isSubnet = ip === subnet && length < bits - 1
  if (length === 0 || isSubnet || isLinkLocal(ip)) {
    const expected = 'the address of a host with the length of its subnet, like 10.1.0.1/24'
    throw new ParseError('gateway', expected, text)
  }
  return { ip, length }
}

export function formatGateway({ ip, length }: Gateway): string {
  return `${ip}/${length}`
}

const isLinkLocal = (ip: string): boolean => /^fe[89ab]/.test(ip)

function matching(what: string, form: RegExp): (text: string) => string {
  return (text) => {
    if (!form.test(text) || text === '.' || text === '..') {
      throw new ParseError(what, '', text)
    }
    return text
  }
}

/** An ESI that an operator may choose, or another host have chosen: 0, 1 and 3 (RFC 7432 section 5). */
function parseSegment(text: string): string {
  const esi = parseEsi(text)
  if (!isSegment(esi)) {
    const expected = 'an ESI other than all zeros and all ones, which are reserved'
    throw new ParseError('ESI', expected, text)
  }
  if (!/^0[013]:/.test(esi)) throw new ParseError('ESI', 'an ESI of type 0, 1 or 3', text)
  return esi
}

function parseUnicastMac(text: string): string {
  const mac = parseMac(text)
  if (isMulticastMac(mac)) {
    throw new ParseError('MAC address', 'a unicast MAC address (even first octet)', text)
  }
  if (mac === '00:00:00:00:00:00') {
    throw new ParseError('MAC address', 'a MAC address other than zero', text)
  }
  return mac
}

function parseUnicastIp(text: string): string {
  const ip = parseIp(text)
  const first = Number.parseInt(ip, 10)
  const v4 = !ip.includes(':')
  if (v4 ? first === 0 || first >= 224 : ip === '::' || ip.startsWith('ff')) {
    throw new ParseError('IP address', 'a unicast IPv4 or IPv6 address', text)
  }
  return ip
}

function parseRouterId(text: string): string {
  const ip = parseIpv4(text)
  if (ip === '0.0.0.0') throw new ParseError('router ID', 'four octets other than zero', text)
  return ip
}
