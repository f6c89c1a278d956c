// What the operator may write wrong, a row per mistake: where it is pointed at, what was expected, what was found.

import type { Test } from 'tap'
import { loadConfig } from '../../src/host/index.js'

/** How most of them begin. */
export const base = `asn: 65011
vtep: { address: 10.0.0.11 }
`

export interface Mistake {
  readonly name: string
  readonly text: string
  /** Every problem, in the order of the file: "line:column path: expected …, got …". */
  readonly problems: readonly string[]
}

/** A test for each: all its problems and no other. */
export function findAll(t: Test, mistakes: readonly Mistake[]): void {
  for (const { name, text, problems } of mistakes) {
    t.test(name, async (t) => {
      const loaded = loadConfig(text, 'vtep.yaml')
      if (!('problems' in loaded)) return t.fail('was taken')
      const found = loaded.problems.map(
        ({ line, column, path, expected, got }) =>
          `${line}:${column} ${path}: expected ${expected}, got ${got}`,
      )
      t.equal(found.length, problems.length, found.join('\n'))
      for (const [i, problem] of problems.entries()) {
        t.equal(found[i]?.slice(0, problem.length), problem)
      }
      for (const { text: line, line: at } of loaded.problems) {
        t.ok(line.startsWith(`vtep.yaml:${at}:`), 'the line says where')
        t.notMatch(line, /\n/, 'one line each')
      }
    })
  }
}
