// The tables of bench/README.md, between marks, from one run.

import { readFileSync, writeFileSync } from 'node:fs'
import { marksOf } from './limits.js'
import type { Probe } from './probes/index.js'
import { type Figure, formatValues, median, percentile, type Result, short } from './result.js'
import type { RigRow } from './rig.js'
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

/** A column for each speaker, and how we compare with FRR. */
export function scaleTable(rows: readonly ScaleRow[]): string {
  const speakers = [...new Set(rows.map(({ speaker }) => speaker))]
  const figures = [...new Set(rows.map(({ figure }) => figure))]
  const body = figures.map((figure) => {
    const valuesOf = (speaker: string): readonly number[] =>
      rows.find((one) => one.figure === figure && one.speaker === speaker)?.values ?? []
    const { unit } = rows.find((one) => one.figure === figure)!
    const [ours, theirs] = [valuesOf('vtep'), valuesOf('FRR')]
    const ratio = theirs.length > 0 ? `${short(median(theirs) / median(ours))} ×` : '-'
    return [figure, unit, ...speakers.map((speaker) => formatValues(valuesOf(speaker))), ratio]
  })
  return table(['figure', 'unit', ...speakers, 'FRR / vtep'], body)
}

export function microTable(results: readonly Result[]): string {
  const body = results.flatMap(({ name, figures }) =>
    figures.map(({ what, unit, values }) => [name, what, formatValues(values), unit]),
  )
  return table(['benchmark', 'what', 'median [range]', 'unit'], body)
}
