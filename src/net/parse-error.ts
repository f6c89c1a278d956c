// The one error of this folder: text that is not the value it should be.

/** Thrown by every `parse...` of `src/net`. `what` names the value, `expected` and `got` say why. */
export class ParseError extends Error {
  readonly what: string
  readonly expected: string
  readonly got: string

  constructor(what: string, expected: string, got: string) {
    super(`${what}: expected ${expected}, got ${JSON.stringify(got)}`)
    this.name = 'ParseError'
    this.what = what
    this.expected = expected
    this.got = got
  }
}
