// What the tests of platforms share: two hosts with a daemon each, on one wire, and nothing configured but their session.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  attempt,
  type CommandOptions,
  type CommandResult,
  type Host,
  root,
  startVtep,
  type Vtep,
  type VtepConfig,
  wire,
} from '../lab/index.js'

export const vni = 10100

export interface Pair {
  readonly hosts: readonly [Host, Host]
  readonly vteps: readonly [Vtep, Vtep]
}

export interface Owner {
  teardown(handler: () => Promise<void>): void
}

/** `tenants`: of both. */
export async function startPair(
  owner: Owner,
  tenants: Pick<VtepConfig, 'networks' | 'vrfs'> = {},
): Promise<Pair> {
  const fabric = await wire(owner)
  const hosts = [fabric.hosts[0]!, fabric.hosts[1]!] as const
  const config = (n: 0 | 1): VtepConfig => ({
    asn: 65000,
    vtep: { address: hosts[n].vtep4 },
    bgp: {
      listen: {},
      neighbors: [{ address: hosts[1 - n]!.vtep4, asn: 65000, passive: n === 1 }],
    },
    ...tenants,
  })
  const start = async (n: 0 | 1) => startVtep(hosts[n], config(n))
  const vteps = await Promise.all([start(0), start(1)])
  await vteps[0].established()
  return { hosts, vteps }
}

export const program = (path: string): string => join(root, path)

/**
 * A command in the host's namespace that sees its interfaces in /sys, its daemon, and a /run/cloud of its own, as
 * CloudStack's agent has it.
 */
export function inHost(
  vtep: Vtep,
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const cloud = join(vtep.host.directory, 'cloud')
  mkdirSync(cloud, { recursive: true })
  const prepare =
    'mount -t tmpfs none /run; mkdir /run/cloud; mount --bind "$0" /run/cloud; exec "$@"'
  const words = ['ip', 'netns', 'exec', vtep.host.netns, 'sh', '-ec', prepare, cloud, ...argv]
  return attempt(words, { ...options, env: { VTEP_RUNTIME_DIR: vtep.runtimeDir, ...options.env } })
}
