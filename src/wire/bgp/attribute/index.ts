// The registry of path attributes, and the value they make together. The loop over them is in decode.ts and
// encode.ts beside this file.

import { aggregator } from './aggregator.js'
import { asPath } from './as-path.js'
import { as4Aggregator } from './as4-aggregator.js'
import { as4Path } from './as4-path.js'
import { atomicAggregate } from './atomic-aggregate.js'
import type { AttributeValueOf } from './attribute.js'
import { clusterList } from './cluster-list.js'
import { communities } from './communities.js'
import { extendedCommunities } from './extended-communities.js'
import { ipv6ExtendedCommunities } from './ipv6-extended-communities.js'
import { largeCommunities } from './large-communities.js'
import { localPref } from './local-pref.js'
import { med } from './med.js'
import { mpReach } from './mp-reach.js'
import { mpUnreach } from './mp-unreach.js'
import { nextHop } from './next-hop.js'
import { onlyToCustomer } from './only-to-customer.js'
import { origin } from './origin.js'
import { originatorId } from './originator-id.js'
import { pmsiTunnel } from './pmsi-tunnel.js'

/** In the order they are sent. Adding an attribute is its file and one line here. */
export const attributeTypes = [
  // "An UPDATE message SHOULD have the MP attributes first" (RFC 7606 section 5.1).
  mpReach,
  mpUnreach,
  origin,
  asPath,
  nextHop,
  med,
  localPref,
  atomicAggregate,
  aggregator,
  communities,
  originatorId,
  clusterList,
  extendedCommunities,
  as4Path,
  as4Aggregator,
  pmsiTunnel,
  ipv6ExtendedCommunities,
  largeCommunities,
  onlyToCustomer,
] as const

/** An attribute without a row. Transitive ones are passed on with the Partial bit (RFC 4271 section 5). */
export interface UnknownAttribute {
  readonly code: number
  readonly flags: number
  readonly value: Uint8Array
}

/** Type code and flags of an attribute as its sender wrote them. */
export interface AttributeHeader {
  readonly code: number
  readonly flags: number
}

type Row = (typeof attributeTypes)[number]

/** One property for each attribute that is there. */
export type PathAttributes = {
  readonly [R in Row as R['name']]?: AttributeValueOf<R>
} & {
  readonly unknown?: readonly UnknownAttribute[]
  /**
   * Order and flags as received. Encoding follows it, so a message that is passed on unchanged keeps its octets;
   * attributes it does not list come after in registry order, those that are gone are left out. Drop it to get the
   * registry's order and flags.
   */
  readonly asReceived?: readonly AttributeHeader[]
}

export type AttributeName = Row['name']
export type { Aggregator } from './aggregator.js'
export type { AsPath, AsPathSegment } from './as-path.js'
export { formatCommunity } from './communities.js'
export type { LargeCommunity } from './large-communities.js'
export type { MpNextHop } from './mp-next-hop.js'
export type { MpReach, MpReachOf, MpReachRaw } from './mp-reach.js'
export type { MpUnreach, MpUnreachOf } from './mp-unreach.js'
export type { Origin } from './origin.js'
export type { PmsiTunnel } from './pmsi-tunnel.js'
