// What a command has to work with: the outside, handed in so that tests can hand in another.

export interface CliContext {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Exit codes are a contract. */
export const exitCode = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const

/** Ends a command with a code, after these lines on standard error. */
export class CommandFailure extends Error {
  readonly code: number
  readonly lines: readonly string[]

  constructor(code: number, ...lines: readonly string[]) {
    super(lines.join('\n'))
    this.name = 'CommandFailure'
    this.code = code
    this.lines = lines
  }
}
