// Figure by figure: the best rival, our best, the ratio, and what was wanted.

import { type Goal, goals, type MicroGoal, microGoals } from './goals.js'
import { marksOf } from './limits.js'
import { type Column, probes } from './probes/index.js'
import { type Figure, formatFigure, formatValues, median, type Result, short } from './result.js'
import type { RigRow } from './rig.js'
import { table } from './tables.js'

interface Best {
  readonly row: RigRow
  readonly values: readonly number[]
}

const columns: Readonly<Record<string, Column>> = Object.assign(
  {},
  ...probes.map((probe) => probe.columns),
)

/** Of the rows that have the figure, the one with the best median. */
function best(rows: readonly RigRow[], key: string, better: Column['better']): Best | undefined {
  const sign = better === 'more' ? -1 : 1
  return rows
    .map((row) => ({ row, values: row.figures[key] ?? [] }))
    .filter(({ values }) => values.length > 0)
    .sort((a, b) => sign * (median(a.values) - median(b.values)))[0]
}

function verdict(
  value: number,
  goal: Pick<Goal, 'floor' | 'aim'>,
  better: Column['better'],
): string {
  const reaches = (limit: number): boolean => (better === 'more' ? value >= limit : value <= limit)
  if (goal.aim !== undefined && reaches(goal.aim)) return 'aim'
  return reaches(goal.floor) ? 'floor' : 'below'
}

/** Undefined when the run has not measured both sides. */
export function judge(goal: Goal, rows: readonly RigRow[]): string[] | undefined {
  const column = columns[goal.column]!
  const { against } = goal
  const ours = best(
    rows.filter((row) => row.kind === 'ours' && goal.ours(row)),
    goal.column,
    column.better,
  )
  const rival =
    against === undefined
      ? undefined
      : best(
          rows.filter((row) => row.kind === 'rival' && against(row)),
          goal.column,
          column.better,
        )
  if (ours === undefined || (against !== undefined && rival === undefined)) return undefined
  const value = median(ours.values) / (rival === undefined ? 1 : median(rival.values))
  const limit = (of: number | undefined): string =>
    of === undefined
      ? '-'
      : `${column.better === 'more' ? '≥' : '≤'} ${short(of)}${against === undefined ? ` ${column.unit}` : ' ×'}`
  const said = ({ row, values }: Best): string =>
    `${row.device}: ${formatValues(values)} ${column.unit} ${marksOf(goal.column, column, row, rows)}`.trimEnd()
  return [
    goal.figure,
    rival === undefined ? '-' : said(rival),
    said(ours),
    rival === undefined ? '-' : `${short(value)} ×`,
    limit(goal.floor),
    limit(goal.aim),
    verdict(value, goal, column.better),
  ]
}

/** A row per figure of a micro-benchmark that the goal is about. */
function judgeMicro(goal: MicroGoal, results: readonly Result[]): string[][] {
  const figures = results
    .filter(({ name }) => name === goal.benchmark)
    .flatMap((result) => result.figures)
  const said = (what: string): string => {
    const figure: Figure | undefined = figures.find((one) => one.what === what)
    return figure === undefined ? '-' : formatFigure(figure)
  }
  return figures.flatMap(({ what, values }) => {
    const base = goal.what.exec(what)?.[1]
    if (base === undefined) return []
    const value = median(values)
    return [
      [
        `${goal.benchmark}: ${what}`,
        said(`${base}${goal.rival}`),
        said(`${base}${goal.ours}`),
        `${short(value)} ×`,
        `≤ ${goal.floor} ×`,
        goal.aim === undefined ? '-' : `≤ ${goal.aim} ×`,
        verdict(value, goal, 'less'),
      ],
    ]
  })
}

export function summaryTable(
  rows: readonly RigRow[],
  micro: readonly Result[] = [],
): string | undefined {
  const body = [
    ...goals.map((goal) => judge(goal, rows)).filter((row) => row !== undefined),
    ...microGoals.flatMap((goal) => judgeMicro(goal, micro)),
  ]
  if (body.length === 0) return undefined
  return table(['figure', 'best rival', 'our best', 'ratio', 'floor', 'aim', 'reached'], body)
}
