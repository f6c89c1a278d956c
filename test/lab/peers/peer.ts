// How every foreign speaker is told about a neighbour; each start function translates it.

export interface PeerSpec {
  readonly address: string
  readonly asn: number
  /** This side reflects the neighbour's routes. */
  readonly client?: boolean
  /** This side only listens. */
  readonly passive?: boolean
  readonly holdTimeSeconds?: number
}

export const defaultHoldTimeSeconds = 9

export const keepaliveSeconds = (peer: PeerSpec): number =>
  Math.floor((peer.holdTimeSeconds ?? defaultHoldTimeSeconds) / 3)

/** Of a speaker of the underlay: unicast prefixes for the reachability of VTEPs. */
export interface UnderlayPeerOptions {
  readonly asn: number
  readonly peers: readonly PeerSpec[]
  /** Prefixes that it announces. */
  readonly prefixes: readonly string[]
  /** Further lines for every neighbour. */
  readonly extra?: readonly string[]
}
