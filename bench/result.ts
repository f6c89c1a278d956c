// What a benchmark says: one JSON line on standard output, so that bench/all.ts can run it beside others and keep it.

export interface Figure {
  /** What was measured, for example "encap, 64 bytes, 1 M MACs". */
  readonly what: string
  /** Its unit, for example "ns/packet" or "routes/s". */
  readonly unit: string
  /** One value per trial; at least three. The table shows the median and the range. */
  readonly values: readonly number[]
}

const mark = 'bench-result '

/** Prints figures for a program that collects them, and a readable table on standard error for whoever watches. */
export function emit(name: string, figures: readonly Figure[]): void {
  for (const figure of figures)
    process.stderr.write(`${name}: ${figure.what}: ${formatFigure(figure)}\n`)
  process.stdout.write(`${mark}${JSON.stringify({ name, figures })}\n`)
}

export interface Result {
  readonly name: string
  readonly figures: readonly Figure[]
}

/** The results among the lines that a benchmark printed. */
export function collect(output: string): Result[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith(mark))
    .map((line) => JSON.parse(line.slice(mark.length)) as Result)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The value below which a share of all lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Three significant figures. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-'
  return value >= 100 ? `${Math.round(value)}` : Number(value.toPrecision(3)).toString()
}

/** Median and range: "6.4 [6.1-7.3]". */
export function formatValues(values: readonly number[]): string {
  if (values.length === 0) return '-'
  const range = `[${short(Math.min(...values))}-${short(Math.max(...values))}]`
  return `${short(median(values))} ${range}`
}

export const formatFigure = ({ values, unit }: Figure): string => `${formatValues(values)} ${unit}`
