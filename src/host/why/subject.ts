// What is asked about, and everything that is known of it: gathered once, looked at by every link.

import type { LocRibEntry, Path, RefusedPath } from '../../bgp/index.js'
import type { MacAccount, MacView, RouteAccount } from '../../evpn/index.js'
import type { MacRow, MacState, NetworkImage, PortState, RemoteState } from '../../fib/index.js'
import type { Ip, Mac } from '../../net/index.js'
import type { Network } from '../config/schema.js'
import type { Probe } from '../probe/index.js'
import type { StateSource } from '../state/index.js'

/** A route of others about the address. */
export interface KnownRoute {
  readonly entry: LocRibEntry
  /** Who imports it; undefined where evpn does not keep it (our own, come back). */
  readonly account: RouteAccount | undefined
  /** The VNI that it says. */
  readonly label: number
}

export interface Subject {
  /**
   * host: a MAC, or an address that a MAC has or may have. prefix: an address that is only routed to. vtep: the address
   * of a VTEP.
   */
  readonly kind: 'host' | 'prefix' | 'vtep'
  readonly address: Mac | Ip
  readonly source: StateSource
  /** Asks VTEPs for a sign of life; undefined: nobody is to be asked. */
  readonly probe: Probe | undefined
  /** Milliseconds since 1970. */
  readonly now: number
  /** Undefined where no network of ours is concerned. */
  readonly network: Network | undefined
  readonly vni: number | undefined
  /** Of a prefix: the IP-VRF that routes to it. */
  readonly vrf: string | undefined
  readonly mac: Mac | undefined
  readonly ips: readonly Ip[]
  readonly view: MacView | undefined
  readonly account: MacAccount | undefined
  /** Those about this network first. */
  readonly routes: readonly KnownRoute[]
  /** Our own routes about it. */
  readonly own: readonly Path[]
  /** Paths about it that policy refused. */
  readonly refused: readonly RefusedPath[]
  /** VTEPs that lead to it: of a segment there may be several. */
  readonly remotes: readonly Ip[]
  /** Of the network. */
  readonly image: NetworkImage | undefined
  readonly wantedRow: MacRow | undefined
  /** What the dataplane has of the MAC. */
  readonly row: MacState | undefined
  readonly ports: readonly PortState[]
  readonly remoteStates: ReadonlyMap<Ip, RemoteState>
}

/** It is behind a port of ours. */
export const isLocal = ({ view, account }: Subject): boolean =>
  view?.kind === 'local' || (view === undefined && account?.binding !== undefined)

/** Somebody explains where the address is, if only it could be used. */
export function isExplained({ account, routes, refused, row }: Subject): boolean {
  return account !== undefined || routes.length > 0 || refused.length > 0 || row !== undefined
}

export const portName = ({ source }: Subject, id: number): string => {
  for (const { id: one, port } of source.ports.values()) if (one === id) return port.name
  return `port ${id}`
}

/** Of an address in canonical form. */
export const isMac = (address: Mac | Ip): boolean => /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(address)
