// Writes both sides of the contract in layout.ts: native/core/tables.gen.hpp and src/fib/tables.gen.ts.
// `--check` writes nothing and fails when a committed file differs. Runs in the top folder of the repository.

import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { cppFile } from './cpp.js'
import {
  constants,
  counters,
  events,
  limits,
  operations,
  records,
  tables,
  views,
} from './layout.js'
import type { Contract, DropReason } from './schema.js'
import { checkStructure } from './schema.js'
import { steps } from './steps.js'
import { typescriptFile } from './typescript.js'

const dropFile = 'native/core/drop.def'

/** The rows of drop.def in order. */
export function readDropReasons(text: string): readonly DropReason[] {
  return [...text.matchAll(/^DROP\((\w+), "(.*)"\)$/gm)].map((match) => ({
    name: match[1]!,
    text: match[2]!,
  }))
}

/** The whole contract with its hash: what both sides must agree on, sentences left out. */
export function contractOf(drops: readonly DropReason[]): Contract {
  const structures = { tables, views, operations, events, counters, records, steps }
  for (const structure of Object.values(structures).flat()) checkStructure(structure)
  const bare = Object.fromEntries(
    Object.entries(structures).map(([group, list]) => [
      group,
      list.map(({ name, fields }) => ({ name, fields: fields.map((f) => [f.name, f.type]) })),
    ]),
  )
  const canonical = JSON.stringify({
    bare,
    limits,
    constants,
    drops: drops.map(({ name }) => name),
  })
  const hash = createHash('sha256').update(canonical).digest('hex').slice(0, 16)
  return { ...structures, limits, constants, drops, hash }
}

/** Path and text of every generated file. */
export function generatedFiles(): readonly { readonly path: string; readonly text: string }[] {
  const contract = contractOf(readDropReasons(readFileSync(dropFile, 'utf8')))
  return [
    { path: 'native/core/tables.gen.hpp', text: cppFile(contract) },
    { path: 'src/fib/tables.gen.ts', text: typescriptFile(contract) },
  ]
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function main(check: boolean): number {
  const stale = generatedFiles().filter(({ path, text }) => read(path) !== text)
  for (const { path, text } of stale) {
    if (check) console.error(`${path}: differs from native/layout/layout.ts; run: npm run generate`)
    else writeFileSync(path, text)
  }
  return check && stale.length > 0 ? 1 : 0
}

if (process.argv[1]?.endsWith('generate.js')) {
  process.exitCode = main(process.argv.includes('--check'))
}
