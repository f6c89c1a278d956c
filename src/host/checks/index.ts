// Everything that is looked at, as one table: `status.health` is the quick ones' findings, `doctor` all of it. A cause
// hides its symptoms.

import { setTimeout as sleep } from 'node:timers/promises'
import type { StateSource } from '../state/source.js'
import type { DoctorCheck, DoctorView, HealthView } from '../views/index.js'
import { bgpChecks } from './bgp.js'
import type { Around, Check, Finding, Outcome } from './check.js'
import { dataplaneChecks } from './dataplane.js'
import { evpnChecks } from './evpn.js'
import { hostChecks } from './host.js'
import { offloadChecks } from './offloads.js'
import { portChecks } from './ports.js'
import { underlayChecks } from './underlay.js'

export { type Machine, thisMachine } from './machine.js'

/** Adding a check is one row in the table of its group. Causes stand before their symptoms. */
export const checks: readonly Check[] = [
  ...dataplaneChecks,
  ...underlayChecks,
  ...bgpChecks,
  ...evpnChecks,
  ...portChecks,
  ...offloadChecks,
  ...hostChecks,
]

interface Seen {
  readonly check: Check
  readonly outcome: Outcome
}

/** A finding, and the code of what it is a symptom of. */
interface Judged {
  readonly check: Check
  readonly finding: Finding
  readonly hiddenBy: string | undefined
}

/** What is not as it should be, but for symptoms; empty is good. */
export function health(source: StateSource): HealthView[] {
  const seen = checks.flatMap((check) =>
    'look' in check ? [{ check, outcome: check.look(source) }] : [],
  )
  return judge(seen)
    .filter(({ hiddenBy }) => hiddenBy === undefined)
    .map(({ check, finding }) => {
      const { severity, evidence, fix } = finding
      return { code: check.code, severity, text: fix === null ? evidence : `${evidence}; ${fix}` }
    })
}

/** Looks at everything, and asks who can be asked. */
export async function examine(
  around: Omit<Around, 'dropsPerSecond'>,
  now: number,
): Promise<DoctorView> {
  const context = { ...around, dropsPerSecond: dropsIn(around) }
  const seen = await Promise.all(checks.map((check) => look(check, context)))
  const judged = judge(seen)
  const rows = seen.flatMap(({ check, outcome }) => {
    if (!isFindings(outcome)) return [quiet(check, outcome)]
    return judged.filter((one) => one.check === check).map(loud)
  })
  const ok = rows.every(({ status }) => status === 'ok' || status === 'skipped')
  return { checks: rows, ok, time: new Date(now).toISOString() }
}

async function look(check: Check, around: Around): Promise<Seen> {
  if ('look' in check) return { check, outcome: check.look(around.source) }
  if (around.source.uplink === undefined)
    return { check, outcome: { skipped: 'no dataplane runs' } }
  try {
    return { check, outcome: await check.ask(around) }
  } catch (error) {
    around.signal.throwIfAborted()
    // A dataplane that goes away in the middle is found by its own check.
    return { check, outcome: { skipped: (error as Error).message } }
  }
}

const isFindings = (outcome: Outcome): outcome is readonly Finding[] => Array.isArray(outcome)

/** In the order of the table: what is hidden itself hides nothing. */
function judge(seen: readonly Seen[]): Judged[] {
  const judged: Judged[] = []
  for (const { check, outcome } of seen) {
    if (!isFindings(outcome)) continue
    for (const finding of outcome) {
      const cause = judged.find((one) => one.hiddenBy === undefined && hides(one, check, finding))
      judged.push({ check, finding, hiddenBy: cause?.check.code })
    }
  }
  // A cause may stand behind its symptom.
  return judged.map((one) => {
    const cause = judged.find(
      (other) => other.hiddenBy === undefined && hides(other, one.check, one.finding),
    )
    return { ...one, hiddenBy: cause?.check.code }
  })
}

function hides({ check, finding }: Judged, symptom: Check, other: Finding): boolean {
  const codes = check.hides ?? []
  if (check === symptom || !(codes.includes('*') || codes.includes(symptom.code))) return false
  return finding.about === undefined || other.about === undefined || finding.about === other.about
}

function quiet(
  { code, title, group }: Check,
  outcome: { readonly ok: string } | { readonly skipped: string },
): DoctorCheck {
  const [status, evidence] =
    'ok' in outcome ? (['ok', outcome.ok] as const) : (['skipped', outcome.skipped] as const)
  return { code, title, group, status, evidence, fix: null, hiddenBy: null }
}

function loud({ check, finding, hiddenBy }: Judged): DoctorCheck {
  const { code, title, group } = check
  const { severity: status, evidence, fix } = finding
  return { code, title, group, status, evidence, fix, hiddenBy: hiddenBy ?? null }
}

/** One second is looked at, for all checks that ask. */
function dropsIn({ source, signal }: Pick<Around, 'source' | 'signal'>) {
  const before = source.counters()?.drops ?? {}
  let window: Promise<Readonly<Record<string, number>>> | undefined
  return async (reason: string): Promise<number> => {
    window ??= sleep(1000, undefined, { signal }).then(() => source.counters()?.drops ?? {})
    const after = await window
    return Math.max(0, (after[reason] ?? 0) - (before[reason] ?? 0))
  }
}
