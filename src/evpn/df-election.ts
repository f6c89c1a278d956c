// Which VTEP of an Ethernet segment is the designated forwarder of a network: the one that hands on what is broadcast.
// Pure: every VTEP that knows the same candidates names the same one (RFC 7432 section 8.5, RFC 8584, RFC 9785).

import { compareIp, type Esi, esiToBytes, type Ip, ipToBytes } from '../net/index.js'

/** DF algorithms by their names in a configuration; the numbers are IANA's. */
export const dfAlgorithms = {
  modulo: 0,
  hrw: 1,
  preference: 2,
  lowestPreference: 3,
} as const

export type DfAlgorithm = keyof typeof dfAlgorithms

/** Bits of the community's bitmap: don't pre-empt (RFC 9785 section 3), and AC-influenced (RFC 8584 section 4). */
export const DONT_PREEMPT = 0x8000
export const AC_INFLUENCED = 0x4000

/** What a VTEP says of itself in its type 4 route. */
export interface Candidacy {
  /** Number of its algorithm; any, others may have more of them. */
  readonly algorithm: number
  readonly preference: number
  readonly dontPreempt: boolean
  /** It asks to be passed over in networks that it has no attachment circuit in. */
  readonly acInfluenced: boolean
}

export interface Candidate extends Candidacy {
  /** Originating router's address. */
  readonly address: Ip
}

/** Of candidates in ascending order of their addresses, at least one. */
type Elect = (candidates: readonly Candidate[], esi: Esi, tag: number) => Candidate

/** Adding an algorithm is its name and number above and its line here. */
const elections: Readonly<Record<number, Elect>> = {
  /** "the PE with ordinal i is the DF when (V mod N) = i" (RFC 7432 section 8.5). */
  [dfAlgorithms.modulo]: (candidates, _, tag) => candidates[tag % candidates.length]!,
  [dfAlgorithms.hrw]: (candidates, esi, tag) =>
    first(candidates, (a, b) => weight(b, esi, tag) - weight(a, esi, tag)),
  [dfAlgorithms.preference]: (candidates) => first(candidates, byPreference(1)),
  [dfAlgorithms.lowestPreference]: (candidates) => first(candidates, byPreference(-1)),
}

/** The algorithm that all of them ask for; when they do not agree, that of RFC 7432 (RFC 8584 section 2.2). */
export function agreedAlgorithm(candidates: readonly Candidacy[]): number {
  const algorithm = candidates[0]?.algorithm ?? dfAlgorithms.modulo
  const isCommon = candidates.every((each) => each.algorithm === algorithm)
  return isCommon && elections[algorithm] !== undefined ? algorithm : dfAlgorithms.modulo
}

/**
 * The designated forwarder; undefined when nobody is there. `tag` stands for the network: its VNI, as Ethernet tags
 * of VLAN-based networks are all 0. Where everybody asks for it, who `isAttached` denies does not count.
 */
export function electForwarder(
  all: readonly Candidate[],
  esi: Esi,
  tag: number,
  isAttached: (candidate: Candidate) => boolean,
): Candidate | undefined {
  const algorithm = agreedAlgorithm(all)
  const influenced = all.every(({ acInfluenced }) => acInfluenced)
  const candidates = influenced ? all.filter(isAttached) : [...all]
  if (candidates.length === 0) return undefined
  candidates.sort((a, b) => compareIp(a.address, b.address))
  return elections[algorithm]!(candidates, esi, tag)
}

/**
 * Preference and DP bit that a VTEP announces which comes (back) to a segment and must not pre-empt: those of the best
 * that is there, where it would win over one that does not want to be pre-empted (RFC 9785 section 4.3).
 */
export function yieldingCandidacy(own: Candidate, others: readonly Candidate[]): Candidacy {
  const isHighest = own.algorithm === dfAlgorithms.preference
  if (!own.dontPreempt || (!isHighest && own.algorithm !== dfAlgorithms.lowestPreference))
    return own
  if (others.length === 0 || agreedAlgorithm([own, ...others]) !== own.algorithm) return own
  const order = byPreference(isHighest ? 1 : -1)
  const ordered = [...others].sort((a, b) => compareIp(a.address, b.address))
  const best = first(ordered, order)
  const wins = order(own, best) < 0 || (order(own, best) === 0 && isLower(own, best))
  if (!wins || !best.dontPreempt) return own
  return { ...own, preference: best.preference, dontPreempt: false }
}

/** The first of the best: negative means that `a` is better. */
function first(
  candidates: readonly Candidate[],
  order: (a: Candidate, b: Candidate) => number,
): Candidate {
  return candidates.reduce((best, each) => (order(each, best) < 0 ? each : best))
}

/** Then who does not want to be pre-empted, then the lowest address (RFC 9785 section 4.1). */
function byPreference(sign: 1 | -1): (a: Candidate, b: Candidate) => number {
  return (a, b) =>
    sign * (b.preference - a.preference) || Number(b.dontPreempt) - Number(a.dontPreempt)
}

const isLower = (a: Candidate, b: Candidate): boolean => compareIp(a.address, b.address) < 0

/**
 * RFC 8584 section 3.2: (1103515245 ((1103515245 Si + 12345) XOR D(v, Es)) + 12345) mod 2^31. The product's low bits are
 * all that counts, so 32 bits suffice.
 */
function weight({ address }: Candidate, esi: Esi, tag: number): number {
  const octets = ipToBytes(address)
  const low = new DataView(octets.buffer, octets.byteOffset).getUint32(octets.length - 4)
  const inner = (Math.imul(1103515245, low) + 12345) ^ digest(esi, tag)
  return (Math.imul(1103515245, inner) + 12345) & 0x7fffffff
}

/** CRC-32 of Ethernet tag and ESI in network byte order, without its highest bit. */
function digest(esi: Esi, tag: number): number {
  const octets = [
    tag >>> 24,
    (tag >>> 16) & 0xff,
    (tag >>> 8) & 0xff,
    tag & 0xff,
    ...esiToBytes(esi),
  ]
  let crc = ~0
  for (const octet of octets) {
    crc ^= octet
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc & 0x7fffffff
}
