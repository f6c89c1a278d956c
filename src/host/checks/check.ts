// One named check: what is as it should be, and what was found where it is not.

import type { PacketPath } from '../packet-path.js'
import type { Probe } from '../probe/index.js'
import type { StateSource } from '../state/source.js'
import type { Machine } from './machine.js'

export interface Finding {
  readonly severity: 'warning' | 'error'
  /** What was seen, with numbers. */
  readonly evidence: string
  /** The command, or the line of the configuration, that mends it; null: nobody has to do anything. */
  readonly fix: string | null
  /** The one that it is about, of several: a peer, VTEP or port. */
  readonly about?: string
}

/** Findings; what is well, in words; or why nobody can tell. */
export type Outcome = readonly Finding[] | { readonly ok: string } | { readonly skipped: string }

interface Named {
  /** Stable: scripts and alerts know it. */
  readonly code: string
  /** What is as it should be, where it is. */
  readonly title: string
  readonly group: Group
  /**
   * Codes of what is only a symptom of this one, "*" for all. A finding about one of several hides those about the same
   * one, and those about nothing in particular.
   */
  readonly hides?: readonly string[]
}

export const groups = ['dataplane', 'underlay', 'bgp', 'evpn', 'ports', 'offloads', 'host'] as const
export type Group = (typeof groups)[number]

/** Costs next to nothing: `status` shows it at any time, as health. */
export interface QuickCheck extends Named {
  look(source: StateSource): Outcome
}

/** Asks others, or takes its time: only `doctor` does so. */
export interface DeepCheck extends Named {
  ask(around: Around): Promise<Outcome>
}

export type Check = QuickCheck | DeepCheck

/** What a deep check may use. */
export interface Around {
  readonly source: StateSource
  readonly path: Pick<PacketPath, 'settled' | 'table' | 'readAside' | 'up' | 'processId'>
  readonly probe: Probe
  readonly machine: Machine
  /** Frames dropped for a reason within a second that all checks share. */
  readonly dropsPerSecond: (reason: string) => Promise<number>
  readonly signal: AbortSignal
}

export const warning = (evidence: string, fix: string | null, about?: string): Finding => ({
  severity: 'warning',
  evidence,
  fix,
  ...(about === undefined ? {} : { about }),
})

export const error = (evidence: string, fix: string | null, about?: string): Finding => ({
  ...warning(evidence, fix, about),
  severity: 'error',
})

/** Of one check: a guest can bring about thousands. */
const MOST_FINDINGS = 32

/** The findings, those beyond 32 as one, or what is well where there are none. */
export function found(findings: readonly Finding[], ok: string): Outcome {
  if (findings.length === 0) return { ok }
  if (findings.length <= MOST_FINDINGS) return findings
  const [first, rest] = [findings.slice(0, MOST_FINDINGS), findings.slice(MOST_FINDINGS)]
  const severity = rest.some((one) => one.severity === 'error') ? 'error' : 'warning'
  return [...first, { severity, evidence: `and ${rest.length} more like these`, fix: null }]
}

/** "3 peers", "1 peer". */
export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`
