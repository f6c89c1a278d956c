// What is wrong with what the operator wrote: always where, expected, got.

/** A way into a document: keys and list positions. */
export type Path = readonly (string | number)[]

/** A finding before it has a place in a file. */
export interface Finding {
  readonly path: Path
  readonly expected: string
  readonly got: string
  /** The key itself is wrong, not its value: point there. */
  readonly atKey?: boolean
}

/** A finding with its place. `text` is all of it in one line. */
export interface Problem {
  /** "networks[0].ports[1].mac"; empty for the document as a whole. */
  readonly path: string
  /** From 1; 0 where there is no file. */
  readonly line: number
  readonly column: number
  readonly expected: string
  readonly got: string
  readonly text: string
}

export function formatPath(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += text === '' ? part : `.${part}`
  }
  return text
}

/** How a value reads at the end of "got …". */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value)
  }
  return String(value)
}

/** The problem of a finding that has no file around it: an API body, a command's options. */
export function unplaced(finding: Finding, where = ''): Problem {
  return placed(finding, where, 0, 0)
}

export function placed(finding: Finding, file: string, line: number, column: number): Problem {
  const path = formatPath(finding.path)
  const place = line > 0 ? `${file}:${line}:${column}` : file
  const sentence = `expected ${finding.expected}, got ${finding.got}`
  const text = [place, path, sentence].filter((part) => part !== '').join(': ')
  return { path, line, column, expected: finding.expected, got: finding.got, text }
}
