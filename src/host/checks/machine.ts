// This machine, as checks see it: settings of the kernel, privileges of a process, devices and routes.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type DeviceRow, readDevices } from '../../io/index.js'

export const capabilityNumbers = {
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_IPC_LOCK: 14,
  CAP_SYS_ADMIN: 21,
  CAP_BPF: 39,
} as const

export interface Machine {
  /** A setting by its name, as "net.core.rmem_max"; undefined where there is none. */
  setting(name: string): string | undefined
  /** Effective capabilities; undefined when the process is not to be seen. */
  capabilities(pid: number | 'self'): bigint | undefined
  /** Octets that a process may lock; Infinity for any number. */
  memoryLock(pid: number | 'self'): number | undefined
  devices(): Promise<readonly DeviceRow[]>
  /** What the kernel says of the way to an address, or why there is none. */
  routeTo(address: string): Promise<{ readonly dev: string } | { readonly reason: string }>
  /** Output of ethtool; undefined where it is missing or refuses. */
  ethtool(...words: readonly string[]): Promise<string | undefined>
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function output(
  program: string,
  words: readonly string[],
): Promise<{ text: string; failed: boolean }> {
  const options = { timeout: 5000, env: { ...process.env, LC_ALL: 'C' } }
  return new Promise((resolve) => {
    execFile(program, words, options, (failure, stdout, stderr) =>
      resolve({
        text: failure === null ? stdout : stderr || failure.message,
        failed: failure !== null,
      }),
    )
  })
}

/** The one that we run on. */
export const thisMachine: Machine = {
  setting: (name) => read(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim(),

  capabilities(pid) {
    const match = /^CapEff:\s*([0-9a-f]+)$/m.exec(read(`/proc/${pid}/status`) ?? '')
    return match?.[1] === undefined ? undefined : BigInt(`0x${match[1]}`)
  },

  memoryLock(pid) {
    const soft = /^Max locked memory\s+(\S+)/m.exec(read(`/proc/${pid}/limits`) ?? '')?.[1]
    if (soft === undefined) return undefined
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
  },

  devices: () => readDevices().catch(() => []),

  async routeTo(address) {
    const { text, failed } = await output('ip', ['-j', 'route', 'get', address])
    if (failed) return { reason: text.trim().split('\n')[0] ?? 'no route' }
    const [row] = JSON.parse(text) as { dev?: string; type?: string }[]
    const { dev, type = 'unicast' } = row ?? {}
    return dev === undefined || type !== 'unicast' ? { reason: `the route is ${type}` } : { dev }
  },

  async ethtool(...words) {
    const { text, failed } = await output('ethtool', words)
    return failed ? undefined : text
  },
}
