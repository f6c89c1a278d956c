// What programs with DPDK have in common: a name for their run-time files, which they leave behind.

import { rmSync } from 'node:fs'
import type { Host } from '../../test/lab/index.js'
import { atEnd } from '../at-end.js'

const named = new Map<string, () => void>()

/** For --file-prefix. */
export function dpdkPrefix(host: Host): string {
  const prefix = host.netns
  const folder = `/var/run/dpdk/${prefix}`
  if (!named.has(prefix)) {
    named.set(
      prefix,
      atEnd(() => rmSync(folder, { recursive: true, force: true })),
    )
  }
  return prefix
}

/** When its programs have ended. */
export function forgetDpdk(host: Host): void {
  named.get(host.netns)?.()
  named.delete(host.netns)
}
