// What ends a command: sentences for the operator, never a stack.

/** The host can not do what it was started for. Each line says what, where, expected, got. Exit code 1. */
export class HostFailure extends Error {
  readonly lines: readonly string[]

  constructor(...lines: readonly string[]) {
    super(lines.join('\n'))
    this.name = 'HostFailure'
    this.lines = lines
  }
}

/** Text of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
