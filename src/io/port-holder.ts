// Who holds a TCP or UDP port of this host: /proc/net gives the socket's inode, /proc/<pid>/fd the process.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { type Ip, ipFromBytes } from '../net/index.js'

export interface PortHolder {
  readonly pid: number
  readonly command: string
  /** Its program; empty where it may not be looked at. */
  readonly path: string
}

/** Programs that hold what we need, as packages start them: what their path or name ends in, and the unit. */
const units: readonly (readonly [RegExp, string])[] = [
  [/\/frr\/\w+$/, 'frr'],
  [/(?:^|\/)bgpd$/, 'openbgpd'],
  [/(?:^|\/)bird6?$/, 'bird'],
  [/(?:^|\/)gobgpd$/, 'gobgpd'],
  [/(?:^|\/)exabgp$/, 'exabgp'],
  [/(?:^|\/)ovs-vswitchd(?:-dpdk)?$/, 'openvswitch-switch'],
]

/** The unit that starts it, where it is a program that we know. */
export function unitOf({ path, command }: PortHolder): string | undefined {
  return units.find(([end]) => end.test(path) || end.test(command))?.[1]
}

/** "bgpd (pid 812); end it: systemctl disable --now frr", or that it cannot be seen from here. */
export function formatHolder(holder: PortHolder | undefined): string {
  if (holder === undefined) return 'a process that is not visible to us'
  const unit = unitOf(holder)
  const remedy = unit === undefined ? `kill ${holder.pid}` : `systemctl disable --now ${unit}`
  return `${holder.command} (pid ${holder.pid}); end it: ${remedy}`
}

/** The process whose socket stands in the way of one bound to `address` and `port`, if it can be seen. */
export function portHolder(
  protocol: 'tcp' | 'udp',
  address: Ip,
  port: number,
): PortHolder | undefined {
  const inodes = [protocol, `${protocol}6`].flatMap((table) => inodesIn(table, address, port))
  return inodes.length === 0 ? undefined : processOf(inodes.map((inode) => `socket:[${inode}]`))
}

/** The process that has a connection to this address and port, if it can be seen. */
export function connectionHolder(address: Ip, port: number): PortHolder | undefined {
  const inodes = ['tcp', 'tcp6'].flatMap((table) =>
    rowsOf(table).flatMap(({ remote, state, inode }) => {
      const isTheirs = state === ESTABLISHED && remote.port === port && remote.host === address
      return isTheirs ? [inode] : []
    }),
  )
  return inodes.length === 0 ? undefined : processOf(inodes.map((inode) => `socket:[${inode}]`))
}

const LISTEN = '0A'
const ESTABLISHED = '01'
const wildcards: readonly Ip[] = ['0.0.0.0', '::']

function inodesIn(table: string, address: Ip, port: number): readonly string[] {
  return rowsOf(table).flatMap(({ local, state, inode }) => {
    if (table.startsWith('tcp') && state !== LISTEN) return []
    const { host } = local
    const isInTheWay = host === address || wildcards.includes(host) || wildcards.includes(address)
    return isInTheWay && local.port === port ? [inode] : []
  })
}

interface Endpoint {
  readonly host: Ip
  readonly port: number
}

/** Lines of /proc/net/tcp: slot, local address:port, remote, state, queues, timers, retransmits, uid, timeout, inode. */
function rowsOf(table: string) {
  const rows: { local: Endpoint; remote: Endpoint; state: string; inode: string }[] = []
  for (const line of read(`/proc/self/net/${table}`).split('\n').slice(1)) {
    const [, local, remote, state = '', , , , , , inode] = line.trim().split(/\s+/)
    if (local === undefined || remote === undefined || inode === undefined) continue
    rows.push({ local: endpoint(local), remote: endpoint(remote), state, inode })
  }
  return rows
}

function endpoint(text: string): Endpoint {
  const [host = '', port = ''] = text.split(':')
  return { host: unmapped(addressOf(host)), port: Number.parseInt(port, 16) }
}

/** IPv4 as a socket of IPv6 has it. */
const unmapped = (ip: Ip): Ip => ip.replace(/^::ffff:(?=\d+\.)/, '')

/** The kernel prints each 32-bit word in the machine's byte order; all that we run on are little-endian. */
function addressOf(hex: string): Ip {
  const words = hex.match(/.{8}/g) ?? []
  return ipFromBytes(
    Uint8Array.from(words.flatMap((word) => [...Buffer.from(word, 'hex')].reverse())),
  )
}

function processOf(links: readonly string[]): PortHolder | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (!descriptors(pid).some((link) => links.includes(link))) continue
    return { pid: Number(pid), command: read(`/proc/${pid}/comm`).trim(), path: programOf(pid) }
  }
  return undefined
}

function programOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`)
  } catch {
    return ''
  }
}

/** What a process has open; nothing when it has ended or is not ours to look at. */
function descriptors(pid: string): readonly string[] {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).map((fd) => {
      try {
        return readlinkSync(`${folder}/${fd}`)
      } catch {
        return ''
      }
    })
  } catch {
    return []
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
