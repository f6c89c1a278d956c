// The core under the thread sanitizer: a writer and readers at once. What damaged input does: test/fuzz.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'

const raceSeconds = Number(process.env['CORE_RACE_SECONDS'] ?? 3)

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
