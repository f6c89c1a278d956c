// Looks at this machine before anything is applied: what the configuration takes for granted must be there.

import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { ipFamily, parseIp, parsePrefix, prefixContains } from '../net/index.js'
import type { Config } from './config/schema.js'

/**
 * Where to connect to a peer from: our VTEP address, by which peers know us, unless the peer is a neighbour on a
 * directly connected network or of the other family. Undefined leaves it to the kernel.
 */
export function sourceFor(peer: string, vtep: string): string | undefined {
  if (ipFamily(peer) !== ipFamily(vtep)) return undefined
  const connected = ownInterfaceAddresses().some(
    ({ cidr }) => cidr !== null && prefixContains(parsePrefix(cidr), peer),
  )
  return connected ? undefined : vtep
}

/** Names of all interfaces of this network namespace, up or not. */
export function interfaceNames(): string[] {
  // /sys/class/net shows the namespace of whoever mounted it; this one is always ours.
  return readFileSync('/proc/self/net/dev', 'utf8')
    .split('\n')
    .slice(2)
    .map((line) => line.slice(0, Math.max(0, line.indexOf(':'))).trim())
    .filter((name) => name !== '')
}

/** Everything that is missing, a sentence each; empty when all is there. */
export async function checkWorld(config: Config): Promise<string[]> {
  const names = interfaceNames()
  return [
    ...(await missingAddress('address', config.vtep.address)),
    ...(await missingAddress('replicatorAddress', config.vtep.replicatorAddress)),
    ...config.vtep.interfaces.flatMap((name, i) =>
      names.includes(name) ? [] : [noInterface(`vtep.interfaces[${i}]`, name, names)],
    ),
    ...config.bgp.neighbors.flatMap(({ interface: name }, i) =>
      name === undefined || names.includes(name)
        ? []
        : [noInterface(`bgp.neighbors[${i}].interface`, name, names)],
    ),
    ...missingPrivilege(config),
  ]
}

/** Name of an interface by its index. */
export function interfaceName(ifindex: number): string {
  const pattern = new RegExp(`^${ifindex}\\s+(\\S+)`, 'm')
  return pattern.exec(readFileSync('/proc/self/net/igmp', 'utf8'))?.[1] ?? `if${ifindex}`
}

async function missingAddress(key: string, address: string | undefined): Promise<string[]> {
  if (address === undefined || (await canBind(address))) return []
  const own = ownAddresses().join(', ')
  return [`vtep.${key}: expected an address of this host (${own}), got ${address}`]
}

/** The kernel lets us bind to an address exactly if it is one of ours, with or without carrier. */
function canBind(address: string): Promise<boolean> {
  const socket = createSocket(ipFamily(address) === 4 ? 'udp4' : 'udp6')
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false))
    socket.bind({ port: 0, address, exclusive: true }, () => socket.close(() => resolve(true)))
  })
}

function ownInterfaceAddresses(): NetworkInterfaceInfo[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
}

function ownAddresses(): string[] {
  return ownInterfaceAddresses()
    .map(({ address }) => parseIp(address.replace(/%.*$/, '')))
    .filter((address) => !address.startsWith('fe80:'))
}

function noInterface(where: string, name: string, names: readonly string[]): string {
  return `${where}: expected an interface of this host (${names.join(', ')}), got ${name}`
}

const capabilities = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_BPF: 39 } as const
const capabilitiesOfXdp = ['CAP_NET_RAW', 'CAP_NET_ADMIN', 'CAP_BPF'] as const

function missingPrivilege(config: Config): string[] {
  const needed = new Map<keyof typeof capabilities, string>()
  if (config.vtep.uplink === 'raw') needed.set('CAP_NET_RAW', 'uplink raw')
  if (config.vtep.uplink === 'af_xdp')
    for (const capability of capabilitiesOfXdp) needed.set(capability, 'uplink af_xdp')
  for (const { interface: name } of config.bgp.neighbors)
    if (name !== undefined) needed.set('CAP_NET_RAW', `peer ${name} (router advertisements)`)
  for (const { kind, name } of config.networks.flatMap(({ ports }) => ports)) {
    if (kind === 'tap') needed.set('CAP_NET_ADMIN', `port ${name} (tap)`)
    if (kind === 'netdev') {
      needed.set('CAP_NET_RAW', `port ${name} (netdev)`)
      needed.set('CAP_NET_ADMIN', `port ${name} (netdev)`)
    }
    if (kind === 'af_xdp')
      for (const capability of capabilitiesOfXdp) needed.set(capability, `port ${name} (af_xdp)`)
  }
  const held = effectiveCapabilities()
  const missing = [...needed].filter(([name]) => (held & (1n << BigInt(capabilities[name]))) === 0n)
  if (missing.length === 0) return []
  const list = missing.map(([name, why]) => `${name} for ${why}`).join(', ')
  return [`no privilege: ${list}; run as root or with ${[...needed.keys()].join(' and ')}`]
}

function effectiveCapabilities(): bigint {
  const match = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return BigInt(`0x${match?.[1] ?? '0'}`)
}
