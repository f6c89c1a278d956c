// Checks a value against a schema and gives it back in canonical form with defaults filled in; finds all that is wrong
// at once. It reads the JSON Schema words that schema.ts uses, so it serves the configuration, API bodies and the
// state file alike. What is wrong is left out of the value (a list or mapping becomes an empty one), so that rules can
// still look at the rest.

import { ParseError } from '../../net/index.js'
import { describe, type Finding, type Path } from './problem.js'
import { suggest } from './suggest.js'
import { type TextFormatName, textFormats } from './text.js'

/** The subset of JSON Schema that schema.ts writes. */
export interface Schema {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly minimum?: number
  readonly maximum?: number
  readonly maxItems?: number
  readonly minItems?: number
  readonly maxLength?: number
  readonly minLength?: number
  readonly default?: unknown
  /** What the value has to be, as the end of "expected …". */
  readonly expected?: string
  /** What was given is not repeated in a problem's text. */
  readonly secret?: true
}

export interface Checked<T> {
  readonly value: T
  readonly findings: readonly Finding[]
}

export function checkValue<T>(schema: Schema, value: unknown, path: Path = []): Checked<T> {
  const findings: Finding[] = []
  const checked = visit(schema, value, path, findings)
  return { value: checked as T, findings }
}

function visit(schema: Schema, value: unknown, path: Path, findings: Finding[]): unknown {
  if (schema.anyOf !== undefined) return anyOf(schema, value, path, findings)
  if (schema.enum !== undefined) return oneOf(schema, value, path, findings)
  const visitor = visitors[schema.type ?? '']
  return visitor === undefined ? value : visitor(schema, value, path, findings)
}

type Visitor = (schema: Schema, value: unknown, path: Path, findings: Finding[]) => unknown

const visitors: Readonly<Record<string, Visitor>> = {
  object(schema, value, path, findings) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      wrong('a mapping', value, path, findings)
      return visit(schema, {}, path, [])
    }
    return schema.patternProperties === undefined
      ? members(schema, value, path, findings)
      : entries(schema, value, path, findings)
  },
  array(schema, value, path, findings) {
    if (!Array.isArray(value)) {
      wrong('a list', value, path, findings)
      return []
    }
    const most = schema.maxItems ?? Number.POSITIVE_INFINITY
    if (value.length < (schema.minItems ?? 0) || value.length > most) {
      const expected = `a list of ${schema.minItems ?? 0} to ${most} entries`
      findings.push({ path, expected, got: `${value.length}` })
    }
    // A wrong entry keeps its place, so that rules name the others by the positions they have.
    return value.map((item, i) => visit(schema.items ?? {}, item, [...path, i], findings))
  },
  string(schema, value, path, findings) {
    if (schema.secret === true) return secret(schema, value, path, findings)
    if (typeof value !== 'string') {
      const quotes = typeof value === 'number' ? ' (in quotes: it reads as a number)' : ''
      return wrong(`${expectedText(schema)}${quotes}`, value, path, findings)
    }
    const most = schema.maxLength ?? 1024
    if (value.length > most) return wrong(`up to ${most} characters`, value, path, findings)
    return schema.format === undefined ? value : formatted(schema, value, path, findings)
  },
  integer(schema, value, path, findings) {
    const low = schema.minimum ?? Number.MIN_SAFE_INTEGER
    const high = schema.maximum ?? Number.MAX_SAFE_INTEGER
    const good = typeof value === 'number' && Number.isInteger(value)
    if (good && value >= low && value <= high) return value
    return wrong(schema.expected ?? `a whole number, ${low} to ${high}`, value, path, findings)
  },
  boolean(_schema, value, path, findings) {
    return typeof value === 'boolean' ? value : wrong('true or false', value, path, findings)
  },
}

function members(schema: Schema, value: object, path: Path, findings: Finding[]): unknown {
  const properties = schema.properties ?? {}
  const given = value as Readonly<Record<string, unknown>>
  const result: Record<string, unknown> = {}
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(properties, key)) findings.push(unknownKey(key, properties, path))
  }
  for (const [key, property] of Object.entries(properties)) {
    const member = given[key]
    if (member !== undefined && member !== null) {
      result[key] = visit(property, member, [...path, key], findings)
    } else if (property.default !== undefined) {
      // Defaults are values like any other: their own defaults are filled in, too.
      result[key] = visit(property, structuredClone(property.default), [...path, key], findings)
    } else if (schema.required?.includes(key)) {
      findings.push({ path: [...path, key], expected: expectedText(property), got: 'nothing' })
      if (property.type === 'object') result[key] = visit(property, {}, path, [])
    }
  }
  return result
}

/** A mapping with free keys. */
function entries(schema: Schema, value: object, path: Path, findings: Finding[]): unknown {
  const [item] = Object.values(schema.patternProperties ?? {})
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      visit(item ?? {}, member, [...path, key], findings),
    ]),
  )
}

function unknownKey(key: string, properties: Schema['properties'] & {}, path: Path): Finding {
  const words = Object.keys(properties)
  const near = suggest(key, words)
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`
  return {
    path: [...path, key],
    expected: `one of the keys ${words.join(', ')}`,
    got: `the unknown key ${JSON.stringify(key)}${hint}`,
    atKey: true,
  }
}

function anyOf(schema: Schema, value: unknown, path: Path, findings: Finding[]): unknown {
  for (const branch of schema.anyOf ?? []) {
    const attempt: Finding[] = []
    const result = visit(branch, value, path, attempt)
    if (attempt.length === 0) return result
  }
  return wrong(expectedText(schema), value, path, findings)
}

function oneOf(schema: Schema, value: unknown, path: Path, findings: Finding[]): unknown {
  if (schema.enum?.includes(value)) return value
  const near =
    typeof value === 'string' ? suggest(value, (schema.enum ?? []).map(String)) : undefined
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`
  findings.push({ path, expected: expectedText(schema), got: `${describe(value)}${hint}` })
  return undefined
}

function secret(schema: Schema, value: unknown, path: Path, findings: Finding[]): unknown {
  const { minLength = 0, maxLength = 1024 } = schema
  const octets = typeof value === 'string' ? new TextEncoder().encode(value).length : -1
  if (octets >= minLength && octets <= maxLength) return value
  const got = octets < 0 ? `something else` : `${octets} octets`
  findings.push({ path, expected: expectedText(schema), got })
  return undefined
}

function formatted(schema: Schema, value: string, path: Path, findings: Finding[]): unknown {
  const format = textFormats[schema.format as TextFormatName]
  try {
    return format.parse(value)
  } catch (error) {
    if (!(error instanceof ParseError)) throw error
    const expected = error.expected === '' ? format.expected : error.expected
    return wrong(expected, value, path, findings)
  }
}

function wrong(expected: string, value: unknown, path: Path, findings: Finding[]): undefined {
  findings.push({ path, expected, got: describe(value) })
}

/** What a schema wants, in words. */
export function expectedText(schema: Schema): string {
  if (schema.expected !== undefined) return schema.expected
  if (schema.anyOf !== undefined) return schema.anyOf.map(expectedText).join(' or ')
  if (schema.enum !== undefined)
    return `${schema.enum
      .map(String)
      .join(', ')
      .replace(/, ([^,]*)$/, ' or $1')}`
  if (schema.format !== undefined) return textFormats[schema.format as TextFormatName].expected
  if (schema.type === 'object') return 'a mapping'
  if (schema.type === 'array') return 'a list'
  if (schema.type === 'boolean') return 'true or false'
  if (schema.type === 'integer') return 'a whole number'
  return 'text'
}
