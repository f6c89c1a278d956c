// NOTIFICATION (RFC 4271 section 4.5), and the names of its numbers.

import { prefixed, Reader, Writer } from '../../codec.js'
import { WireError } from '../../error.js'
import { utf8 } from '../../text.js'
import {
  ceaseError,
  errorCode,
  fsmError,
  headerError,
  openError,
  routeRefreshError,
  messageType as types,
  updateError,
} from '../iana.js'
import { messageType } from './message-type.js'

export interface Notification {
  readonly kind: 'notification'
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
}

export const notification = messageType<'notification', Notification>({
  code: types.notification,
  kind: 'notification',
  minLength: 21,
  decode: (r) => ({
    kind: 'notification',
    code: r.u8(),
    subcode: r.u8(),
    data: r.rest().slice(),
  }),
  encode(w, message) {
    w.u8(message.code)
    w.u8(message.subcode)
    w.bytes(message.data)
  },
  onError: { code: errorCode.messageHeader, subcode: headerError.badMessageLength },
})

/** The longest data that any peer takes: only a session with RFC 8654 could carry more, and what is said ends it. */
const MAX_DATA = 4096 - 21

/** With as much of the data as fits a message of any session. */
export function shortened(message: Notification): Notification {
  if (message.data.length <= MAX_DATA) return message
  return { ...message, data: message.data.subarray(0, MAX_DATA) }
}

type Names = { readonly [name: string]: number }

const subcodes: { readonly [code: number]: Names } = {
  [errorCode.messageHeader]: headerError,
  [errorCode.open]: openError,
  [errorCode.update]: updateError,
  [errorCode.fsm]: fsmError,
  [errorCode.cease]: ceaseError,
  [errorCode.routeRefresh]: routeRefreshError,
}

/** Code and subcode as the words of iana.ts: "cease/administrativeShutdown", "update/99", "42/7". */
export function notificationName(code: number, subcode: number): string {
  const name = nameIn(errorCode, code)
  const subcodeName = nameIn(subcodes[code] ?? {}, subcode)
  if (subcode === 0 && subcodeName === '0') return name
  return `${name}/${subcodeName}`
}

/**
 * The operator's text in a Cease of subcode 2 or 4 (RFC 9003 section 2), also inside a hard reset (RFC 8538 section
 * 3.1); undefined when there is none or it is broken, which is never an error (RFC 9003 section 4).
 */
export function shutdownCommunication(message: Omit<Notification, 'kind'>): string | undefined {
  const { code, subcode, data } = message
  if (code !== errorCode.cease) return undefined
  if (subcode === ceaseError.hardReset && data.length >= 2 && data[1] !== ceaseError.hardReset) {
    return shutdownCommunication({ code: data[0]!, subcode: data[1]!, data: data.subarray(2) })
  }
  const { administrativeShutdown, administrativeReset } = ceaseError
  if (subcode !== administrativeShutdown && subcode !== administrativeReset) return undefined
  try {
    const text = prefixed(1, utf8).decode(new Reader(data))
    return text === '' ? undefined : text
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return undefined
  }
}

/** The data of such a Cease. Text over 255 octets is cut at a character. */
export function shutdownData(text: string): Uint8Array {
  const w = new Writer()
  let kept = ''
  let size = 0
  for (const character of text) {
    size += new TextEncoder().encode(character).length
    if (size > 255) break
    kept += character
  }
  prefixed(1, utf8).encode(w, kept)
  return w.finish()
}

function nameIn(names: Names, number: number): string {
  return Object.entries(names).find(([, value]) => value === number)?.[0] ?? String(number)
}
