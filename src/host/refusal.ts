// What an operation answers when it is not carried out.

import type { Problem } from './config/index.js'

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
