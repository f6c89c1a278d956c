// A written vector: what has happened, what comes in, and what must come out.

import type { ModelOutcome, RunFrame } from '../../../src/wire/frame/index.js'
import type { Expected, Script, Step } from '../legs.js'

export interface Vector {
  readonly name: string
  readonly vtep?: Script['vtep']
  /** Before it. */
  readonly steps: readonly Step[]
  readonly frames: readonly RunFrame[]
  /** Seconds; 10 if left out. */
  readonly now?: number
  readonly expected: readonly Expected[]
  /** More about what came out; throws when it is wrong. */
  readonly check?: (outcomes: readonly ModelOutcome[]) => void
}

/** Octets of an outcome that must be an emit. */
export function bytesOf(outcomes: readonly ModelOutcome[], index: number): Buffer {
  const outcome = outcomes[index]
  if (outcome?.kind !== 'emit') throw new Error(`outcome ${index}: expected an emit`)
  return Buffer.from(outcome.frame.bytes)
}
