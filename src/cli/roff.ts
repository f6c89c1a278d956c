// Text as man(7) reads it.

/** A backslash, a hyphen and what is not ASCII are written by name. */
export function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replaceAll('…', '...')
    .replaceAll(/[^\x20-\x7e\n]/g, (character) => {
      const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
      return `\\[u${code}]`
    })
}

/** Lines of running text; one that begins like a request does not become one. */
export const prose = (text: string): string[] =>
  text.split('\n').map((line) => escaped(line).replace(/^(?=[.'])/, '\\&'))

export const heading = (title: string): string => `.SH "${escaped(title)}"`

/** As it stands, in a typewriter's letters. */
export const literal = (text: string): string[] => ['.PP', '.nf', ...prose(text), '.fi']

/** A term and what it is. */
export const entry = (term: string, ...body: readonly string[]): string[] => [
  '.TP',
  `.B ${escaped(term)}`,
  ...body.flatMap(prose),
]

export function page(
  title: string,
  section: number,
  version: string,
  manual: string,
  lines: readonly string[],
): string {
  const head = `.TH "${escaped(title)}" ${section} "" "vtep ${escaped(version)}" "${escaped(manual)}"`
  return [head, ...lines, ''].join('\n')
}
