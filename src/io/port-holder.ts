// Who holds a TCP or UDP port of this host: /proc/net gives the socket's inode, /proc/<pid>/fd the process.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { type Ip, ipFromBytes } from '../net/index.js'

export interface PortHolder {
  readonly pid: number
  readonly command: string
}

/** "bgpd (pid 812)", or that it cannot be seen from here. */
export function formatHolder(holder: PortHolder | undefined): string {
  if (holder !== undefined) return `${holder.command} (pid ${holder.pid})`
  return 'a process that is not visible to us'
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

const LISTEN = '0A'
const wildcards: readonly Ip[] = ['0.0.0.0', '::']

/** Lines of /proc/net/tcp: slot, local address:port, remote, state, queues, timers, retransmits, uid, timeout, inode. */
function inodesIn(table: string, address: Ip, port: number): readonly string[] {
  const inodes: string[] = []
  for (const line of read(`/proc/self/net/${table}`).split('\n').slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
    if (local === undefined || inode === undefined) continue
    if (table.startsWith('tcp') && state !== LISTEN) continue
    const [host = '', portHex = ''] = local.split(':')
    if (Number.parseInt(portHex, 16) !== port) continue
    const held = addressOf(host)
    if (held === address || wildcards.includes(held) || wildcards.includes(address)) {
      inodes.push(inode)
    }
  }
  return inodes
}

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
    return { pid: Number(pid), command: read(`/proc/${pid}/comm`).trim() }
  }
  return undefined
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
