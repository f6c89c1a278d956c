// Who has changed what, for the event stream. Configurations are compared by the places that differ: no value is told, as it
// may be a secret.

import type { Config } from './config/schema.js'
import { same } from './effective.js'
import type { EventFields, EventLog } from './events.js'
import type { Operation } from './operation.js'

/** An operation has been carried out; what it changed in the configuration, if anything. */
export function tellOperation(
  events: EventLog,
  { operation, input, by }: Done,
  before: Config,
  after: Config,
): void {
  const { name, path } = operation
  if (tellChange(events, name, by, before, after)) return
  // What an endpoint is about is in its path, and no secret.
  const about = [...path.matchAll(/:(\w+)/g)].map(
    ([, key = '']) => [key, String(input[key])] as const,
  )
  const what = about.map(([, value]) => ` ${value}`).join('')
  const fields: EventFields = { ...Object.fromEntries(about), operation: name, by }
  events.add('info', 'operation', `${name}${what} by ${by}`, fields)
}

interface Done {
  readonly operation: Operation
  readonly input: Readonly<Record<string, unknown>>
  readonly by: string
}

/** False when nothing is different. */
export function tellChange(
  events: EventLog,
  operation: string,
  by: string,
  before: Config,
  after: Config,
): boolean {
  const places = changedPlaces(before, after)
  if (places.length === 0) return false
  const paths = places.join(', ')
  const text = `${operation} by ${by} changed the configuration: ${paths}`
  events.add('info', 'configChanged', text, { operation, by, paths })
  return true
}

/** Key by which members of a list are told apart, in this order. */
const names = ['name', 'address', 'interface', 'range', 'mac', 'prefix'] as const

/** Places like "networks.blue added", "networks.blue.gateway", "log.level"; at most `most`, then how many more. */
function changedPlaces(before: Config, after: Config, most = 20): string[] {
  const places = differences('', before, after)
  const more = places.length - most
  return more > 0 ? [...places.slice(0, most), `${more} more`] : places
}

function differences(path: string, before: unknown, after: unknown): string[] {
  if (same(before, after)) return []
  if (before === undefined) return [`${path} added`]
  if (after === undefined) return [`${path} removed`]
  const [was, is] = [membersOf(before), membersOf(after)]
  if (was === undefined || is === undefined) return [path]
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((key) =>
    differences(path === '' ? key : `${path}.${key}`, was.get(key), is.get(key)),
  )
}

/** By name; undefined for what is looked at as a whole. */
function membersOf(value: unknown): Map<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (!Array.isArray(value)) return new Map(Object.entries(value))
  const members = new Map<string, unknown>()
  for (const member of value) {
    const key = names.find((name) => member !== null && typeof member[name] === 'string')
    if (key === undefined) return undefined
    members.set(member[key], member)
  }
  return members
}
