// Changes of one family -> UPDATE messages: many routes with equal attributes in one message, as many as fit. IPv4
// unicast travels in the UPDATE's own fields, everything else in the MP attributes (RFC 4760).

import { ipFamily } from '../net/index.js'
import {
  encodeMessage,
  type IpNlri,
  type MpReach,
  type MpUnreach,
  maxMessageLength,
  type Update,
  type WireContext,
} from '../wire/index.js'
import type { AttributeSet } from './attribute-set.js'
import type { RouteNlri } from './events.js'
import type { SessionFamily } from './settings.js'

/** What was written of a list of routes. */
export interface Written {
  readonly messages: readonly Uint8Array[]
  /** Routes that no message of the session can hold (RFC 8654 section 4), by their place in the list. */
  readonly tooLong: readonly { readonly index: number; readonly reason: string }[]
}

type UpdateOf = (some: readonly RouteNlri[]) => Update

/** UPDATEs that withdraw the routes. */
export function writeWithdrawal(
  family: SessionFamily,
  nlri: readonly RouteNlri[],
  ctx: WireContext,
): readonly Uint8Array[] {
  return pack(nlri, (some) => withdrawal(family, some), ctx).messages
}

/** UPDATEs that announce the routes, all with the same attributes. */
export function writeAnnouncement(
  family: SessionFamily,
  nlri: readonly RouteNlri[],
  set: AttributeSet,
  ctx: WireContext,
): Written {
  return pack(nlri, (some) => announcement(family, some, set), ctx)
}

function withdrawal(family: SessionFamily, nlri: readonly RouteNlri[]): Update {
  if (family === 'ipv4') {
    return { kind: 'update', withdrawn: nlri as readonly IpNlri[], attributes: {}, nlri: [] }
  }
  const mpUnreach = { family, nlri } as MpUnreach
  return { kind: 'update', withdrawn: [], attributes: { mpUnreach }, nlri: [] }
}

function announcement(
  family: SessionFamily,
  nlri: readonly RouteNlri[],
  { attributes, nextHop }: AttributeSet,
): Update {
  // NEXT_HOP holds four octets: any other travels beside its prefixes (RFC 8950 section 3).
  if (family === 'ipv4' && ipFamily(nextHop) === 4) {
    const plain = { ...attributes, nextHop }
    return { kind: 'update', withdrawn: [], attributes: plain, nlri: nlri as readonly IpNlri[] }
  }
  const mpReach = { family, nextHop, nlri } as MpReach
  return { kind: 'update', withdrawn: [], attributes: { ...attributes, mpReach }, nlri: [] }
}

/**
 * How many routes fit is measured, not known: routes differ in length and the wire alone knows their layout. The
 * first route tells how long a route is; when later ones turn out longer, a quarter less is tried.
 */
function pack(nlri: readonly RouteNlri[], updateOf: UpdateOf, ctx: WireContext): Written {
  const messages: Uint8Array[] = []
  const tooLong: Written['tooLong'][number][] = []
  let from = 0
  let count = nlri.length > 1 ? fitting(nlri, updateOf, ctx) : 1
  while (from < nlri.length) {
    const result = tryEncode(updateOf(nlri.slice(from, from + count)), ctx)
    if (result instanceof Uint8Array) {
      messages.push(result)
      from += count
    } else if (count > 1) {
      count = Math.floor(count * 0.75)
    } else {
      tooLong.push({ index: from, reason: result.message })
      from++
    }
  }
  return { messages, tooLong }
}

/** How many routes like the first one fit a message; at least 1. */
function fitting(nlri: readonly RouteNlri[], updateOf: UpdateOf, ctx: WireContext): number {
  const one = tryEncode(updateOf(nlri.slice(0, 1)), ctx)
  const two = tryEncode(updateOf(nlri.slice(0, 2)), ctx)
  if (one instanceof RangeError || two instanceof RangeError) return 1
  // Past 255 octets the length of the MP attribute takes one octet more.
  const room = maxMessageLength(ctx) - one.length - 1
  return 1 + Math.max(0, Math.floor(room / (two.length - one.length)))
}

function tryEncode(update: Update, ctx: WireContext): Uint8Array | RangeError {
  try {
    return encodeMessage(update, ctx)
  } catch (error) {
    if (error instanceof RangeError) return error
    throw error
  }
}
