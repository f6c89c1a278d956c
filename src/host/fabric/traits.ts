// How platforms differ, as far as a host notices. A platform is one file in vendors/ and its line in vendors/index.ts.

import type { Profile } from '../../evpn/index.js'
import type { LeafFacts } from './facts.js'

export interface VlanTraits {
  readonly least: number
  readonly most: number
  /** Ranges that the platform keeps for itself. */
  readonly reserved: readonly (readonly [first: number, last: number])[]
}

export interface Traits {
  /** As people write it. */
  readonly title: string
  /** Begins a comment. */
  readonly comment: '!' | '#'
  /** How a port is called there. */
  readonly portExample: string
  /** EVPN on a session that is named by interface (RFC 8950). */
  readonly unnumbered: boolean
  /** What it derives route targets as, where nobody gives them. */
  readonly profile: Profile
  /** Whether an import by a VNI under any AS is derived, too. */
  readonly importsAnyAsn: boolean
  readonly vnis: { readonly least: number; readonly most: number }
  readonly vlans: VlanTraits
  /** EVPN routes go on over eBGP with the VTEP as next hop without being told. */
  readonly keepsNextHop: boolean
  /** VXLAN between IPv6 addresses. */
  readonly ipv6Vtep: boolean
  /** UDP ports of VXLAN other than 4789. */
  readonly otherUdpPorts: boolean
  /** VLAN-aware bundles: Ethernet tags other than 0. */
  readonly ethernetTags: boolean
  /** TCP-AO (RFC 5925). */
  readonly tcpAo: boolean
  /** Several route targets of one kind without a policy. */
  readonly severalTargets: boolean
  /** Ends sessions over the routes of replicators (RFC 9574). */
  readonly refusesReplicators: boolean
  /** What else is known to go wrong there. */
  readonly caveats: readonly Caveat[]
}

export interface Caveat {
  readonly code: string
  readonly what: string
  readonly why: string
  readonly fix: string
  /** Whether this host meets it. */
  concerns(facts: LeafFacts): boolean
}

/** Lines under a line, to any depth. */
export type Line = string | readonly [string, readonly Line[]]

export interface Section {
  /** One word: what the lines are for. */
  readonly name: string
  readonly lines: readonly string[]
  /** They are typed elsewhere than the others, and are comments among them. */
  readonly aside?: true
}

export interface Verification {
  readonly command: string
  /** What its answer has to show. */
  readonly expect: string
}

export interface Vendor {
  readonly traits: Traits
  sections(facts: LeafFacts): readonly Section[]
  verifications(facts: LeafFacts): readonly Verification[]
}
