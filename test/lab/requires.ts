// What a test needs from the machine; what is missing becomes the one line of its skip.

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const extra = ['/usr/sbin', '/sbin', '/usr/lib/frr']

export function findProgram(name: string): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...extra]) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not there.
    }
  }
  return undefined
}

/** False when all is there, or the reason to skip: tap's `skip` option. */
export function missing(...programs: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root (or a user namespace: unshare -Urnm)'
  const absent = ['ip', 'nsenter', ...programs].filter((name) => findProgram(name) === undefined)
  return absent.length === 0 ? false : `not installed: ${absent.join(', ')} (npm run setup -- test)`
}
