// The loop over the path attributes of an UPDATE. What is the same for all of them is here and nowhere else: flags,
// duplicates, unknown codes, lengths (RFC 7606 sections 3 and 4). Order and the length form do not matter.

import { Reader } from '../../codec.js'
import { WireError } from '../../error.js'
import type { WireContext } from '../context.js'
import type { BrokenRoute } from '../evpn/index.js'
import { type Family, familyOf } from '../family.js'
import { attributeFlag, errorCode, updateError } from '../iana.js'
import { type ErrorReport, noData, type Problem, type Verdict } from '../problem.js'
import { type AttributeContext, type AttributeType, attributeClass } from './attribute.js'
import {
  type AttributeHeader,
  attributeTypes,
  type PathAttributes,
  type UnknownAttribute,
} from './index.js'

type Row = AttributeType<string, unknown>

const byCode = new Map((attributeTypes as readonly Row[]).map((row) => [row.code, row]))

/** Attributes that carry NLRI: twice is fatal, and a broken one concerns its family. */
const mpNames = ['mpReach', 'mpUnreach']

/** The attributes, what was wrong, and how many routes were broken by themselves. */
export interface DecodedAttributes {
  readonly attributes: PathAttributes
  readonly problems: readonly Problem[]
  /** Routes of MP_REACH_NLRI that are among the problems and not among the NLRI. */
  readonly brokenReachable: number
}

interface State {
  readonly ctx: WireContext
  readonly values: { [name: string]: unknown }
  readonly unknown: UnknownAttribute[]
  readonly headers: AttributeHeader[]
  readonly problems: Problem[]
  brokenReachable: number
}

/** One attribute as it stands in the octets. */
interface Found {
  readonly header: AttributeHeader
  /** The octets of the value. */
  readonly body: Reader
  /** Flags, code, length and value, for the data of a NOTIFICATION. */
  readonly whole: Uint8Array
}

/** Reads all attributes in `r`. Never throws for what the octets hold. */
export function decodeAttributes(r: Reader, ctx: WireContext): DecodedAttributes {
  const state: State = {
    ctx,
    values: {},
    unknown: [],
    headers: [],
    problems: [],
    brokenReachable: 0,
  }
  while (r.remaining > 0) {
    const found = next(r, state)
    if (found === undefined) break
    const row = byCode.get(found.header.code)
    if (state.headers.some((header) => header.code === found.header.code)) duplicate(state, found)
    else if (row === undefined) unknownAttribute(state, found)
    else knownAttribute(state, row, found)
  }
  const attributes: PathAttributes = {
    ...state.values,
    ...(state.unknown.length > 0 ? { unknown: state.unknown } : {}),
    asReceived: state.headers,
  }
  return { attributes, problems: state.problems, brokenReachable: state.brokenReachable }
}

/** Header and bounds of the next attribute; undefined, and a problem, when it overruns (RFC 7606 section 4). */
function next(r: Reader, state: State): Found | undefined {
  const start = r.offset
  try {
    const flags = r.u8()
    const code = r.u8()
    const body = r.sub(flags & attributeFlag.extendedLength ? r.u16() : r.u8())
    return { header: { code, flags }, body, whole: r.octets.slice(start, r.offset) }
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    state.problems.push({
      attribute: nameOf(r.octets[start + 1]),
      verdict: 'treat-as-withdraw',
      notification: report(updateError.attributeLengthError, r.octets.slice(start, r.end)),
      text: `attribute overruns the attribute list: ${error.reason}`,
    })
    return undefined
  }
}

/** RFC 7606 section 3 (g): the first counts; the MP attributes must not repeat at all. */
function duplicate(state: State, { header }: Found): void {
  const attribute = nameOf(header.code)
  const fatal = mpNames.includes(attribute)
  state.problems.push({
    attribute,
    verdict: fatal ? 'session-reset' : 'attribute-discard',
    ...(fatal ? { notification: report(updateError.malformedAttributeList, noData) } : {}),
    text: 'attribute appears more than once',
  })
}

/** Optional ones are kept; "unrecognized well-known" resets (RFC 4271 section 6.3). */
function unknownAttribute(state: State, { header, body, whole }: Found): void {
  state.headers.push(header)
  if (header.flags & attributeFlag.optional) {
    state.unknown.push({ ...header, value: body.rest().slice() })
    return
  }
  state.problems.push({
    attribute: nameOf(header.code),
    verdict: 'session-reset',
    notification: report(updateError.unrecognizedWellKnownAttribute, whole),
    text: `well-known attribute ${header.code} is not known`,
  })
}

function knownAttribute(state: State, row: Row, found: Found): void {
  const { header, whole } = found
  state.headers.push(header)
  if ((header.flags & attributeClass.optionalTransitive) !== row.flags) {
    state.problems.push({
      attribute: row.name,
      verdict: 'treat-as-withdraw',
      notification: report(updateError.attributeFlagsError, whole),
      text: `flags ${hex(header.flags)}, expected ${hex(row.flags)}`,
    })
  }
  if (row.internalOnly && state.ctx.isIbgp === false) {
    state.problems.push({
      attribute: row.name,
      verdict: 'attribute-discard',
      text: 'attribute from an external peer',
    })
    return
  }
  readValue(state, row, found)
}

function readValue(state: State, row: Row, { body, whole }: Found): void {
  const start = body.offset
  try {
    const value = row.value.decode(body, contextOf(state, row))
    body.finish()
    state.values[row.name] = value
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    const fault = malformed(row, body.octets.subarray(start, body.end))
    const where = error.path === '' ? '' : `${error.path}: `
    state.problems.push({
      attribute: row.name,
      ...fault,
      notification: report(row.subcode, whole),
      text: `${where}${error.reason} (octet ${error.offset})`,
    })
  }
}

/** A broken MP attribute disables its family; without a readable family nothing less than the session will do. */
function malformed(row: Row, octets: Uint8Array): { verdict: Verdict; family?: Family } {
  if (row.onMalformed !== 'disable-afi-safi') return { verdict: row.onMalformed }
  if (octets.length < 3) return { verdict: 'session-reset' }
  const r = new Reader(octets)
  return { verdict: 'disable-afi-safi', family: familyOf({ afi: r.u16(), safi: r.u8() }) }
}

function contextOf(state: State, row: Row): AttributeContext {
  const onBrokenRoute = (family: Family, { route, text }: BrokenRoute): void => {
    if (row.name === 'mpReach') state.brokenReachable++
    const verdict = 'treat-as-withdraw'
    state.problems.push({ attribute: row.name, verdict, family, route, text })
  }
  return { ...state.ctx, onBrokenRoute }
}

function report(subcode: number, data: Uint8Array): ErrorReport {
  return { code: errorCode.update, subcode, data }
}

function nameOf(code: number | undefined): string {
  return (code === undefined ? undefined : byCode.get(code)?.name) ?? `attribute ${code ?? '?'}`
}

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`
}
