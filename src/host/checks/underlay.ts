// The way to other VTEPs: devices, routes, signs of life, and what the whole way carries.

import { type Ip, ipFamily } from '../../net/index.js'
import type { StateSource } from '../state/source.js'
import {
  type Around,
  type Check,
  counted,
  error,
  type Finding,
  found,
  type Outcome,
  warning,
} from './check.js'
import { overheadOf } from './mtu.js'

/** So many VTEPs are asked at the same time, and so many at all: a fabric of thousands is not flooded. */
const AT_ONCE = 32
const MOST_ASKED = 512

export const underlayChecks: readonly Check[] = [
  {
    code: 'uplinkDown',
    title: 'The interfaces of the underlay are up',
    group: 'underlay',
    hides: [
      'noRoute',
      'vtepUnresolved',
      'vtepSilent',
      'pathMtu',
      'peerDown',
      'bfdFlapping',
      'noRoutes',
    ],
    async ask({ source, machine }) {
      const names = underlayNames(source)
      const devices = (await machine.devices()).filter(({ ifname }) => names.has(ifname))
      const findings = devices
        .filter(({ flags }) => !flags.includes('UP') || flags.includes('NO-CARRIER'))
        .map(({ ifname, flags }) => {
          const state = flags.includes('UP') ? 'has no carrier' : 'is down'
          const fix = flags.includes('UP')
            ? `look at the cable and at the other end of ${ifname}`
            : `ip link set ${ifname} up`
          return error(`underlay interface ${ifname} ${state}`, fix)
        })
      return found(findings, [...names].join(', ') || 'none is used yet')
    },
  },
  {
    code: 'noRoute',
    title: 'The kernel knows a way to VTEPs and peers',
    group: 'underlay',
    hides: ['vtepUnresolved', 'vtepSilent', 'pathMtu', 'peerDown', 'noRoutes'],
    async ask({ source, machine }) {
      const lost = source.remoteStates().filter(({ resolved }) => !resolved)
      const down = source.speaker.peers().filter(({ state }) => state !== 'Established')
      const asked = [...new Set([...lost, ...down].map(({ address }) => address))]
      const findings = await inTurn(asked.slice(0, MOST_ASKED), async (address) => {
        const way = await machine.routeTo(address)
        if ('dev' in way) return []
        const fix = `add it: ip route add ${address} via GATEWAY dev UPLINK, or have the underlay announce it`
        return [error(`there is no route to ${address}: ${way.reason}`, fix, address)]
      })
      return found(
        findings.flat(),
        asked.length === 0 ? 'nobody is out of reach' : counted(asked.length, 'route'),
      )
    },
  },
  {
    code: 'vtepUnresolved',
    title: 'Every VTEP has a next hop',
    group: 'underlay',
    hides: ['vtepSilent', 'pathMtu', 'peerDown'],
    look({ remoteStates }) {
      const all = remoteStates()
      const findings = all
        .filter(({ resolved }) => !resolved)
        .map(({ address }) =>
          warning(
            `VTEP ${address}: the underlay has no route or no neighbour to it`,
            `ip route get ${address}; ip neigh`,
            address,
          ),
        )
      return found(findings, counted(all.length, 'VTEP'))
    },
  },
  {
    code: 'vtepSilent',
    title: 'Every VTEP gives a sign of life',
    group: 'underlay',
    hides: ['pathMtu', 'peerDown', 'bfdFlapping'],
    ask: askLives,
  },
  {
    code: 'pathMtu',
    title: 'The way to every VTEP carries full frames',
    group: 'underlay',
    ask: measurePaths,
  },
  {
    code: 'rpFilter',
    title: 'The kernel does not filter by reverse path',
    group: 'underlay',
    async ask({ source, machine }) {
      const all = Number(machine.setting('net.ipv4.conf.all.rp_filter') ?? 0)
      const findings: Finding[] = []
      const names = underlayNames(source)
      for (const name of names) {
        const own = Number(machine.setting(`net.ipv4.conf.${name}.rp_filter`) ?? 0)
        // The kernel takes the larger of the two; 2 is loose, and does no harm.
        if (Math.max(all, own) !== 1 || names.size < 2) continue
        findings.push(
          warning(
            `rp_filter is strict on ${name}, one of ${names.size} underlay interfaces: what comes by another one than its answer goes by is dropped`,
            `sysctl -w net.ipv4.conf.${name}.rp_filter=2 net.ipv4.conf.all.rp_filter=2`,
          ),
        )
      }
      return found(findings, `net.ipv4.conf.all.rp_filter is ${all}`)
    },
  },
]

/** Interfaces that lead to VTEPs, or that the configuration names. */
export function underlayNames({
  underlayStates,
  interfaceName,
  effective,
}: StateSource): Set<string> {
  const used = underlayStates().map(({ ifindex }) => interfaceName(ifindex))
  return new Set([...used, ...effective.config.vtep.interfaces])
}

/** Those that have a next hop: of the others it is said already. */
const reached = (source: StateSource): readonly { readonly address: Ip; readonly mtu: number }[] =>
  source.remoteStates().filter(({ resolved }) => resolved)

async function askLives({ source, probe, signal }: Around): Promise<Outcome> {
  const all = reached(source)
  const asked = all.slice(0, MOST_ASKED)
  const lives = await inTurn(asked, async ({ address }) => {
    signal.throwIfAborted()
    return { address, ...(await probe.lives(address)) }
  })
  const silent = lives.filter(({ sign }) => sign === 'none')
  const findings = silent.map(({ address }) =>
    error(
      `VTEP ${address} is announced and answers neither ICMP echo nor TCP: the host is dead, or the way to it broken`,
      `ping ${address}; if that host is gone, its peer should have withdrawn its routes`,
      address,
    ),
  )
  const times = lives.flatMap(({ milliseconds }) => milliseconds ?? [])
  const range =
    times.length === 0
      ? ''
      : `, round trip ${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)} ms`
  const left = all.length > asked.length ? ` of ${all.length}` : ''
  return found(findings, `${counted(asked.length, 'VTEP')}${left}${range}`)
}

async function measurePaths({ source, probe, signal }: Around): Promise<Outcome> {
  const overhead = overheadOf(ipFamily(source.effective.config.vtep.address))
  const largest = Math.max(0, ...source.portStates().map(({ mtu }) => mtu))
  const need = largest + overhead
  if (largest === 0) return { skipped: 'no port has an MTU' }
  let measured = 0
  const findings = await inTurn(reached(source).slice(0, MOST_ASKED), async ({ address, mtu }) => {
    signal.throwIfAborted()
    // What is too much for the first link is told by that of the port.
    const wanted = Math.min(need, mtu)
    const carried = await probe.carries(address, wanted)
    if (carried === undefined) return []
    measured++
    if (carried) return []
    const path = (await probe.pathMtu(address, wanted)) ?? 0
    return [
      warning(
        `the way to VTEP ${address} carries ${path}, its first link ${mtu}, and a full frame of a port needs ${need}: larger ones are lost without a word`,
        `raise the MTU of every link on the way to ${need}, or lower that of the ports to ${path - overhead}`,
        address,
      ),
    ]
  })
  if (measured === 0 && source.remoteStates().length > 0)
    return { skipped: 'no VTEP answers ICMP echo' }
  return found(findings.flat(), `${need} reach ${counted(measured, 'VTEP')}`)
}

/** Of all, so many at a time. */
async function inTurn<T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = []
  const waiting = [...all.entries()]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      answers[next[0]] = await ask(next[1])
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return answers
}
