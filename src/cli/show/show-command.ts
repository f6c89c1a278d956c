// The shape of a command of `vtep show`.

import type { StateReader } from '../../host/views/index.js'
import { CommandFailure, exitCode } from '../context.js'

/** Rows of a view, as the API gives them. */
export type Ask = <V extends keyof StateReader>(
  view: V,
  query?: Readonly<Record<string, string>>,
) => Promise<ReturnType<StateReader[V]>>

export interface Answer {
  readonly json: unknown
  /** Without the last line's end. */
  readonly text: string
}

export interface ShowCommand {
  /** After `show`; <name> stands for a value. */
  readonly words: string
  readonly summary: string
  run(ask: Ask, values: Readonly<Record<string, string>>): Promise<Answer>
}

/** The network with a VNI. Throws CommandFailure where there is none. */
export function ofVni<Row extends { readonly vni: number }>(
  rows: readonly Row[],
  vni: string,
): Row {
  const found = rows.find((row) => `${row.vni}` === vni)
  if (found !== undefined) return found
  const known = rows.map((row) => row.vni).join(', ') || 'none'
  throw new CommandFailure(
    exitCode.failed,
    `show: expected a VNI of this host (${known}), got ${JSON.stringify(vni)}`,
  )
}

/** Text in columns of fixed widths, as FRR prints them; a negative width stands right. */
export function columns(widths: readonly number[], cells: readonly (string | number)[]): string {
  return cells
    .map((cell, i) => {
      const width = widths[i]!
      return width < 0 ? `${cell}`.padStart(-width) : `${cell}`.padEnd(width)
    })
    .join(' ')
    .trimEnd()
}

/** "00:01:30", "1d02h03m" or "never", as every BGP summary has it. */
export function uptime(seconds: number): string {
  if (seconds === 0) return 'never'
  const two = (value: number): string => `${Math.floor(value)}`.padStart(2, '0')
  const [days, hours, minutes] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60]
  if (days < 1) return [hours, minutes, seconds % 60].map(two).join(':')
  if (days < 7) return `${Math.floor(days)}d${two(hours)}h${two(minutes)}m`
  return `${two(days / 7)}w${Math.floor(days % 7)}d${two(hours)}h`
}
