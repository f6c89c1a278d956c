// Where the files are that tests read: the checkout, whether tests run from dist or from elsewhere.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout's root: the nearest folder above this file, or above the working folder, that has test/vectors. */
export const root = above(dirname(fileURLToPath(import.meta.url))) ?? above(process.cwd()) ?? '.'

function above(folder: string): string | undefined {
  if (existsSync(join(folder, 'test', 'vectors'))) return folder
  return dirname(folder) === folder ? undefined : above(dirname(folder))
}

export function readJson<T>(...path: readonly string[]): T {
  return JSON.parse(readFileSync(join(...path), 'utf8')) as T
}
