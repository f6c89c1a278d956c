// The charts of bench/plots: which figures stand together in one.

import { chart, type Panel } from './plot.js'
import { type Column, probes } from './probes/index.js'
import type { RigRow } from './rig.js'

interface Chart {
  readonly file: string
  readonly title: string
  /** Columns of probes, a panel each. */
  readonly columns: readonly string[]
}

export const charts: readonly Chart[] = [
  { file: 'tcp', title: 'TCP, tenant to tenant', columns: ['tcp1', 'tcp4', 'reno1', 'reno4'] },
  {
    file: 'framed',
    title: 'TCP over a wire held to MTU frames',
    columns: ['framedGro', 'framedNoGro'],
  },
  { file: 'packets', title: '64-byte frames through two hosts', columns: ['mpps', 'noDrop'] },
  { file: 'one-host', title: '64-byte frames through one host', columns: ['encap', 'decap'] },
  {
    file: 'rtt',
    title: 'Round trips (less is better)',
    columns: ['rttApart50', 'rttTogether50', 'rttFree50', 'rttIdle50'],
  },
  { file: 'idle', title: 'Idle, eight ports (less is better)', columns: ['idleOwn', 'memory'] },
]

const columns: Readonly<Record<string, Column>> = Object.assign(
  {},
  ...probes.map((probe) => probe.columns),
)

/** An SVG per chart that this run has figures for, by file name. */
export function draw(rows: readonly RigRow[], note: string): Record<string, string> {
  const drawn: Record<string, string> = {}
  for (const { file, title, columns: keys } of charts) {
    const panels = keys
      .map((key): Panel => {
        const { label, unit } = columns[key]!
        return { title: label.replace(`, ${unit}`, ''), unit, bars: bars(rows, key) }
      })
      .filter((panel) => panel.bars.length > 0)
    if (panels.length > 0) drawn[`${file}.svg`] = chart(title, panels, note)
  }
  return drawn
}

const bars = (rows: readonly RigRow[], key: string) =>
  rows.flatMap(({ device, kind, figures }) => {
    const values = figures[key] ?? []
    return values.length > 0 ? [{ label: device, kind, values }] : []
  })
