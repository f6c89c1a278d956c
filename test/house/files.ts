// The files of the house, as git knows them, plus those not yet added.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Paths relative to the root that match a git pathspec; deleted ones are left out. */
export function files(...patterns: readonly string[]): string[] {
  const argv = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...patterns]
  const out = execFileSync('git', argv, { cwd: root, encoding: 'utf8' })
  return [...new Set(out.split('\0'))].filter((path) => path !== '' && existsSync(join(root, path)))
}

export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Lines that match, as path:line: text. */
export function linesWith(pattern: RegExp, paths: readonly string[]): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
      ),
  )
}
