// The leaf's side of this host: what a switch needs to be told, in its own words, and what is known to go wrong.

import type { Config } from '../config/schema.js'
import { type FabricOptions, type Live, leafFacts } from './facts.js'
import type { FabricFinding } from './finding.js'
import { lint } from './rules.js'
import type { Section, Traits, Verification } from './traits.js'
import { type VendorName, vendors } from './vendors/index.js'

export { type FabricOptions, type Live, leafCandidates } from './facts.js'
export type { FabricFinding } from './finding.js'
export { type VendorName, vendors } from './vendors/index.js'

export interface FabricConfig {
  readonly vendor: VendorName
  readonly host: { readonly asn: number; readonly vtep: string }
  readonly leaf: { readonly asn: number | null; readonly vtep: string | null }
  readonly findings: readonly FabricFinding[]
  readonly sections: readonly Section[]
  readonly verifications: readonly Verification[]
}

/** `config` has at least one neighbour, and `options.peer` is one of them. */
export function fabricConfig(
  vendor: VendorName,
  config: Config,
  options: FabricOptions,
  live?: Live,
): FabricConfig {
  const { traits, sections, verifications } = vendors[vendor]
  const facts = leafFacts(config, traits, options, live)
  return {
    vendor,
    host: { asn: config.asn, vtep: config.vtep.address },
    leaf: { asn: facts.leafAsn ?? null, vtep: facts.leafVtep ?? null },
    findings: lint(facts, traits),
    sections: sections(facts),
    verifications: verifications(facts),
  }
}

/** All of it as the platform can read it: what is not for it is in comments. */
export function formatFabric(fabric: FabricConfig): string {
  const { traits } = vendors[fabric.vendor]
  const comment = (text: string): string => `${traits.comment} ${text}`.trimEnd()
  const { asn, vtep } = fabric.host
  return [
    comment(`${traits.title}: what the leaf needs for the host with VTEP ${vtep}, AS ${asn}`),
    ...fabric.findings.flatMap((finding) => formatFinding(finding).map(comment)),
    ...fabric.sections.flatMap((section) => formatSection(section, traits)),
    traits.comment,
    comment('verify:'),
    ...fabric.verifications.map(({ command, expect }) => comment(`  ${command}  -> ${expect}`)),
    '',
  ].join('\n')
}

export function formatFinding({ severity, code, where, what, why, fix }: FabricFinding): string[] {
  return [`${severity} ${code}: ${where}: ${what}`, `  why: ${why}`, `  fix: ${fix}`]
}

function formatSection({ name, lines, aside }: Section, { comment }: Traits): string[] {
  if (lines.length === 0) return []
  if (aside === true)
    return [
      comment,
      `${comment} ${name}, in a shell:`,
      ...lines.map((line) => `${comment}   ${line}`),
    ]
  return [comment, ...lines]
}
