// Roles of two ASes in their session, and the mark that a route must go to customers only (RFC 9234): what keeps a leak
// from being made, and finds one that somebody else has made. It concerns unicast over eBGP (section 5).

import { iana, type PathAttributes } from '../wire/index.js'
import type { Role, SessionFamily } from './settings.js'

/** What each of them is to the other; ours is the first. */
const counterparts: { readonly [R in Role]: Role } = {
  provider: 'customer',
  customer: 'provider',
  rs: 'rsClient',
  rsClient: 'rs',
  peer: 'peer',
}

/** The value of the capability. */
export function roleCode(role: Role): number {
  return iana.bgpRole[role]
}

/** Why the peer's roles, as its OPEN has them, do not go with ours; undefined when they do. */
export function roleMismatch(
  own: Role,
  isStrict: boolean,
  theirs: readonly number[],
): string | undefined {
  const wanted = counterparts[own]
  const names = theirs.map((code) => nameOf(code) ?? String(code))
  const distinct = new Set(names)
  if (distinct.size === 0) return isStrict ? `expected role ${wanted}, got none` : undefined
  if (distinct.size === 1 && distinct.has(wanted)) return undefined
  return `expected role ${wanted}, got ${[...distinct].join(' and ')}`
}

function nameOf(code: number): Role | undefined {
  const roles = Object.keys(counterparts) as Role[]
  return roles.find((role) => roleCode(role) === code)
}

function concerns(role: Role | undefined, family: SessionFamily): role is Role {
  return role !== undefined && (family === 'ipv4' || family === 'ipv6')
}

/** Who sends to us is above us or beside us: what it sends goes down from here, or nowhere. */
const fromAbove: readonly Role[] = ['customer', 'peer', 'rsClient']
/** And who we send to is below us or beside us. */
const toBelow: readonly Role[] = ['provider', 'peer', 'rs']

/** Why a route is a leak (section 5, ingress 1 and 2). */
export function leakOf(
  { onlyToCustomer }: PathAttributes,
  family: SessionFamily,
  role: Role | undefined,
  peerAsn: number,
): string | undefined {
  if (!concerns(role, family) || onlyToCustomer === undefined) return undefined
  if (role === 'provider' || role === 'rs')
    return `leak: AS ${onlyToCustomer} gave it to customers only`
  if (role === 'peer' && onlyToCustomer !== peerAsn)
    return `leak: it is AS ${onlyToCustomer}'s to give`
  return undefined
}

/** With the mark that it gets here (section 5, ingress 3). */
export function markedIn(
  attributes: PathAttributes,
  family: SessionFamily,
  role: Role | undefined,
  peerAsn: number,
): PathAttributes {
  const needs = concerns(role, family) && fromAbove.includes(role)
  if (!needs || attributes.onlyToCustomer !== undefined) return attributes
  return { ...attributes, onlyToCustomer: peerAsn }
}

/** With the mark that it needs there, or undefined when it must not go there (section 5, egress). */
export function markedOut(
  attributes: PathAttributes,
  family: SessionFamily,
  role: Role | undefined,
  ownAsn: number,
): PathAttributes | undefined {
  if (!concerns(role, family)) return attributes
  if (attributes.onlyToCustomer !== undefined)
    return fromAbove.includes(role) ? undefined : attributes
  return toBelow.includes(role) ? { ...attributes, onlyToCustomer: ownAsn } : attributes
}
