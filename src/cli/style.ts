// Colour on terminals only, and the tables people read.

import type { CliContext } from './context.js'

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

export type Style = keyof typeof codes

/** Marks text, or leaves it alone where colour does not belong. */
export type Paint = (style: Style | undefined, text: string) => string

export function painter({ stdout, environment }: CliContext): Paint {
  const colour = stdout.isTTY === true && (environment['NO_COLOR'] ?? '') === ''
  return (style, text) =>
    colour && style !== undefined ? `\u001b[${codes[style]}m${text}\u001b[0m` : text
}

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  /** Numbers stand right. */
  readonly right?: true
  readonly style?: (row: Row) => Style | undefined
}

/** Aligned columns under a heading; nothing but the heading when there are no rows. */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  paint: Paint,
): string {
  const cells = rows.map((row) => columns.map((column) => column.value(row)))
  const widths = columns.map(({ title }, i) =>
    cells.reduce((width, line) => Math.max(width, line[i]!.length), title.length),
  )
  const line = (texts: readonly string[], style: (i: number) => Style | undefined): string =>
    texts
      .map((text, i) => {
        const fill = ' '.repeat(widths[i]! - text.length)
        const painted = paint(style(i), text)
        const last = i === texts.length - 1
        return columns[i]!.right === true ? fill + painted : last ? painted : painted + fill
      })
      .join('  ')
      .trimEnd()
  return [
    line(
      columns.map(({ title }) => title),
      () => 'bold',
    ),
    ...cells.map((texts, r) => line(texts, (i) => columns[i]!.style?.(rows[r]!))),
    '',
  ].join('\n')
}

/** 12345678 → "12.3M": three figures are enough for people, JSON has them all. */
export function formatCount(value: number): string {
  let rest = value
  for (const unit of ['', 'k', 'M', 'G', 'T']) {
    if (rest < 1000) return unit === '' ? String(rest) : `${rest.toPrecision(3)}${unit}`
    rest /= 1000
  }
  return `${rest.toPrecision(3)}P`
}

/** 93784 → "1d02h", as long as two units say enough. */
export function formatDuration(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const [d, h, m, s] = [
    seconds / 86400,
    (seconds / 3600) % 24,
    (seconds / 60) % 60,
    seconds % 60,
  ].map(Math.floor) as [number, number, number, number]
  if (d > 0) return `${d}d${two(h)}h`
  if (h > 0) return `${h}h${two(m)}m`
  return m > 0 ? `${m}m${two(s)}s` : `${s}s`
}

/** JSON as the API sent it; spread out for eyes. */
export function formatJson(value: unknown, { stdout }: CliContext): string {
  return `${JSON.stringify(value, undefined, stdout.isTTY === true ? 2 : undefined)}\n`
}
