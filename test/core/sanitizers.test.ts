// The core under sanitizers: a writer and readers at once (threads), and damaged input (addresses, undefined behaviour).

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { encodeOperations } from '../../src/fib/tables.gen.js'
import { concat, encodeRun } from '../../src/wire/frame/index.js'
import { tableOperation } from './legs.js'
import { vectors } from './vectors/index.js'

const raceSeconds = Number(process.env['CORE_RACE_SECONDS'] ?? 3)
const fuzzSeconds = Number(process.env['CORE_FUZZ_SECONDS'] ?? 10)

const sources = readdirSync('native/core')
  .filter((name) => name.endsWith('.cpp'))
  .map((name) => join('native/core', name))

/** A folder that is gone after the test. */
function scratch(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-core-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function run(
  program: string,
  args: readonly string[],
): { readonly ok: boolean; readonly text: string } {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  const text = `${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`
  return { ok: status === 0, text: text.slice(-4000) }
}

/** Why this compiler can not build a program with these sanitizers, or undefined. */
function missing(compiler: string, flags: readonly string[], entry: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-core-'))
  const source = join(folder, 'probe.cpp')
  writeFileSync(source, entry)
  const { ok } = run(compiler, [...flags, source, '-o', join(folder, 'probe')])
  rmSync(folder, { recursive: true, force: true })
  return ok ? undefined : `${compiler} can not link ${flags.join(' ')}`
}

const threads = ['-fsanitize=thread']
test('what never changes is found while everything around it does', {
  skip: missing('g++', threads, 'int main() {}') ?? false,
}, async (t) => {
  const program = join(scratch(t), 'race')
  const built = run('g++', [
    '-std=c++20',
    '-O1',
    '-g',
    '-pthread',
    ...threads,
    'test/core/race.cpp',
    ...sources,
    '-o',
    program,
  ])
  t.ok(built.ok, built.text)
  const { ok, text } = run(program, [String(raceSeconds)])
  t.ok(ok, text)
  t.match(text, /frames \d{3,} snapshots [1-9]/)
})

const damaged = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all']
const fuzzEntry =
  'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
test('no bytes break it', { skip: missing('clang++', damaged, fuzzEntry) ?? false }, async (t) => {
  const folder = scratch(t)
  const program = join(folder, 'fuzz')
  const built = run('clang++', [
    '-std=c++20',
    '-O1',
    '-g',
    ...damaged,
    'native/core/fuzz/run.cpp',
    ...sources,
    '-o',
    program,
  ])
  t.ok(built.ok, built.text)
  const corpus = join(folder, 'corpus')
  mkdirSync(corpus)
  for (const [i, input] of vectors.map(asFuzzInput).entries()) {
    writeFileSync(join(corpus, String(i)), input)
  }
  const { ok, text } = run(program, [
    `-max_total_time=${fuzzSeconds}`,
    '-max_len=8192',
    '-print_final_stats=1',
    `-artifact_prefix=${folder}/`,
    corpus,
  ])
  t.ok(ok, text)
  t.match(text, /number_of_executed_units: [1-9]/)
})

/** All operations of a vector, then its frames (native/core/fuzz/run.cpp). */
function asFuzzInput({ steps, frames, now = 10 }: (typeof vectors)[number]): Uint8Array {
  const operations = encodeOperations(
    steps.flatMap((step) => ('apply' in step ? step.apply.map(tableOperation) : [])),
  )
  const length = Uint8Array.of(operations.length & 0xff, operations.length >> 8)
  return concat(length, operations, encodeRun({ now, frames }))
}
