// What ends a command or refuses an operation: sentences for the operator, never a stack.

import type { Problem } from './config/index.js'

/** The host can not do what it was started for. Each line says what, where, expected, got. Exit code 1. */
export class HostFailure extends Error {
  readonly lines: readonly string[]

  constructor(...lines: readonly string[]) {
    super(lines.join('\n'))
    this.name = 'HostFailure'
    this.lines = lines
  }
}

export type RefusalKind = 'invalid' | 'unknown' | 'conflict' | 'failed'

/** An operation that was refused; nothing has changed. */
export class Refusal extends Error {
  readonly kind: RefusalKind
  readonly problems: readonly Problem[]

  constructor(kind: RefusalKind, problems: readonly Problem[]) {
    super(problems.map((problem) => problem.text).join('\n'))
    this.name = 'Refusal'
    this.kind = kind
    this.problems = problems
  }
}

/** Text of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
