// The configuration file: YAML in, a checked configuration or all its problems out.

import { type Document, isMap, isScalar, LineCounter, type Node, parseAllDocuments } from 'yaml'
import { checkValue, type Schema } from './check.js'
import { checkPortKinds, type PortKindInfo } from './kinds.js'
import { type Finding, type Path, type Problem, placed } from './problem.js'
import { checkRules, hints } from './rules.js'
import { Config } from './schema.js'

export type LoadedConfig =
  | { readonly config: Config; readonly hints: readonly Problem[] }
  | { readonly problems: readonly Problem[] }

/**
 * Reads and checks a configuration. Never throws for what is in the text: every problem is listed, each with its line.
 * `fileName` is only for the problems' texts. Port kinds and options are checked where `portKinds` are known.
 */
export function loadConfig(
  text: string,
  fileName: string,
  portKinds: readonly PortKindInfo[] = [],
): LoadedConfig {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
  })
  const document = Array.isArray(documents) ? documents[0] : undefined
  const place = (finding: Finding, offset: number): Problem => {
    const { line, col } = lines.linePos(offset)
    return placed(finding, fileName, line, col)
  }
  if (document === undefined) return { problems: [place(EMPTY, 0)] }
  const syntax = (documents as Document[]).flatMap((one) => [...one.errors, ...one.warnings])
  if (syntax.length > 0) {
    return {
      problems: syntax
        .map((error) =>
          place({ path: [], expected: 'YAML', got: firstLine(error.message) }, error.pos[0]),
        )
        .sort(byPlace),
    }
  }
  if ((documents as Document[]).length > 1) {
    const offset = (documents as Document[])[1]?.range?.[0] ?? 0
    return {
      problems: [place({ ...EMPTY, expected: 'one document', got: 'a second one' }, offset)],
    }
  }
  const locate = (finding: Finding) => place(finding, offsetOf(document, finding))
  const plain = plainValue(document)
  if ('finding' in plain) return { problems: [locate(plain.finding)] }
  if (plain.value === null) return { problems: [place(EMPTY, 0)] }

  const checked = checkValue<Config>(Config as Schema, plain.value)
  const findings = [
    ...checked.findings,
    ...checkRules(checked.value, checked.findings),
    ...checkPortKinds(checked.value, portKinds),
  ]
  if (findings.length > 0) return { problems: findings.map(locate).sort(byPlace) }
  return { config: checked.value, hints: hints(checked.value).map(locate) }
}

const EMPTY: Finding = {
  path: [],
  expected: 'a mapping with asn, vtep and networks',
  got: 'nothing',
}

function byPlace(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column
}

/** Plain data; aliases that multiply without end are a problem of the document. */
function plainValue(document: Document): { value: unknown } | { finding: Finding } {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) }
  } catch (error) {
    const got = error instanceof Error ? firstLine(error.message) : String(error)
    return { finding: { path: [], expected: 'a document of reasonable size', got } }
  }
}

/** Where a finding is: its value, else its key, else the innermost thing around it that exists. */
function offsetOf(document: Document, { path, atKey }: Finding): number {
  for (let length = path.length; length >= 0; length--) {
    const part = path.slice(0, length)
    const key = keyNode(document, part)
    if (atKey === true && length === path.length && key?.range) return key.range[0]
    const node = length === 0 ? document.contents : document.getIn(part, true)
    const range = (node as Node | null | undefined)?.range
    if (range) return range[0]
    if (key?.range) return key.range[0]
  }
  return 0
}

function keyNode(document: Document, path: Path): Node | undefined {
  const name = path.at(-1)
  if (typeof name !== 'string') return undefined
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  if (!isMap(parent)) return undefined
  const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === name)
  return pair?.key as Node | undefined
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
