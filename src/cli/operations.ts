// The verbs that change something. Commands, arguments and options come from the rows of host's table of operations.

import type { Command } from 'commander'
import { knownPortKinds, type Operation, operations, type Schema } from '../host/index.js'
import { call } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { formatJson } from './style.js'

export function define(program: Command, context: CliContext): void {
  for (const operation of operations) defineOperation(program, operation, context)
}

function defineOperation(program: Command, operation: Operation, context: CliContext): void {
  const words = operation.command.split(' ')
  const names = words.filter((word) => !/^[<[]/.test(word))
  const inArguments = words.filter((word) => /^[<[]/.test(word)).map((word) => word.slice(1, -1))
  const required = inArguments.filter((key) => words.includes(`<${key}>`))
  const schema = operation.schema as unknown as Schema
  const last = names.pop()!
  const parent = names.reduce(
    (at, name) => at.commands.find((one) => one.name() === name) ?? group(at, name),
    program,
  )
  const command = parent.command(last).description(operation.summary)
  for (const key of inArguments) {
    command.argument(`[${key}]`, schema.properties?.[key]?.description ?? '')
  }
  // Arguments may be given by name, too.
  const options = optionsOf(schema)
  for (const { flag, help } of options) command.option(flag, help)
  command.option('-j, --json', 'the answer as JSON')
  if (operation.name === 'portAdd') command.addHelpText('after', portKindsHelp)
  command.action(async (...given: unknown[]) => {
    const values = command.opts() as Readonly<Record<string, unknown>>
    const input: Record<string, unknown> = {}
    for (const [i, key] of inArguments.entries()) {
      if (given[i] !== undefined) input[key] = given[i]
    }
    for (const { key, path, read } of options) {
      if (values[key] !== undefined) put(input, path, read(values[key]))
    }
    for (const key of required) {
      if (input[key] === undefined)
        throw new CommandFailure(exitCode.usage, missing(operation, key))
    }
    const path = operation.path.replace(/:(\w+)/g, (_, key: string) => {
      const value = encodeURIComponent(String(input[key]))
      delete input[key]
      return value
    })
    const { method } = operation
    const answer = await call<unknown>(runtimeDirFor(command, context), {
      method,
      path,
      body: input,
    })
    if (values['json'] === true) context.stdout.write(formatJson(answer, context))
  })
}

function missing({ command }: Operation, key: string): string {
  const words = command.replace(/ [<[].*/, '')
  return `${words}: expected ${key}, got nothing; see vtep ${words} --help`
}

/** The kinds of ports, which only the addon knows. */
function portKindsHelp(): string {
  const lines = (knownPortKinds() ?? []).flatMap(({ name, summary, options }) => [
    `  ${name.padEnd(12)}${summary}`,
    ...options.map((option) => `    ${option.name}=${option.fallback || '…'}  ${option.help}`),
  ])
  return lines.length === 0 ? '' : `\nKinds and their options:\n${lines.join('\n')}\n`
}

function group(parent: Command, name: string): Command {
  return parent.command(name).description(`Change a ${name} of the running daemon.`)
}

interface OptionRow {
  /** Name under which commander keeps it. */
  readonly key: string
  readonly flag: string
  readonly help: string
  /** Where in the input it goes. */
  readonly path: readonly string[]
  readonly read: (value: unknown) => unknown
}

/** An option for every scalar, list of scalars and free mapping of the schema; mappings of known keys one level down. */
function optionsOf(schema: Schema, path: readonly string[] = []): OptionRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const here = [...path, name]
    if (property.type === 'object' && property.properties !== undefined) {
      return optionsOf(property, here)
    }
    const read = readerOf(property, here)
    return read === undefined ? [] : [row(here, property, read)]
  })
}

function row(path: readonly string[], property: Schema, read: OptionRow['read']): OptionRow {
  const flag = path.join('-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const key = flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  const help = property.description ?? ''
  const value =
    property.type === 'array'
      ? '<list...>'
      : property.type === 'object'
        ? '<key=value...>'
        : '<value>'
  const fallback = property.default
  const shown =
    fallback === undefined || typeof fallback === 'object' ? '' : ` (default: ${fallback})`
  return { key, flag: `--${flag} ${value}`, help: help + shown, path, read }
}

function readerOf(property: Schema, path: readonly string[]): OptionRow['read'] | undefined {
  const kinds = [property, ...(property.anyOf ?? [])]
  if (property.type === 'array') {
    const item = readerOf(property.items ?? {}, path)
    if (item === undefined) return undefined
    return (value) => (value as string[]).flatMap((text) => text.split(',')).map(item)
  }
  if (property.type === 'object')
    return property.patternProperties === undefined ? undefined : pairs
  if (kinds.some(({ type }) => type === 'integer')) return numberOrText
  if (property.type === 'boolean') return (value) => booleanOf(String(value), path)
  if (property.type === 'string' || property.enum !== undefined) return String
  return undefined
}

/** What is no number stays text: the daemon says what it expected. */
function numberOrText(value: unknown): string | number {
  const text = String(value)
  return /^-?\d+$/.test(text) ? Number(text) : text
}

function booleanOf(text: string, path: readonly string[]): boolean {
  if (/^(true|yes|on)$/.test(text)) return true
  if (/^(false|no|off)$/.test(text)) return false
  throw new CommandFailure(
    exitCode.usage,
    `${path.join('.')}: expected true or false, got ${JSON.stringify(text)}`,
  )
}

/** key=value words as a mapping of the scalars that YAML would read. */
function pairs(value: unknown): Record<string, unknown> {
  return Object.fromEntries(
    (value as string[]).map((text) => {
      const at = text.indexOf('=')
      if (at < 1) {
        throw new CommandFailure(
          exitCode.usage,
          `options: expected key=value, got ${JSON.stringify(text)}`,
        )
      }
      const word = text.slice(at + 1)
      const scalar = word === 'true' ? true : word === 'false' ? false : numberOrText(word)
      return [text.slice(0, at), scalar]
    }),
  )
}

function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path as [string, ...string[]]
  if (rest.length === 0) target[first] = value
  else put((target[first] ??= {}) as Record<string, unknown>, rest, value)
}
