// What TCP has to do for which addresses: TTL, the least TTL (RFC 5082), MD5 (RFC 2385), AO (RFC 5925). Node.js can set
// none of them, so the native addon does it on the descriptor.

import { closeSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import type { TcpAoAlgorithm, TcpAoKey, Transport } from '../bgp/index.js'
import { type Ip, ipFamily, type Prefix, prefixContains, splitPrefix } from '../net/index.js'
import type { AddonTcp } from './addon.js'
import { loadAddon } from './native.js'

/** What a listener sends before it knows whom to: a peer with RFC 5082 takes nothing less. */
const MAX_TTL = 255

export class Transports {
  readonly #byPrefix = new Map<Prefix, Transport>()
  readonly #listeners = new Set<Server>()
  /** Prefixes whose password or keys the kernel did not take for somebody who connects to us. */
  readonly #refused = new Map<Prefix, string>()

  /** Connections with the prefix, in either direction, are made so from now on. */
  set(prefix: Prefix, transport: Transport | undefined): void {
    const old = this.#byPrefix.get(prefix)
    if (transport === undefined) this.#byPrefix.delete(prefix)
    else this.#byPrefix.set(prefix, transport)
    this.#refused.delete(prefix)
    for (const server of this.#listeners) this.#applyTo(server, prefix, transport, old)
  }

  /** A server that has begun to listen. */
  listen(server: Server): void {
    this.#listeners.add(server)
    for (const [prefix, transport] of this.#byPrefix) this.#applyTo(server, prefix, transport)
  }

  /** A descriptor to connect to the address with; undefined when any will do. Throws what the kernel has against it. */
  descriptorFor(address: Ip): number | undefined {
    const transport = this.#of(address)?.transport
    if (transport === undefined) return undefined
    const tcp = addon()
    const descriptor = tcp.open(ipFamily(address))
    try {
      limit(tcp, descriptor, transport)
      const { password, tcpAo = [] } = transport
      if (password !== undefined) protect(tcp, descriptor, whole(address), password)
      for (const [index, key] of tcpAo.entries()) {
        addKey(tcp, descriptor, whole(address), key, index === 0)
      }
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
    return descriptor
  }

  /** For a connection that was accepted: what is wrong with it, or undefined. */
  accept(socket: Socket, address: Ip): string | undefined {
    const found = this.#of(address)
    if (found === undefined) return undefined
    const refusal = this.#refused.get(found.prefix)
    if (refusal !== undefined) return refusal
    try {
      limit(addon(), descriptorOf(socket), found.transport)
      return undefined
    } catch (error) {
      return transportReason(error)
    }
  }

  #of(address: Ip): { readonly prefix: Prefix; readonly transport: Transport } | undefined {
    let best: { prefix: Prefix; transport: Transport; length: number } | undefined
    for (const [prefix, transport] of this.#byPrefix) {
      const { length } = splitPrefix(prefix)
      if (!prefixContains(prefix, address) || (best !== undefined && best.length > length)) continue
      best = { prefix, transport, length }
    }
    return best
  }

  #applyTo(
    server: Server,
    prefix: Prefix,
    transport: Transport | undefined,
    old?: Transport,
  ): void {
    const { password = '', minimumTtl, tcpAo = [] } = transport ?? {}
    try {
      if (minimumTtl !== undefined) addon().setTtl(descriptorOf(server), MAX_TTL, 0)
      if (!canMeet(server, prefix)) return
      // The kernel takes no password where there are keys, and no keys where there is a password.
      for (const key of old?.tcpAo ?? []) removeKey(addon(), descriptorOf(server), prefix, key)
      if (password !== '' || old?.password !== undefined) {
        protect(addon(), descriptorOf(server), prefix, password)
      }
      for (const key of tcpAo) addKey(addon(), descriptorOf(server), prefix, key, false)
    } catch (error) {
      this.#refused.set(prefix, transportReason(error))
    }
  }
}

/** An IPv4 socket meets no IPv6 peers; one for IPv6 may meet both. */
function canMeet(server: Server, prefix: Prefix): boolean {
  const bound = server.address()
  const isIpv6 = typeof bound === 'object' && bound?.family === 'IPv6'
  return isIpv6 || ipFamily(splitPrefix(prefix).address) === 4
}

function limit(tcp: AddonTcp, descriptor: number, { ttl, minimumTtl }: Transport): void {
  tcp.setTtl(descriptor, ttl ?? 0, minimumTtl ?? 0)
}

function protect(tcp: AddonTcp, descriptor: number, prefix: Prefix, password: string): void {
  const { address, length } = splitPrefix(prefix)
  tcp.setPassword(descriptor, address, length, password)
}

/** As the kernel names them. */
const algorithms: Readonly<Record<TcpAoAlgorithm, string>> = {
  'hmac-sha-1-96': 'hmac(sha1)',
  'aes-128-cmac-96': 'cmac(aes128)',
}

function addKey(
  tcp: AddonTcp,
  descriptor: number,
  prefix: Prefix,
  { sendId, receiveId, algorithm, password }: TcpAoKey,
  isFirst: boolean,
): void {
  const { address, length } = splitPrefix(prefix)
  const kernelName = algorithms[algorithm]
  try {
    tcp.addKey(descriptor, address, length, sendId, receiveId, kernelName, password, isFirst)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOPROTOOPT') throw error
    throw new Error('the kernel has no TCP-AO (CONFIG_TCP_AO, Linux 6.7 and later)')
  }
}

/** One that the kernel did not take need not be taken from it. */
function removeKey(
  tcp: AddonTcp,
  descriptor: number,
  prefix: Prefix,
  { sendId, receiveId }: TcpAoKey,
): void {
  const { address, length } = splitPrefix(prefix)
  try {
    tcp.removeKey(descriptor, address, length, sendId, receiveId)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOPROTOOPT') throw error
  }
}

function whole(address: Ip): Prefix {
  return `${address}/${ipFamily(address) === 4 ? 32 : 128}`
}

function addon(): AddonTcp {
  return loadAddon().tcp
}

/** Node.js has no public name for it. */
function descriptorOf(holder: Server | Socket): number {
  const { _handle } = holder as unknown as { readonly _handle?: { readonly fd?: number } | null }
  const descriptor = _handle?.fd
  if (descriptor === undefined || descriptor < 0) throw new Error('the socket has no descriptor')
  return descriptor
}

/** Why the kernel, or a missing addon, does not let us. */
export function transportReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOPROTOOPT') return 'the kernel has no TCP MD5 (CONFIG_TCP_MD5SIG)'
  return message
}
