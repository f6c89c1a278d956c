// The core with a writer and readers at once: under the thread sanitizer, and at full speed, where changes are so many that the model of
// race.cpp sees what is in place for some nanoseconds only. What damaged input does: test/fuzz.

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

const builds = [
  { name: 'thread sanitizer', flags: ['-O1', '-g', '-fsanitize=thread'] },
  { name: 'full speed', flags: ['-O2'] },
]
for (const { name, flags } of builds) {
  test(`what never changes is found while everything around it does: ${name}`, {
    skip: missing('g++', flags, 'int main() {}') ?? false,
  }, async (t) => {
    const program = join(scratch(t), 'race')
    const words = ['-std=c++20', '-pthread', ...flags, 'test/core/race.cpp', ...sources]
    const built = run('g++', [...words, '-o', program])
    t.ok(built.ok, built.text)
    const { ok, text } = run(program, [String(raceSeconds)])
    t.ok(ok, text)
    t.match(text, /frames \d{3,} snapshots [1-9]\d* moves \d{3,}/)
  })
}
