// OPEN (RFC 4271 section 4.2), optional parameters in both lengths (RFC 9072), capabilities (RFC 5492).
//
//   | Version (1) | My AS (2) | Hold Time (2) | BGP Identifier (4) | Opt Parm Len (1) | Optional Parameters |
//
// RFC 9072: when the first parameter type is 255, the length before it is not the length: two octets of it follow,
// and every parameter length has two octets.

import type { Ip } from '../../../net/index.js'
import { type Reader, Writer } from '../../codec.js'
import { ipv4 } from '../../values.js'
import { type Capability, decodeCapability, encodeCapability } from '../capability/index.js'
import { errorCode, openError, messageType as types } from '../iana.js'
import { noData, type Problem } from '../problem.js'
import { messageType } from './message-type.js'

export interface Open {
  readonly kind: 'open'
  readonly version: number
  /** The field of two octets: AS_TRANS when the AS does not fit, see the `fourOctetAs` capability. */
  readonly asn: number
  readonly holdTimeSeconds: number
  readonly bgpId: Ip
  readonly capabilities: readonly Capability[]
  /** How the sender spread its capabilities over parameters. Without it: all in one, extended form if needed. */
  readonly asReceived?: OpenLayout
}

/** What is free in an OPEN and says nothing. */
export interface OpenLayout {
  /** Number of capabilities in each optional parameter. */
  readonly perParameter: readonly number[]
  /** RFC 9072 form. */
  readonly extended: boolean
}

const VERSION = 4
const CAPABILITIES = 2
const EXTENDED = 255

export const open = messageType<'open', Open>({
  code: types.open,
  kind: 'open',
  minLength: 29,
  maxLength: 4096,
  decode(r, _ctx, problems) {
    const version = r.u8()
    if (version !== VERSION) {
      // The data is the largest version we speak (RFC 4271 section 6.2).
      const data = Uint8Array.of(0, VERSION)
      problems.push(
        problem('version', openError.unsupportedVersionNumber, `version ${version}`, data),
      )
      return undefined
    }
    const head = { kind: 'open', version, asn: r.u16(), holdTimeSeconds: r.u16() } as const
    const bgpId = ipv4.decode(r)
    check({ ...head, bgpId }, problems)
    const { capabilities, layout } = decodeParameters(r, problems)
    return { ...head, bgpId, capabilities, asReceived: layout }
  },
  encode(w, message) {
    w.u8(message.version)
    w.u16(message.asn)
    w.u16(message.holdTimeSeconds)
    ipv4.encode(w, message.bgpId)
    encodeParameters(w, message)
  },
  onError: { code: errorCode.open, subcode: openError.unspecific },
})

/** What is wrong by itself; what is wrong for a peer's configuration is the FSM's to say. */
function check(head: Omit<Open, 'capabilities'>, problems: Problem[]): void {
  const { asn, holdTimeSeconds, bgpId } = head
  if (asn === 0) problems.push(problem('asn', openError.badPeerAs, 'AS 0 (RFC 7607)'))
  if (holdTimeSeconds === 1 || holdTimeSeconds === 2) {
    const text = `hold time of ${holdTimeSeconds} seconds`
    problems.push(problem('holdTimeSeconds', openError.unacceptableHoldTime, text))
  }
  if (bgpId === '0.0.0.0')
    problems.push(problem('bgpId', openError.badBgpIdentifier, 'identifier 0'))
}

function decodeParameters(r: Reader, problems: Problem[]) {
  const shortLength = r.u8()
  const extended = shortLength !== 0 && r.remaining > 0 && r.octets[r.offset] === EXTENDED
  if (extended) r.take(1)
  const parameters = r.sub(extended ? r.u16() : shortLength)
  r.finish()
  const capabilities: Capability[] = []
  const perParameter: number[] = []
  while (parameters.remaining > 0) {
    const type = parameters.u8()
    const body = parameters.sub(extended ? parameters.u16() : parameters.u8())
    if (type === CAPABILITIES) perParameter.push(decodeCapabilities(body, capabilities, problems))
    else problems.push(problem('parameter', openError.unsupportedOptionalParameter, `type ${type}`))
  }
  return { capabilities, layout: { perParameter, extended } satisfies OpenLayout }
}

/** Appends to `into`; gives how many. A capability with a broken value is kept as unknown (RFC 5492 section 3). */
function decodeCapabilities(r: Reader, into: Capability[], problems: Problem[]): number {
  const before = into.length
  while (r.remaining > 0) {
    into.push(
      decodeCapability(r, (name, error) => {
        const text = `capability ${name}: ${error.reason}`
        problems.push({ attribute: name, verdict: 'attribute-discard', text })
      }),
    )
  }
  return into.length - before
}

function encodeParameters(w: Writer, { capabilities, asReceived }: Open): void {
  const groups = groupsOf(capabilities, asReceived)
  const total = groups.reduce((sum, octets) => sum + 2 + octets.length, 0)
  const extended = asReceived?.extended === true || total > 254
  if (extended) {
    w.u8(EXTENDED)
    w.u8(EXTENDED)
    w.u16(total + groups.length)
  } else {
    w.u8(total)
  }
  for (const octets of groups) {
    w.u8(CAPABILITIES)
    if (extended) w.u16(octets.length)
    else w.u8(octets.length)
    w.bytes(octets)
  }
}

/** The octets of each parameter. A layout that does not fit the capabilities is not followed. */
function groupsOf(
  capabilities: readonly Capability[],
  layout: OpenLayout | undefined,
): readonly Uint8Array[] {
  const natural = capabilities.length === 0 ? [] : [capabilities.length]
  const counts = layout?.perParameter ?? natural
  const fits = counts.reduce((sum, count) => sum + count, 0) === capabilities.length
  let from = 0
  return (fits ? counts : natural).map((count) => {
    const w = new Writer()
    for (const capability of capabilities.slice(from, from + count)) encodeCapability(w, capability)
    from += count
    return w.finish()
  })
}

function problem(attribute: string, subcode: number, text: string, data = noData): Problem {
  const notification = { code: errorCode.open, subcode, data }
  return { attribute, verdict: 'session-reset', notification, text }
}
