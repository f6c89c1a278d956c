// The version of this package.

import { readFileSync } from 'node:fs'

let version: string | undefined

export function packageVersion(): string {
  if (version === undefined) {
    // This file is dist/src/host/instance/version.js.
    const file = new URL('../../../../package.json', import.meta.url)
    version = (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
  }
  return version
}
