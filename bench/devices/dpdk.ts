// What programs with DPDK have in common: a name for their run-time files, which they leave behind.

import { rmSync } from 'node:fs'
import type { Host } from '../../test/lab/index.js'

export const dpdkPrefix = (host: Host): string => host.netns

export const forgetDpdk = (host: Host): void =>
  rmSync(`/var/run/dpdk/${dpdkPrefix(host)}`, { recursive: true, force: true })
