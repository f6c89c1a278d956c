// libvirt's hook for QEMU domains (https://libvirt.org/hooks.html): before a domain has its resources the ports of its
// interfaces are attached, when it has given them back they are detached. The domain's XML says all; nothing is remembered
// here, every call may come twice, and libvirt is never asked.

import type { Api } from '../api.js'
import { type DomainInterface, readDomain } from './domain.js'
import type { Taps } from './taps.js'

export interface HookParts {
  readonly api: Api
  readonly taps: Taps
  /** Who owns the sockets of vhostuser interfaces: the user that QEMU runs as. */
  readonly socketOwner?: string
}

interface Phase {
  readonly act: 'connect' | 'disconnect'
  /** libvirt ends the domain when the hook fails here, though it runs and its ports may be well. */
  readonly mayFail?: true
}

/** By operation and sub-operation; of all others the hook wants nothing. */
const phases: Readonly<Record<string, Phase>> = {
  // Also on the host that a domain migrates to: a host that is said to be behind a port does not leave the one where it is.
  'prepare begin': { act: 'connect' },
  'reconnect begin': { act: 'connect', mayFail: true },
  'release end': { act: 'disconnect' },
}

/** Undefined: there is nothing to do, not even to read the XML. */
export function hookPhase(operation: string, suboperation: string): Phase | undefined {
  const key = `${operation} ${suboperation}`
  return Object.hasOwn(phases, key) ? phases[key] : undefined
}

interface InterfaceType {
  connect(parts: HookParts, one: DomainInterface): Promise<void>
  disconnect(parts: HookParts, one: DomainInterface): Promise<void>
}

/** By the type of <interface>. */
const types: Readonly<Record<string, InterfaceType>> = {
  /** libvirt puts its tap into the bridge; ours is the way out of it, and stays for others. */
  bridge: {
    async connect({ api }, one) {
      const bridge = needed(one, 'source bridge', one.bridge)
      const vni = needed(one, 'vni', one.vni)
      const name = trunkOf(vni)
      await api.call('POST', '/v1/attachments', { vni, name, kind: 'tap', options: { bridge } })
      await api.call('POST', `/v1/ports/${name}/hosts`, { mac: one.mac, ip: one.ip })
    },
    async disconnect({ api }, one) {
      const name = trunkOf(needed(one, 'vni', one.vni))
      await api.call('DELETE', `/v1/ports/${name}/hosts/${one.mac}`)
    },
  },

  /** The interface itself is the port. libvirt makes it after this, unless it is not to manage it. */
  ethernet: {
    async connect({ api, taps }, one) {
      const name = needed(one, 'target dev', one.target)
      if (!one.managed) await taps.make(name, one)
      await attach(api, one, { name, kind: 'netdev' })
    },
    async disconnect({ api, taps }, one) {
      const name = needed(one, 'target dev', one.target)
      await api.call('DELETE', `/v1/attachments/${name}`).finally(async () => {
        if (!one.managed) await taps.remove(name)
      })
    },
  },

  vhostuser: {
    async connect({ api, socketOwner }, one) {
      const { path, server } = needed(one, 'source path', one.socket)
      const owner = socketOwner === undefined ? {} : { owner: socketOwner }
      const options = { socket: path, ...(server ? { mode: 'client' } : owner) }
      await attach(api, one, { name: portOf(one), kind: 'vhost-user', options })
    },
    async disconnect({ api }, one) {
      await api.call('DELETE', `/v1/attachments/${portOf(one)}`)
    },
  },
}

/**
 * Rejects with an error of one sentence for the first interface that can not be had. Those that are given back are all
 * given back, as far as that goes.
 */
export async function runHook(parts: HookParts, { act }: Phase, xml: string): Promise<void> {
  let failed: unknown
  for (const one of readDomain(xml)) {
    const type = Object.hasOwn(types, one.type) ? types[one.type] : undefined
    if (type === undefined) {
      const expected = Object.keys(types).join(', ')
      throw new Error(`interface ${one.mac}: type: expected one of ${expected}, got "${one.type}"`)
    }
    try {
      await type[act](parts, one)
    } catch (error) {
      if (act === 'connect') throw error
      failed ??= error
    }
  }
  if (failed !== undefined) throw failed
}

function attach(api: Api, one: DomainInterface, port: object): Promise<unknown> {
  const { mac, ip, vni, network } = one
  const where = vni === undefined ? { network } : { vni }
  return api.call('POST', '/v1/attachments', { ...where, ...port, hosts: [{ mac, ip }] })
}

/** As CloudStack calls it. */
const trunkOf = (vni: number): string => `vxlan${vni}`

/** A port without an interface is known by its host. */
const portOf = ({ mac }: DomainInterface): string => `vm-${mac.replaceAll(':', '')}`

function needed<T>({ type, mac }: DomainInterface, what: string, value: T | undefined): T {
  if (value !== undefined) return value
  throw new Error(`interface ${mac}: expected ${what} for type ${type}, got nothing`)
}
