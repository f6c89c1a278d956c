// The registry of messages, and the two directions over it.

import { Reader, Writer } from '../../codec.js'
import { WireError } from '../../error.js'
import type { WireContext } from '../context.js'
import type { ErrorReport, Problem } from '../problem.js'
import {
  decodeHeader,
  encodeHeader,
  HEADER_LENGTH,
  type Header,
  maxMessageLength,
} from './header.js'
import { keepalive } from './keepalive.js'
import type { MessageOf, MessageType } from './message-type.js'
import { notification } from './notification.js'
import { open } from './open.js'
import { routeRefresh } from './route-refresh.js'
import { update } from './update.js'

export const messageTypes = [open, update, notification, keepalive, routeRefresh] as const

/** Any message; told apart by `kind`. */
export type Message = MessageOf<(typeof messageTypes)[number]>

/** A message, if any could be made of the octets, and everything that was wrong with them. */
export interface DecodedMessage {
  readonly message?: Message
  readonly problems: readonly Problem[]
}

type Row = MessageType<Message['kind'], Message>

const rows = messageTypes as unknown as readonly Row[]
const byCode = new Map(rows.map((row) => [row.code, row]))
const byKind = new Map(rows.map((row) => [row.kind, row]))

/**
 * One whole message, header included, as the framer gives it. Never throws for what the octets hold: without
 * `message` some problem has the verdict 'session-reset' and says what to send.
 */
export function decodeMessage(octets: Uint8Array, ctx: WireContext): DecodedMessage {
  const r = new Reader(octets)
  const header = octets.length < HEADER_LENGTH ? undefined : readHeader(r, ctx)
  if (header === undefined) return { problems: [truncated(octets)] }
  if (header.error !== undefined) return { problems: [reset('header', header.error, header.text)] }
  const row = byCode.get(header.type)!
  if (header.length !== octets.length) return { problems: [truncated(octets)] }
  const problems: Problem[] = []
  const message = decodeBody(row, r, ctx, problems)
  return message === undefined ? { problems } : { message, problems }
}

/** The octets of a message. Throws RangeError when it is longer than the session allows. */
export function encodeMessage(message: Message, ctx: WireContext): Uint8Array {
  const row = byKind.get(message.kind)!
  const w = new Writer()
  row.encode(w, message, ctx)
  const length = HEADER_LENGTH + w.length
  const most = maxMessageLength(ctx, row.code)
  if (length > most) throw new RangeError(`${message.kind} of ${length} octets, at most ${most}`)
  const whole = new Writer()
  encodeHeader(whole, length, row.code)
  whole.bytes(w.finish())
  return whole.finish()
}

/** The header at the start of `r`, checked against the registry. */
export function readHeader(r: Reader, ctx: WireContext): Header {
  return decodeHeader(r, ctx, (type) => byCode.get(type))
}

function decodeBody(
  row: Row,
  r: Reader,
  ctx: WireContext,
  problems: Problem[],
): Message | undefined {
  try {
    const message = row.decode(r, ctx, problems)
    if (message !== undefined) r.finish()
    return message
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    // RFC 7313 section 5 wants the whole message as data; the others define none.
    const data = row.kind === 'routeRefresh' ? r.octets.slice() : new Uint8Array(0)
    problems.push(reset(row.kind, { ...row.onError, data }, error.reason))
    return undefined
  }
}

function truncated(octets: Uint8Array): Problem {
  const data = octets.slice(16, 18)
  return reset(
    'header',
    { code: 1, subcode: 2, data },
    `${octets.length} octets are not one message`,
  )
}

function reset(attribute: string, notification: ErrorReport, text: string): Problem {
  return { attribute, verdict: 'session-reset', notification, text }
}
