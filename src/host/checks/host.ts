// This machine and our processes on it.

import { type Around, type Check, type Finding, found, type Outcome, warning } from './check.js'
import { capabilityNumbers } from './machine.js'
import { traps } from './traps.js'
import { underlayNames } from './underlay.js'

export const hostChecks: readonly Check[] = [
  {
    code: 'eventLog',
    title: 'Events are kept on disk',
    group: 'host',
    look({ eventArchive }) {
      if (eventArchive === undefined) return { ok: 'in memory only' }
      const { failure, lost } = eventArchive
      const findings =
        failure === undefined
          ? []
          : [
              warning(
                `events are not kept on disk: ${failure}; ${lost} are lost so far`,
                'make room, or the directory writable',
              ),
            ]
      return found(findings, 'all that are told')
    },
  },
  {
    code: 'capabilities',
    title: 'The processes may do what the configuration wants',
    group: 'host',
    async ask({ source, path, machine }) {
      const processes = [
        { name: 'controller', pid: 'self' as const, needs: ['CAP_NET_RAW'] as const },
        { name: 'dataplane', pid: path.processId, needs: dataplaneNeeds(source) },
      ]
      const findings = processes.flatMap(({ name, pid, needs }): Finding[] => {
        const held = pid === undefined ? undefined : machine.capabilities(pid)
        if (held === undefined) return []
        const missing = needs.filter((one) => !has(held, one))
        if (missing.length === 0) return []
        const why =
          name === 'controller'
            ? 'VTEPs can be asked for a sign of life only where net.ipv4.ping_group_range lets us'
            : 'ports and uplinks of some kinds can not be opened'
        return [
          warning(
            `the ${name} lacks ${missing.join(' and ')}: ${why}`,
            `run as root, or AmbientCapabilities=${needs.join(' ')} in its unit`,
          ),
        ]
      })
      return found(findings, 'all that are needed')
    },
  },
  {
    code: 'memoryLock',
    title: 'AF_XDP may pin its memory',
    group: 'host',
    async ask({ source, path, machine }) {
      const kinds = [source.uplink?.kind, ...source.portStates().map(({ kind }) => kind)]
      const limit = machine.memoryLock(path.processId ?? 'self')
      if (limit === undefined) return { skipped: 'the limits of the dataplane are not to be seen' }
      const said = Number.isFinite(limit) ? `${limit >> 20} MiB` : 'unlimited'
      const isUsed = kinds.includes('af_xdp')
      const held = machine.capabilities(path.processId ?? 'self') ?? 0n
      const isEnough = limit >= AF_XDP_OCTETS || has(held, 'CAP_IPC_LOCK')
      const findings =
        isUsed && !isEnough
          ? [
              warning(
                `the dataplane may lock ${said}, and an AF_XDP socket pins some ${AF_XDP_OCTETS >> 20} MiB`,
                'LimitMEMLOCK=infinity in its unit, or ulimit -l unlimited',
              ),
            ]
          : []
      return found(findings, `${said}${isUsed ? '' : ', and nothing uses AF_XDP'}`)
    },
  },
  {
    code: 'queues',
    title: 'Queues of the uplink and workers meet',
    group: 'host',
    ask: compareQueues,
  },
  {
    code: 'socketBuffers',
    title: 'Sockets may have large buffers',
    group: 'host',
    async ask({ machine, source, path }) {
      const names = ['net.core.rmem_max', 'net.core.wmem_max'] as const
      const values = names.map((name) => ({ name, value: Number(machine.setting(name) ?? 0) }))
      const text = values.map(({ name, value }) => `${name} ${value}`).join(', ')
      const held = machine.capabilities(path.processId ?? 'self') ?? 0n
      // Who may administrate the network is not held to these.
      const isBound = source.uplink?.kind === 'udp' && !has(held, 'CAP_NET_ADMIN')
      const small = values.filter(({ value }) => value < SOCKET_OCTETS)
      const findings =
        isBound && small.length > 0
          ? [
              warning(
                `${text}: a burst of some milliseconds at 10 Gbit/s does not fit`,
                `sysctl -w ${small.map(({ name }) => `${name}=${SOCKET_OCTETS}`).join(' ')}`,
              ),
            ]
          : []
      return found(findings, text)
    },
  },
  {
    code: 'driverTrap',
    title: 'No trap of kernel or driver is known here',
    group: 'host',
    ask: traps,
  },
]

/** What umem and rings of one socket take, and then some. */
const AF_XDP_OCTETS = 64 << 20
const SOCKET_OCTETS = 4 << 20

const has = (held: bigint, name: keyof typeof capabilityNumbers): boolean =>
  (held & (1n << BigInt(capabilityNumbers[name]))) !== 0n

function dataplaneNeeds({ uplink, portStates }: Around['source']) {
  const needs = new Set<keyof typeof capabilityNumbers>()
  const kinds = new Set([uplink?.kind ?? '', ...portStates().map(({ kind }) => kind)])
  if (kinds.has('raw') || kinds.has('netdev') || kinds.has('af_xdp')) needs.add('CAP_NET_RAW')
  if (kinds.has('tap') || kinds.has('netdev') || kinds.has('af_xdp')) needs.add('CAP_NET_ADMIN')
  if (kinds.has('af_xdp')) needs.add('CAP_BPF')
  return [...needs]
}

/** One receive queue keeps one worker busy, whatever others there are. */
async function compareQueues({ source, machine }: Around): Promise<Outcome> {
  const { workers } = source.effective.config.dataplane
  const names = underlayNames(source)
  const devices = (await machine.devices()).filter(({ ifname }) => names.has(ifname))
  const rows = devices.map(({ ifname, num_rx_queues: queues = 0, linkinfo }) => ({
    ifname,
    queues,
    isPhysical: linkinfo?.info_kind === undefined,
  }))
  const count = typeof workers === 'number' ? workers : undefined
  const findings = rows
    .filter(({ isPhysical, queues }) => isPhysical && queues === 1 && (count ?? 2) > 1)
    .map(({ ifname }) =>
      warning(
        `${ifname} has 1 receive queue for ${count ?? 'several'} workers: one CPU takes in all that comes`,
        `ethtool -L ${ifname} combined ${count ?? 'N'}, where the card has more; a virtual machine needs more queues of its host`,
      ),
    )
  const text = rows.map(({ ifname, queues }) => `${ifname}: ${queues} receive queues`).join(', ')
  return found(
    findings,
    `${text || 'no underlay interface is used yet'}; workers: ${count ?? 'by CPU'}`,
  )
}
