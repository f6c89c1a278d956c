// How the reader of frr.conf is told its statements: a row each.

import type { Statement } from './frr-lines.js'
import type { FrrModel } from './frr-model.js'

export interface Row {
  /** The statement, without blocks; groups are handed on. */
  readonly pattern: RegExp
  /** Puts it into the model. A text that it gives back is why it is lost all the same. */
  readonly take?: (model: FrrModel, words: readonly string[], statement: Statement) => unknown
  /** Why it is lost. */
  readonly lost?: string
  /** Why nothing has to be done for it. */
  readonly nothing?: string
}

/** Rows of a kind of block; the first that fits holds. */
export interface Block {
  /** What the opening lines, joined by " > ", look like. */
  readonly within: RegExp
  readonly rows: readonly Row[]
}
