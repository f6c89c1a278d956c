// Ethernet segments in the reference switch: groups of VTEPs that MACs are behind, and ports that lead to a segment.

import { type Esi, type Ip, ZERO_ESI } from '../../net/index.js'
import { ip16 } from './bytes.js'
import { mix } from './layers.js'
import { ROUTE_SEED, rendezvous } from './model-routes.js'

export type SegmentOperation =
  | ({
      readonly op: 'macGroupSet'
      readonly vni: number
      readonly remotes: readonly Ip[]
    } & GroupKey)
  | ({ readonly op: 'macGroupRemove'; readonly vni: number } & GroupKey)
  | ({ readonly op: 'portSegmentSet'; readonly port: number } & PortSegment)
  | { readonly op: 'portSegmentClear'; readonly port: number }

export interface GroupKey {
  readonly esi: Esi
  /** "::": none. */
  readonly via: Ip
}

export interface MacGroup extends GroupKey {
  readonly remotes: readonly Ip[]
}

export interface PortSegment {
  readonly designated: boolean
  readonly blocked: boolean
  readonly peers: readonly Ip[]
}

export const groupKey = ({ esi, via }: GroupKey): string => `${esi} ${via}`

export const isNoSegment = (esi: Esi): boolean => esi === ZERO_ESI

/** The VTEP of a flow, if the group has any. */
export function memberOf({ remotes }: MacGroup, flowHash: number): Ip | undefined {
  return rendezvous(remotes, identity, flowHash)
}

function identity(remote: Ip): bigint {
  const octets = ip16(remote)
  const view = new DataView(octets.buffer, octets.byteOffset)
  const words = [view.getBigUint64(0, true), view.getBigUint64(8, true)]
  return words.reduce((h, word) => mix(h ^ word), ROUTE_SEED)
}

/**
 * Why a broadcast of a VTEP must not go to a port, if so (RFC 8365 section 8.3.1, RFC 7432 section 8.5). `isReplicated`: by us, to all
 * other VTEPs, who take it for ours (RFC 9574 section 9.2).
 */
export function keptBack(
  { designated, peers }: PortSegment,
  source: Ip,
  isReplicated: boolean,
): string | undefined {
  if (peers.includes(source)) return 'local_bias'
  return designated || isReplicated ? undefined : 'not_designated'
}
