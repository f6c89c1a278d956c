// Neighbours of the configuration in the speaker's words.

import type {
  PeerSettings,
  RangeSettings,
  SessionSettings,
  SpeakerEvent,
  SpeakerSettings,
  Transport,
} from '../bgp/index.js'
import type { Config, Neighbor } from './config/schema.js'
import { neighborId } from './effective.js'

/** Of the speaker itself. */
export function speakerSettings(
  asn: number,
  routerId: string,
  { clusterId, gracefulRestart }: Config['bgp'],
): SpeakerSettings {
  const { enabled, restartSeconds, staleSeconds } = gracefulRestart
  return {
    asn,
    routerId,
    ...given({
      clusterId,
      gracefulRestart: enabled ? { restartSeconds, staleSeconds } : undefined,
    }),
  }
}

/** Stands for the address of whoever is at the other end of an interface until that is known. */
export const UNKNOWN_ADDRESS = '::'

/**
 * `source` is where to connect from if the neighbour does not say; undefined leaves it to the kernel. `found` is who has
 * been heard on its interface.
 */
export function neighborAdded(
  neighbor: Neighbor,
  source: string | undefined,
  found = UNKNOWN_ADDRESS,
): SpeakerEvent {
  const { address = found, range } = neighbor
  if (range !== undefined) return { event: 'rangeAdded', range: rangeSettings(neighbor, range) }
  return { event: 'peerAdded', peer: peerSettings(neighbor, address, source) }
}

export function neighborRemoved(neighbor: Neighbor): SpeakerEvent {
  const id = neighborId(neighbor)
  return neighbor.range === undefined ? { event: 'peerRemoved', id } : { event: 'rangeRemoved', id }
}

function peerSettings(
  neighbor: Neighbor,
  address: string,
  source: string | undefined,
): PeerSettings {
  const { port, passive, updateSource = source } = neighbor
  return {
    ...sessionSettings(neighbor),
    id: neighborId(neighbor),
    address,
    port,
    passive: passive || address === UNKNOWN_ADDRESS,
    ...given({ updateSource, interface: neighbor.interface }),
  }
}

function rangeSettings(neighbor: Neighbor, prefix: string): RangeSettings {
  return { ...sessionSettings(neighbor), id: prefix, prefix }
}

function sessionSettings(neighbor: Neighbor): SessionSettings {
  const { asn, families, maximumRoutes } = neighbor
  const isConstrained = neighbor.routeTargetConstraint && families.includes('evpn')
  return {
    asn,
    families: isConstrained ? [...families, 'rtc'] : families,
    routeReflectorClient: neighbor.routeReflectorClient,
    holdTimeSeconds: neighbor.holdTimeSeconds,
    nextHopSelf: neighbor.nextHopSelf,
    allowAsIn: neighbor.allowAsIn,
    asOverride: neighbor.asOverride,
    strictRole: neighbor.strictRole,
    addPath: neighbor.addPath,
    ...given({
      description: neighbor.description,
      transport: transportOf(neighbor),
      bfd: neighbor.bfd,
      limits: maximumRoutes,
      filterIn: neighbor.filterIn,
      filterOut: neighbor.filterOut,
      siteOfOrigin: neighbor.siteOfOrigin,
      role: neighbor.role,
    }),
  }
}

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

/** Without what nobody gave. */
function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Given<T>
}

const MAX_TTL = 255

function transportOf(neighbor: Neighbor): Transport | undefined {
  const { password, multihop, ttlSecurity } = neighbor
  const tcpAo = neighbor.tcpAo?.map((key) => ({ receiveId: key.sendId, ...key }))
  const minimumTtl = ttlSecurity === undefined ? undefined : MAX_TTL + 1 - ttlSecurity
  const ttl = minimumTtl === undefined ? multihop : MAX_TTL
  const transport: Transport = given({ password, tcpAo, ttl, minimumTtl })
  return Object.keys(transport).length === 0 ? undefined : transport
}
