// Address families: AFI and SAFI as one word (RFC 4760 section 3).

import { afi, safi } from './iana.js'

/** A family whose NLRI we can read. */
export type KnownFamily = 'evpn' | 'ipv4' | 'ipv6' | 'rtc'

/** Any other family, "AFI/SAFI" in decimal: kept as octets. */
export type OtherFamily = `${number}/${number}`

/** `ipv4` and `ipv6` are unicast; `rtc` is who wants which route targets (RFC 4684). */
export type Family = KnownFamily | OtherFamily

/** AFI and SAFI as capabilities, MP_REACH_NLRI and ROUTE-REFRESH carry them. */
export interface AfiSafi {
  readonly afi: number
  readonly safi: number
}

const known: { readonly [K in KnownFamily]: AfiSafi } = {
  evpn: { afi: afi.l2vpn, safi: safi.evpn },
  ipv4: { afi: afi.ipv4, safi: safi.unicast },
  ipv6: { afi: afi.ipv6, safi: safi.unicast },
  rtc: { afi: afi.ipv4, safi: safi.routeTarget },
}

const names = new Map(
  Object.entries(known).map(([name, n]) => [`${n.afi}/${n.safi}`, name as KnownFamily]),
)

/** The families that can be decoded. */
export const knownFamilies = Object.keys(known) as readonly KnownFamily[]

/** The word for AFI and SAFI: "evpn" for 25 and 70, "1/128" for what has no name here. */
export function familyOf(numbers: AfiSafi): Family {
  const pair: OtherFamily = `${numbers.afi}/${numbers.safi}`
  return names.get(pair) ?? pair
}

/** The inverse of familyOf. */
export function afiSafiOf(family: Family): AfiSafi {
  if (isKnownFamily(family)) return known[family]
  const [afiText, safiText] = family.split('/')
  return { afi: Number(afiText), safi: Number(safiText) }
}

/** True when the family's NLRI can be read. */
export function isKnownFamily(family: Family): family is KnownFamily {
  return Object.hasOwn(known, family)
}
