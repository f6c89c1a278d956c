// ROUTE-REFRESH (RFC 2918 section 3, RFC 7313 section 3.2).
//
//   +-------+-------+---------+-------+
//   |    AFI (2)    | Subtype |  SAFI |    ORF entries (RFC 5291) may follow
//   +-------+-------+---------+-------+

import { errorCode, routeRefreshError, routeRefreshSubtype, messageType as types } from '../iana.js'
import { messageType } from './message-type.js'

export interface RouteRefresh {
  readonly kind: 'routeRefresh'
  readonly afi: number
  readonly safi: number
  /** One of `routeRefreshSubtype`; a message with any other is to be ignored (RFC 7313 section 5). */
  readonly subtype: number
  /** Outbound route filters, undecoded. */
  readonly orf?: Uint8Array
}

export const routeRefresh = messageType<'routeRefresh', RouteRefresh>({
  code: types.routeRefresh,
  kind: 'routeRefresh',
  minLength: 23,
  decode(r) {
    const head = { kind: 'routeRefresh', afi: r.u16(), subtype: r.u8(), safi: r.u8() } as const
    const { beginRefresh, endRefresh } = routeRefreshSubtype
    if (head.subtype === beginRefresh || head.subtype === endRefresh) r.finish()
    return r.remaining === 0 ? head : { ...head, orf: r.rest().slice() }
  },
  encode(w, message) {
    w.u16(message.afi)
    w.u8(message.subtype)
    w.u8(message.safi)
    if (message.orf !== undefined) w.bytes(message.orf)
  },
  onError: { code: errorCode.routeRefresh, subcode: routeRefreshError.invalidMessageLength },
})
