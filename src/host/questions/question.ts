// What a question is: something that can be asked of a running host and is no view (a table as it is), nor an operation
// (a change): it has an input, and its answer is computed. A row with its schemas, from which endpoint and OpenAPI derive.

import { type Static, type TObject, type TSchema, Type } from '@sinclair/typebox'
import type { EventLog } from '../events.js'
import type { PacketPath } from '../packet-path.js'
import type { Role } from '../role.js'
import type { StateSource } from '../state/index.js'
import type { StateReader } from '../views/index.js'

/** What a row may look at. It changes nothing. */
export interface QuestionContext {
  readonly state: StateReader
  /** What the views are made of. */
  readonly source: StateSource
  readonly path: PacketPath
  readonly events: EventLog
  /** Whoever asked is gone, or the host is about to end: stop. */
  readonly signal: AbortSignal
}

export interface Question<S extends TObject = TObject> {
  readonly name: string
  readonly summary: string
  /** GET: the input is the query. POST: it is the body, and still nothing is changed. */
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly role: Role
  readonly schema: S
  /** Of the JSON that comes back; of the octets, when they are of a `mediaType`. */
  readonly answer: TSchema
  /** The answer is octets of this type: a Uint8Array, or an AsyncIterable of them that ends with the caller. */
  readonly mediaType?: string
  ask(context: QuestionContext, input: Static<S>): unknown
}

/** Keeps the input's type with the schema; the table of all forgets it. */
export function question<S extends TObject>(row: Question<S>): Question {
  return row as unknown as Question
}

/**
 * Schema of an answer that is octets.
 * @public
 */
export const octets = Type.String({ format: 'binary' })
