// What the dataplane really has of the MAC, against what the routes say that it should have.

import { isAsWanted, type MacRow, type MacState } from '../../../fib/index.js'
import { type Link, ok } from '../link.js'
import { portName, type Subject } from '../subject.js'

export const row: Link = {
  name: 'table',
  look(subject) {
    const { wantedRow, row: is, account, source, mac } = subject
    if (subject.kind !== 'host' && is === undefined) return undefined
    if (mac === undefined) return undefined
    const wanted = wantedRow === undefined ? undefined : placeOf(subject, wantedRow)
    const there = is === undefined ? undefined : placeOf(subject, is)
    const evidence = { wanted: wanted ?? null, row: there ?? null, ...(is === undefined ? {} : is) }
    // What is frozen is left as it is.
    if (account?.isFrozen === true) return ok(`frozen as it was: ${there ?? 'no row'}`, evidence)
    if (isAsWanted(wantedRow, is)) {
      const isLearned = wantedRow === undefined && account?.local !== undefined
      if (is === undefined && isLearned)
        return differs(subject, evidence, 'no row', 'a learned one')
      if (is === undefined) return undefined
      return ok(
        `the dataplane has it: ${there}${is.origin === 'local' && !is.static ? `, seen ${is.ageSeconds} s ago` : ''}`,
        evidence,
      )
    }
    if (source.evpn.isAdopting) {
      const text = `after a restart, not confirmed yet: the dataplane has ${there ?? 'no row'}, the routes want ${wanted ?? 'none'}`
      return { status: 'warning', text, evidence }
    }
    return differs(subject, evidence, there ?? 'no row', wanted ?? 'none')
  },
}

function differs({ mac, source }: Subject, evidence: object, is: string, wanted: string) {
  const { rounds, repaired } = source.audit
  return {
    status: 'broken',
    code: 'controllerDataplaneDiffer',
    text: `the dataplane has ${is} for ${mac}, the controller wants ${wanted}`,
    evidence: { ...evidence, auditRounds: rounds, repaired },
    fix: 'the audit repairs it within seconds (vtep events --kind repaired); if it stays: vtep reload, and report it with vtep run --record',
  } as const
}

function placeOf(subject: Subject, row: MacRow | MacState): string {
  const kind = 'op' in row ? undefined : row.origin
  const { port, remote, esi } = row as Partial<MacState>
  const whose = kind === undefined ? '' : `${kind} `
  if (port !== undefined) return `${whose}row on ${portName(subject, port)}`
  return `${whose}row behind ${esi === undefined ? `VTEP ${remote}` : `segment ${esi}`}`
}
