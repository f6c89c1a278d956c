// Whatever a tenant, the underlay or a client of the control socket sends, under the address and undefined-behaviour sanitizers: every target of
// native/fuzz over its corpus and some seconds more. Longer: native/fuzz/fuzz.sh TARGET SECONDS.

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { encodeOperations } from '../../src/fib/tables.gen.js'
import { concat, encodeRun } from '../../src/wire/frame/index.js'
import { tableOperation } from '../core/legs.js'
import { vectors } from '../core/vectors/index.js'
import { missing, root } from '../lab/index.js'
import { builtNative, nativeTools } from '../lab/native.js'

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 5)
/** Targets, and whether their input is a script of operations and frames (native/fuzz/script.hpp). */
const targets = [
  { name: 'core', script: true },
  { name: 'egress', script: true },
  { name: 'parsers', script: false },
] as const

interface Ended {
  readonly ok: boolean
  /** The end of what it said. */
  readonly text: string
}

function run(t: Test, program: string, ...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(program, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (more: string) => {
        text = (text + more).slice(-6000)
      })
    child.on('error', ({ message }) => resolve({ ok: false, text: message }))
    child.on('close', (status) => resolve({ ok: status === 0, text }))
  })
}

/** All operations of a vector, then its frames. */
function asScript({ steps, frames, now = 10 }: (typeof vectors)[number]): Uint8Array {
  const operations = encodeOperations(
    steps.flatMap((step) => ('apply' in step ? step.apply.map(tableOperation) : [])),
  )
  const length = Uint8Array.of(operations.length & 0xff, operations.length >> 8)
  return concat(length, operations, encodeRun({ now, frames }))
}

/** Why this compiler can not link a fuzzer, or undefined. */
async function withoutFuzzer(t: Test, folder: string): Promise<string | undefined> {
  const source = join(folder, 'probe.cpp')
  const entry = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long)'
  writeFileSync(source, `${entry} { return 0; }`)
  const flags = ['-fsanitize=fuzzer,address,undefined', source, '-o', join(folder, 'probe')]
  const { ok } = await run(t, 'clang++', ...flags)
  return ok ? undefined : 'clang++ can not link a fuzzer (Debian: libclang-rt-dev)'
}

for (const { name, script } of targets) {
  test(`no bytes break ${name}`, {
    skip: missing('clang++', ...nativeTools),
    timeout: 590_000,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'vtep-fuzz-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const without = await withoutFuzzer(t, folder)
    if (without !== undefined) return t.pass(without, { skip: without })
    const program = await builtNative('fuzzer', name)
    const found = join(folder, 'found')
    mkdirSync(found)
    if (script)
      for (const [i, vector] of vectors.entries())
        writeFileSync(join(found, String(i)), asScript(vector))
    const { ok, text } = await run(
      t,
      program,
      `-max_total_time=${seconds}`,
      '-max_len=8192',
      '-timeout=10',
      '-print_final_stats=1',
      `-artifact_prefix=${folder}/`,
      found,
      join(root, 'native/fuzz/corpus', name),
    )
    t.ok(ok, text)
    t.match(text, /number_of_executed_units: \d{4,}/)
  })
}
