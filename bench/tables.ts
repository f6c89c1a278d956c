// The tables of bench/README.md, between marks, from one run.

import { readFileSync, writeFileSync } from 'node:fs'
import { type Figure, formatValues, median, percentile, type Result, short } from './result.js'
import { type RigColumn, type RigRow, rigColumns } from './rig.js'

/** Replaces what stands between <!-- name --> and <!-- /name -->. */
export function writeTable(file: string, name: string, table: string): void {
  const text = readFileSync(file, 'utf8')
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [start, end] = [text.indexOf(open), text.indexOf(close)]
  if (start < 0 || end < start) throw new Error(`${file}: expected ${open} and ${close}`)
  writeFileSync(file, `${text.slice(0, start + open.length)}\n${table}\n${text.slice(end)}`)
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')

export function rigTable(rows: readonly RigRow[]): string {
  const columns = Object.keys(rigColumns) as RigColumn[]
  const baseline = rows[0]
  const ratio = (of: RigRow, column: RigColumn): string => {
    const [ours, theirs] = [of.figures[column], baseline?.figures[column] ?? []]
    return ours.length > 0 && theirs.length > 0
      ? `${(median(ours) / median(theirs)).toFixed(2)} ×`
      : '-'
  }
  const head = [
    'device',
    ...columns.map((column) => rigColumns[column]),
    `TCP 1 to ${baseline?.device}`,
  ]
  const body = rows.map((one) => [
    one.device,
    ...columns.map((column) => formatValues(one.figures[column])),
    ratio(one, 'tcp1'),
  ])
  const legend = rows.map(({ device, summary }) => `- ${device}: ${summary}`)
  return [table(head, body), '', ...legend].join('\n')
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

export function microTable(results: readonly Result[]): string {
  const body = results.flatMap(({ name, figures }) =>
    figures.map(({ what, unit, values }) => [name, what, formatValues(values), unit]),
  )
  return table(['benchmark', 'what', 'median [range]', 'unit'], body)
}
