// What every platform's text is made of.

import { ipFamily } from '../../net/index.js'
import type { LeafFacts, LeafInstance } from './facts.js'
import type { Line } from './traits.js'

/** Stand where the operator has to say more. No platform takes them for a value. */
export const UNKNOWN = { asn: 'LEAF-ASN', vtep: 'LEAF-VTEP', port: 'LEAF-PORT' } as const
/** Stands for a password: that of the configuration belongs on no screen. */
export const SECRET = 'SECRET'

export const leafAsn = ({ leafAsn: asn }: LeafFacts): string => `${asn ?? UNKNOWN.asn}`
export const leafVtep = ({ leafVtep: vtep }: LeafFacts): string => vtep ?? UNKNOWN.vtep
export const leafPort = ({ leafPort: port }: LeafFacts): string => port ?? UNKNOWN.port

/** How the leaf names us: by address, or by its port. */
export const peerName = (facts: LeafFacts): string => facts.session.host ?? leafPort(facts)

/** Hops that the usual fabric has between a host and what it speaks to, with room. */
export const MULTIHOP = 4

/** One word that names this host. */
export const hostTag = ({ config }: LeafFacts): string =>
  `VTEP-${config.vtep.address.replaceAll(/[.:]+/g, '-')}`

export const hostPrefix = ({ config: { vtep } }: LeafFacts): string =>
  `${vtep.address}/${ipFamily(vtep.address) === 4 ? 32 : 128}`

/** The session carries our VTEP address, too. */
export const unicastFamily = ({ session, config }: LeafFacts): 4 | 6 | undefined => {
  const family = ipFamily(config.vtep.address)
  return session.neighbor.families.includes(`ipv${family}`) ? family : undefined
}

/** What the leaf has of ours when it only passes routes on: nothing. */
export const leafNetworks = (facts: LeafFacts) => (facts.isTransit ? [] : facts.networks)
export const leafVrfs = (facts: LeafFacts): readonly LeafInstance[] =>
  facts.isTransit ? [] : facts.vrfs

/** A route distinguisher of the leaf: its address and the VLAN, which are its own. */
export const leafRd = (facts: LeafFacts, { vlan }: LeafInstance): string =>
  `${leafVtep(facts)}:${vlan}`

/** 02:76:74:65:70:01 → 0276.7465.7001. */
export const dottedMac = (mac: string): string =>
  mac.replaceAll(':', '').replaceAll(/(.{4})(?!$)/g, '$1.')

/** The lines if so, else none. */
export const when = (condition: boolean, ...lines: readonly Line[]): readonly Line[] =>
  condition ? lines : []

/** Nested lines as text, `step` blanks deeper each. */
export function indent(lines: readonly Line[], step: number, depth = 0): string[] {
  const margin = ' '.repeat(step * depth)
  return lines.flatMap((line) => {
    if (typeof line === 'string') return [margin + line]
    return [margin + line[0], ...indent(line[1], step, depth + 1)]
  })
}
