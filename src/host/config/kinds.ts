// Port kinds and their options are what the dataplane says they are: one file there adds a kind, none here.

import { ParseError, parseMac } from '../../net/index.js'
import { describe, type Finding, type Path } from './problem.js'
import type { Config, Port } from './schema.js'
import { suggest } from './suggest.js'

/** A port kind as the addon's registry describes it. */
export interface PortKindInfo {
  readonly name: string
  readonly summary: string
  readonly options: readonly {
    readonly name: string
    readonly type: 'text' | 'number' | 'flag' | 'mac' | 'list'
    readonly fallback: string
    readonly help: string
  }[]
}

/** Kinds that do not exist, options that the kind does not have, values that do not fit. No kinds known: nothing. */
export function checkPortKinds(config: Config, kinds: readonly PortKindInfo[]): Finding[] {
  if (kinds.length === 0) return []
  return config.networks.flatMap((network, i) =>
    network.ports.flatMap((port, j) => checkPort(port, ['networks', i, 'ports', j], kinds)),
  )
}

function checkPort(port: Port, path: Path, kinds: readonly PortKindInfo[]): Finding[] {
  const kind = kinds.find(({ name }) => name === port.kind)
  if (kind === undefined) {
    // A kind that is not even a word is already reported.
    if (port.kind === undefined) return []
    return [
      {
        path: [...path, 'kind'],
        ...notOneOf(
          port.kind,
          kinds.map(({ name }) => name),
        ),
      },
    ]
  }
  return Object.entries(port.options).flatMap(([key, value]): Finding[] => {
    const option = kind.options.find(({ name }) => name === key)
    const at = [...path, 'options', key]
    if (option === undefined) {
      const names = kind.options.map(({ name }) => name)
      return [{ path: at, ...notOneOf(key, names), atKey: true }]
    }
    const expected = mismatch(option.type, value)
    return expected === undefined ? [] : [{ path: at, expected, got: describe(value) }]
  })
}

/** The options as the dataplane takes them: texts. A tap's own address is the MAC behind the port. */
export function portOptions(port: Port, kinds: readonly PortKindInfo[]): Record<string, string> {
  const options: Record<string, string> = {}
  const known = kinds.find(({ name }) => name === port.kind)?.options ?? []
  if (port.mac !== undefined && known.some(({ name, type }) => name === 'mac' && type === 'mac')) {
    options['mac'] = port.mac
  }
  return { ...options, ...optionTexts(port.options) }
}

/** Options as the dataplane takes them: texts. */
export function optionTexts(options: Port['options']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key,
      typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value),
    ]),
  )
}

function mismatch(type: string, value: string | number | boolean): string | undefined {
  switch (type) {
    case 'number':
      return typeof value === 'number' && value >= 0 ? undefined : 'a whole number'
    case 'flag':
      return typeof value === 'boolean' ? undefined : 'true or false'
    case 'mac':
      try {
        parseMac(String(value))
        return undefined
      } catch (error) {
        if (error instanceof ParseError) return error.expected
        throw error
      }
    default:
      return undefined
  }
}

function notOneOf(word: string, words: readonly string[]): { expected: string; got: string } {
  const near = suggest(word, words)
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`
  return { expected: `one of ${words.join(', ')}`, got: `${JSON.stringify(word)}${hint}` }
}
