// The examples that people copy. Code runs as it stands, imports the package by its name, and prints what it says it
// does; configurations are taken without a complaint.

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { loadConfig, portKinds } from '../../src/index.js'

interface Example {
  readonly name: string
  readonly code: string
  readonly prints: readonly string[]
}

/** The checkout: this file is dist/test/library/examples.test.js. */
const root = fileURLToPath(new URL('../../../', import.meta.url))
const sources = ['README.md']

let count = 0
const examples = sources.flatMap((file) => examplesOf(file))

t.ok(examples.length >= 3, 'the three parts of the library have an example each')

for (const file of sources) {
  const text = readFileSync(join(root, file), 'utf8')
  for (const [, yaml = ''] of text.matchAll(/^```yaml\n(asn:[\s\S]*?)^```$/gm)) {
    t.test(`the configuration in ${file}`, async (t) => {
      const loaded = loadConfig(yaml, file, portKinds())
      t.same('problems' in loaded ? loaded.problems.map(({ text }) => text) : [], [])
    })
  }
}

for (const { name, code, prints } of examples) {
  t.test(name, async (t) => {
    const { output, errors, exitCode } = await run(code)
    t.equal(exitCode, 0, errors)
    t.same(output.trimEnd().split('\n'), prints)
  })
}

function examplesOf(file: string): Example[] {
  const text = readFileSync(join(root, file), 'utf8')
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code ?? '')
  return blocks
    .filter((code) => code.includes("from 'vtep'"))
    .map((code, i) => ({
      name: `${file}, example ${i + 1}`,
      code,
      prints: [...code.matchAll(/^\/\/> (.*)$/gm)].map(([, line]) => line ?? ''),
    }))
}

/** Runs the text as a module inside the package, where its own name is known. */
async function run(
  code: string,
): Promise<{ output: string; errors: string; exitCode: number | null }> {
  const file = join(root, 'dist/test/library', `example-${process.pid}-${count++}.mjs`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, code)
  try {
    const child = spawn(process.execPath, [file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
    })
    let output = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text
    })
    const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve))
    return { output, errors, exitCode }
  } finally {
    rmSync(file, { force: true })
  }
}
