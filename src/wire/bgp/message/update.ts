// UPDATE (RFC 4271 section 4.3) and what RFC 7606 says about a bad one.
//
//   +-----------------------------------------------------+
//   |   Withdrawn Routes Length (2 octets)                |
//   +-----------------------------------------------------+
//   |   Withdrawn Routes (variable)                       |
//   +-----------------------------------------------------+
//   |   Total Path Attribute Length (2 octets)            |
//   +-----------------------------------------------------+
//   |   Path Attributes (variable)                        |
//   +-----------------------------------------------------+
//   |   Network Layer Reachability Information (variable) |
//   +-----------------------------------------------------+

import type { Reader } from '../../codec.js'
import { WireError } from '../../error.js'
import { type DecodedAttributes, decodeAttributes } from '../attribute/decode.js'
import { encodeAttributes } from '../attribute/encode.js'
import { type AttributeName, attributeTypes, type PathAttributes } from '../attribute/index.js'
import type { WireContext } from '../context.js'
import type { Family } from '../family.js'
import { errorCode, messageType as types, updateError } from '../iana.js'
import type { IpNlri } from '../nlri/index.js'
import { decodeIpNlri, encodeIpNlri } from '../nlri/prefix.js'
import { noData, type Problem, worstVerdict } from '../problem.js'
import { messageType } from './message-type.js'

export interface Update {
  readonly kind: 'update'
  /** IPv4 unicast prefixes withdrawn outside MP_UNREACH_NLRI. */
  readonly withdrawn: readonly IpNlri[]
  readonly attributes: PathAttributes
  /** IPv4 unicast prefixes announced outside MP_REACH_NLRI. */
  readonly nlri: readonly IpNlri[]
}

export const update = messageType<'update', Update>({
  code: types.update,
  kind: 'update',
  minLength: 23,
  decode(r, ctx, problems) {
    const withdrawnOctets = r.sub(r.u16())
    const attributeOctets = r.sub(r.u16())
    const withdrawn = prefixes(withdrawnOctets, 'withdrawn', ctx, problems)
    const decoded = decodeAttributes(attributeOctets, ctx)
    const nlri = prefixes(r, 'nlri', ctx, problems)
    problems.push(...decoded.problems)
    if (nlri === undefined || withdrawn === undefined) return undefined
    const message: Update = { kind: 'update', withdrawn, attributes: decoded.attributes, nlri }
    judge(message, decoded, ctx, problems)
    return message
  },
  encode(w, message, ctx) {
    const addPath = ctx.addPath.includes('ipv4')
    w.prefixed(2, () => encodeIpNlri(w, message.withdrawn, 4, addPath))
    w.prefixed(2, () => encodeAttributes(w, message.attributes, ctx))
    encodeIpNlri(w, message.nlri, 4, addPath)
  },
  onError: { code: errorCode.update, subcode: updateError.malformedAttributeList },
})

/**
 * The family whose End-of-RIB this is: an UPDATE without anything for IPv4 unicast, one with only an empty
 * MP_UNREACH_NLRI for the others (RFC 4724 section 2). Undefined for every other UPDATE.
 */
export function endOfRib({ withdrawn, attributes, nlri }: Update): Family | undefined {
  if (withdrawn.length > 0 || nlri.length > 0) return undefined
  const present = presentAttributes(attributes)
  if (present === 0) return 'ipv4'
  const { mpUnreach } = attributes
  if (present > 1 || mpUnreach === undefined || mpUnreach.nlri.length > 0) return undefined
  return mpUnreach.family
}

/** The UPDATE that endOfRib recognizes. */
export function endOfRibUpdate(family: Family): Update {
  const attributes =
    family === 'ipv4' ? {} : ({ mpUnreach: { family, nlri: [] } } as PathAttributes)
  return { kind: 'update', withdrawn: [], attributes, nlri: [] }
}

/** RFC 7606 section 5.3: prefixes that cannot be told apart leave only the NOTIFICATION of RFC 4271 section 6.3. */
function prefixes(
  r: Reader,
  field: 'withdrawn' | 'nlri',
  ctx: WireContext,
  problems: Problem[],
): readonly IpNlri[] | undefined {
  try {
    return decodeIpNlri(r, 4, ctx.addPath.includes('ipv4'))
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    problems.push({
      attribute: field,
      verdict: 'session-reset',
      notification: report(updateError.invalidNetworkField, noData),
      text: error.reason,
    })
    return undefined
  }
}

/** What can only be said of the whole UPDATE. */
function judge(
  { attributes, nlri }: Update,
  decoded: DecodedAttributes,
  ctx: WireContext,
  problems: Problem[],
): void {
  const mpRoutes = (attributes.mpReach?.nlri.length ?? 0) + decoded.brokenReachable
  if (nlri.length + mpRoutes > 0) missing(attributes, nlri.length > 0, ctx, problems)
  const worst = worstVerdict(problems)
  const others = presentAttributes(attributes) - (attributes.mpUnreach === undefined ? 0 : 1)
  const hasOthers = others > 0 || decoded.problems.some((one) => one.attribute !== 'mpUnreach')
  if (nlri.length + mpRoutes === 0 && hasOthers && worst === 'treat-as-withdraw') {
    // "... doesn't encode any reachable NLRI ... the session reset approach MUST be used" (RFC 7606 section 5.2).
    const cause = problems.find((one) => one.verdict === worst && one.route === undefined)
    problems.push({
      attribute: cause?.attribute ?? 'nlri',
      verdict: 'session-reset',
      notification: cause?.notification ?? report(updateError.malformedAttributeList, noData),
      text: 'an attribute error in an UPDATE without reachable NLRI',
    })
  }
}

/** RFC 7606 section 3 (d). An attribute that is there but malformed is not missing: it has its own problem. */
function missing(
  attributes: PathAttributes,
  plain: boolean,
  ctx: WireContext,
  problems: Problem[],
): void {
  const wanted: AttributeName[] = ['origin', 'asPath']
  if (plain) wanted.push('nextHop')
  if (ctx.isIbgp === true) wanted.push('localPref')
  for (const attribute of wanted) {
    if (attributes[attribute] !== undefined) continue
    if (problems.some((one) => one.attribute === attribute)) continue
    const code = attributeTypes.find((row) => row.name === attribute)!.code
    problems.push({
      attribute,
      verdict: 'treat-as-withdraw',
      notification: report(updateError.missingWellKnownAttribute, Uint8Array.of(code)),
      text: 'mandatory attribute is missing',
    })
  }
}

function presentAttributes(attributes: PathAttributes): number {
  const { asReceived: _, unknown, ...values } = attributes
  const known = Object.values(values).filter((value) => value !== undefined).length
  return known + (unknown?.length ?? 0)
}

function report(subcode: number, data: Uint8Array) {
  return { code: errorCode.update, subcode, data }
}
