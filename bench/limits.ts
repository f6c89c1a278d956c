// Which figures say more of the traffic tools than of the device.

import { direct } from './devices/index.js'
import type { Column } from './probes/index.js'
import { median } from './result.js'
import type { RigRow } from './rig.js'

/** A figure this near to what the tools reach alone may be theirs. */
const near = 0.9
/** Per cent: less is nothing. */
const nothing = 0.1

export const marks = {
  near: '†',
  unsaturated: '‡',
} as const

export const legend = [
  `${marks.near} limited by the generator: within 10 % of what source and sink reach without any device`,
  `${marks.unsaturated} nothing was lost with the source at full speed: the source, which shares its CPU with the work that the kernel does for the device, was the limit`,
]

/** Marks of a figure, or the empty string. */
export function marksOf(key: string, column: Column, row: RigRow, rows: readonly RigRow[]): string {
  const values = row.figures[key] ?? []
  if (column.tools === undefined || row.device === direct.name || values.length === 0) return ''
  const alone = rows.find(({ device }) => device === direct.name)?.figures[key] ?? []
  if (alone.length > 0 && median(values) >= near * median(alone)) return marks.near
  const lost = row.figures[column.tools.loss ?? ''] ?? []
  return lost.length > 0 && median(lost) < nothing ? marks.unsaturated : ''
}
