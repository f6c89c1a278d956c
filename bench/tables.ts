// The tables of bench/README.md, between marks, from one run.

import { readFileSync, writeFileSync } from 'node:fs'
import { marksOf } from './limits.js'
import type { Probe } from './probes/index.js'
import { type Figure, formatValues, median, percentile, type Result, short } from './result.js'
import type { RigRow } from './rig.js'
import { scaleGoals } from './scale/goals.js'
import type { ScaleRow } from './scale/index.js'

/** Replaces what stands between <!-- name --> and <!-- /name -->. */
export function writeTable(file: string, name: string, table: string): void {
  const text = readFileSync(file, 'utf8')
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [start, end] = [text.indexOf(open), text.indexOf(close)]
  if (start < 0 || end < start) throw new Error(`${file}: expected ${open} and ${close}`)
  writeFileSync(file, `${text.slice(0, start + open.length)}\n${table}\n${text.slice(end)}`)
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')

/** Undefined when no device has a value of this probe. */
export function probeTable(probe: Probe, rows: readonly RigRow[]): string | undefined {
  const columns = Object.entries(probe.columns)
  const measured = rows.filter(({ figures }) => columns.some(([key]) => figures[key] !== undefined))
  if (measured.length === 0) return undefined
  const body = measured.map((one) => [
    one.device,
    ...columns.map(([key, column]) =>
      `${formatValues(one.figures[key] ?? [])} ${marksOf(key, column, one, rows)}`.trimEnd(),
    ),
  ])
  const head = ['device', ...columns.map(([, { label }]) => label)]
  return [`### ${probe.title}`, '', probe.note, '', table(head, body)].join('\n')
}

export function learnTable(figures: readonly Figure[]): string {
  const body = figures.map(({ what, values }) => [
    what,
    `${values.length}`,
    short(percentile(values, 0.5)),
    short(percentile(values, 0.99)),
    short(Math.max(...values)),
  ])
  return table(['frame at → entry at', 'MACs', 'p50, ms', 'p99, ms', 'max, ms'], body)
}

export function plugTable(figures: readonly Figure[]): string {
  const body = figures.map(({ what, values }) => [
    what,
    `${values.length}`,
    short(median(values)),
    short(percentile(values, 0.9)),
  ])
  return table(['call', 'calls', 'median, ms', 'p90, ms'], body)
}

export function observeTable(figures: readonly Figure[]): string {
  const body = figures.map(({ what, unit, values }) => [
    what,
    `${values.length}`,
    `${formatValues(values)} ${unit}`,
  ])
  return table(['forwarding', 'turns', 'median'], body)
}

/** A column for each speaker, how we compare with FRR, and what is to be reached. */
export function scaleTable(rows: readonly ScaleRow[]): string {
  const speakers = [...new Set(rows.map(({ speaker }) => speaker))]
  const figures = [...new Set(rows.map(({ figure }) => figure))]
  const body = figures.map((figure) => {
    const valuesOf = (speaker: string): readonly number[] =>
      rows.find((one) => one.figure === figure && one.speaker === speaker)?.values ?? []
    const { unit } = rows.find((one) => one.figure === figure)!
    const [ours, theirs] = [valuesOf('vtep'), valuesOf('FRR')]
    const ratio = theirs.length > 0 ? median(theirs) / median(ours) : undefined
    const values = speakers.map((speaker) => formatValues(valuesOf(speaker)))
    const times = ratio === undefined ? '-' : `${short(ratio)} ×`
    return [figure, unit, ...values, times, ...reachedCells(figure, median(ours), ratio)]
  })
  const head = ['figure', 'unit', ...speakers, 'FRR / vtep', 'floor', 'aim', 'reached']
  return table(head, body)
}

function reachedCells(figure: string, ours: number, ratio: number | undefined): string[] {
  const goal = scaleGoals[figure]
  if (goal === undefined) return ['-', '-', '-']
  const { floor, aim, ahead } = goal
  const passes = (limit: number): boolean =>
    ahead === true ? (ratio ?? 0) >= limit : ours <= limit
  const text = (limit: number): string => (ahead === true ? `≥ ${limit} ×` : `≤ ${limit}`)
  return [text(floor), text(aim), passes(aim) ? 'aim' : passes(floor) ? 'floor' : 'below']
}

export function microTable(results: readonly Result[]): string {
  const body = results.flatMap(({ name, figures }) =>
    figures.map(({ what, unit, values }) => [name, what, formatValues(values), unit]),
  )
  return table(['benchmark', 'what', 'median [range]', 'unit'], body)
}
