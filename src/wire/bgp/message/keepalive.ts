// KEEPALIVE (RFC 4271 section 4.4): the header alone.

import { errorCode, headerError, messageType as types } from '../iana.js'
import { messageType } from './message-type.js'

export interface Keepalive {
  readonly kind: 'keepalive'
}

export const keepalive = messageType<'keepalive', Keepalive>({
  code: types.keepalive,
  kind: 'keepalive',
  minLength: 19,
  maxLength: 19,
  decode: () => ({ kind: 'keepalive' }),
  encode: () => {},
  onError: { code: errorCode.messageHeader, subcode: headerError.badMessageLength },
})
