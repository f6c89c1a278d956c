// Reads a TAP stream as tap writes it (version 14, subtests indented by four) and keeps what a summary needs: a test is a
// point of the top level, its skip or the diagnostics of what failed in it.

const point =
  /^(not )?ok\b(?: \d+)?(?: - (.*?))?(?: # (SKIP|TOD[O])\b ?(.*?))?(?: # time=\S+)?(?: \{)?$/i
const diagnosticLines = 40

export class TapReader {
  #rest = ''
  #keep = 0
  #depthOfFailure = 0
  #innerFailed = false
  #result = { passed: 0, failed: 0, skipped: [], failures: [], plan: undefined }

  write(text) {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()
    for (const line of lines) this.#line(line)
  }

  /** Ends the stream; answers { passed, failed, skipped: [line], failures: [line], plan }. */
  end() {
    if (this.#rest !== '') this.#line(this.#rest)
    return this.#result
  }

  #line(line) {
    const depth = line.length - line.trimStart().length
    const text = line.slice(depth)
    const match = depth % 4 === 0 ? point.exec(text) : null
    if (match !== null) {
      this.#keep = 0
      this.#point(match, depth)
      return
    }
    if (depth === 0 && /^1\.\.\d+/.test(text)) this.#result.plan = text
    if (depth === 0 && text.startsWith('Bail out!')) this.#result.failures.push(text)
    // The YAML block below a failed point of any depth, as it is.
    if (this.#keep > 0 && depth > this.#depthOfFailure) {
      this.#keep -= 1
      this.#result.failures.push(line)
    }
  }

  #point([whole, not, name = '', directive, reason = ''], depth) {
    const result = this.#result
    if (directive !== undefined) {
      // A skip may stand at any depth: a test that skips a part of itself has to say so, too.
      if (directive.toUpperCase() === 'SKIP') result.skipped.push(`${name}: ${reason}`)
      else if (depth === 0) result.failed += not === undefined ? 0 : 1
      return
    }
    if (not !== undefined) {
      result.failures.push(`${' '.repeat(depth)}${whole}`)
      // A failed test repeats nothing of the points in it, which have said it.
      this.#keep = depth === 0 && this.#innerFailed ? 0 : diagnosticLines
      this.#depthOfFailure = depth
      this.#innerFailed = depth > 0
    }
    if (depth > 0) return
    this.#innerFailed = false
    if (not === undefined) result.passed += 1
    else result.failed += 1
  }
}
