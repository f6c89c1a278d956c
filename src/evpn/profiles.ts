// What route targets a network has when nobody says: what the switches of a fabric derive by themselves, so that a
// host finds them and they find it. A profile is one row. Route distinguishers are alike in all of them, type 1,
// "router ID:number" (RFC 7432 section 7.9): the only form that every vendor takes, and nobody compares the number.

import type { RouteTarget } from '../net/index.js'
import { derivedExportTarget, derivedImportTarget, ImportIndex } from './route-targets.js'

interface Row {
  /** What is derived, for people. */
  readonly summary: string
  exported(asn: number, vni: number): RouteTarget
  /** Patterns; "*:number" is that number under any administrator. */
  imported(asn: number, vni: number): readonly string[]
}

const AS_TRANS = 23456

/** RFC 8365 section 5.1.2.1: A = 0 (derived), type 1 (VXLAN), D-ID 0, and the VNI as service ID. */
const RFC8365_VXLAN = 0x1000_0000

const isFourOctet = (asn: number): boolean => asn > 0xffff

/** Adding a profile is one row here. */
const rows = {
  frr: {
    summary: 'AS:VNI, the low 16 bits of a four-octet AS; imports any AS with the VNI',
    exported: derivedExportTarget,
    imported: (_, vni) => [derivedImportTarget(vni)],
  },
  arista: {
    summary: 'AS:VNI, the whole four-octet AS with the low 16 bits of the VNI',
    exported: (asn, vni) => `${asn}:${isFourOctet(asn) ? vni & 0xffff : vni}`,
    // A pattern would take 16 bits for all 24: a large VNI under a four-octet AS is imported by its own AS only.
    imported: (asn, vni) =>
      isFourOctet(asn) && vni > 0xffff
        ? [derivedImportTarget(vni), `${asn}:${vni & 0xffff}`]
        : [derivedImportTarget(vni)],
  },
  nxos: {
    summary: 'AS:VNI, AS 23456 in the place of a four-octet AS; imports any AS with the VNI',
    exported: (asn, vni) => `${isFourOctet(asn) ? AS_TRANS : asn}:${vni}`,
    imported: (_, vni) => [derivedImportTarget(vni)],
  },
  junos: {
    summary: 'as rfc8365; also imports AS:VNI, which is what vni-options are given by hand',
    exported: rfc8365Target,
    imported: (_, vni) => [derivedImportTarget(RFC8365_VXLAN + vni), derivedImportTarget(vni)],
  },
  rfc8365: {
    summary:
      'AS:0x10000000+VNI, the low 16 bits of a four-octet AS; imports any AS with that number',
    exported: rfc8365Target,
    imported: (_, vni) => [derivedImportTarget(RFC8365_VXLAN + vni)],
  },
} as const satisfies Readonly<Record<string, Row>>

export type Profile = keyof typeof rows

export const profiles: Readonly<Record<Profile, Row>> = rows

/** A profile by which a network would import a target, if there is one. */
export function profileFor(asn: number, vni: number, target: RouteTarget): Profile | undefined {
  const names = Object.keys(profiles) as Profile[]
  return names.find((name) => {
    const index = new ImportIndex<true>()
    index.add(true, profiles[name].imported(asn, vni))
    return index.importers([target]).length > 0
  })
}

/** How route targets are derived: after whom, and from which AS number. */
export interface Derivation {
  readonly profile: Profile
  readonly asn: number
}

/** FRR's `autort rfc8365-compatible` cuts a four-octet AS, which the RFC does not provide for, in the same way. */
function rfc8365Target(asn: number, vni: number): RouteTarget {
  return derivedExportTarget(asn, RFC8365_VXLAN + vni)
}
