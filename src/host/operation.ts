// What a verb is: a row with its schema, from which API endpoint and CLI command derive, and what it may do with the host.

import { type Static, type TObject, Type } from '@sinclair/typebox'
import type { DuplicateView, MacView } from '../evpn/index.js'
import type { Amendments } from './amendments.js'
import { type Finding, type Network, unplaced } from './config/index.js'
import type { Config } from './config/schema.js'
import type { PlacedPort } from './effective.js'
import type { Dump } from './mrt.js'
import { Refusal } from './refusal.js'
import type { StateReader } from './views/index.js'

/** What a row may do with the host. */
export interface OperationContext {
  readonly state: StateReader
  /** The configuration file as it was last read. */
  readonly file: Config
  /** What is in force: the file and what was changed at run time. */
  readonly effective: Config
  /** Name of the file. */
  readonly fileName: string
  readonly amendments: Amendments
  /**
   * Checks the configuration that `next` would make, applies the difference and remembers it. Rejects with Refusal,
   * and then nothing has changed. `subject` names findings by the keys of the caller's input.
   */
  change(next: Amendments, subject?: (finding: Finding) => Finding): Promise<void>
  clearPeer(peer: string, soft: 'in' | 'out' | undefined): void
  /** A host is behind the port now, whatever was known before. The MAC as it is then; undefined while the port is missing. */
  arrive(port: string, host: ArrivedHost): MacView | undefined
  clearDuplicate(vni: number, address: string): void
  /** Writes the tables of BGP to a file. Rejects with Refusal. */
  dump(name: string | undefined): Promise<Dump>
  duplicates(): readonly DuplicateView[]
  /** A port as it should be, with what is behind it. */
  placed(port: string): PlacedPort | undefined
  reload(): Promise<void>
}

/** A host that has moved to a port. */
export interface ArrivedHost {
  readonly network: Network
  readonly mac: string
  readonly ip: string[]
}

export interface Operation<S extends TObject = TObject> {
  readonly name: string
  readonly summary: string
  readonly method: 'POST' | 'DELETE'
  /** Parameters in the path are keys of the schema. */
  readonly path: string
  /** Words of the command, then its arguments: keys of the schema in <> or, not required, in []. All keys are options, too. */
  readonly command: string
  readonly schema: S
  run(context: OperationContext, input: Static<S>): Promise<unknown>
}

/** Keeps the input's type with the schema; the table of all forgets it. */
export function operation<S extends TObject>(row: Operation<S>): Operation {
  return row as unknown as Operation
}

export const named = (key: string, description: string) =>
  Type.Object(
    { [key]: Type.String({ description, maxLength: 255 }) },
    { additionalProperties: false },
  ) as TObject

/** Names what is wrong by the input's own keys instead of its place in the whole configuration. */
export function relative(list: string): (finding: Finding) => Finding {
  return (finding) => {
    const { path } = finding
    const at = path.findIndex((part, i) => part === list && typeof path[i + 1] === 'number')
    return at < 0 ? finding : { ...finding, path: path.slice(at + 2) }
  }
}

export function exists(what: string, name: string): Refusal {
  const finding = {
    path: [what],
    expected: `a ${what} that is not there yet`,
    got: JSON.stringify(name),
  }
  return new Refusal('conflict', [unplaced(finding)])
}

export function used(what: string, name: string, by: readonly string[]): Refusal {
  const got = `${JSON.stringify(name)}, with ${by.join(', ')}`
  return new Refusal('conflict', [
    unplaced({ path: [what], expected: `a ${what} that no network is in`, got }),
  ])
}

export function unknown(what: string, name: string, known: readonly string[]): Refusal {
  const expected =
    known.length === 0 ? `a known ${what}, but there is none` : `one of ${known.join(', ')}`
  return new Refusal('unknown', [unplaced({ path: [what], expected, got: JSON.stringify(name) })])
}
