// The desired content of the packet path's tables. Every row is the operation that makes it, so what is wanted, what
// is sent and what is compared are one thing. Learned local MACs and snooped bindings are not here: those are the
// packet path's own.

import type { Ip, Mac } from '../net/index.js'
import type {
  FloodState,
  ListenerState,
  MacGroupKey,
  Operation,
  PortSegment,
  Pruning,
  RouteState,
} from './dataplane.js'

/** The operations of the given names. */
export type OperationOf<Name extends Operation['op']> = Extract<Operation, { readonly op: Name }>

/** One path of a route of an IP-VRF: all that it says. */
export function routeKey(route: RouteState): string {
  const { prefix, kind } = route
  const vni = 'vni' in route ? route.vni : ''
  const via = 'via' in route ? route.via : ''
  return `${prefix} ${kind} ${vni} ${via} ${'mac' in route ? route.mac : ''}`
}

/** What tells the groups of a network apart. */
export function macGroupKey({ esi, via = '' }: Pick<MacGroupKey, 'esi' | 'via'>): string {
  return `${esi} ${via}`
}

/** Where a MAC is. */
export type MacRow = OperationOf<'macSetRemote' | 'macSetGroup' | 'macSetPeer' | 'macSetLocal'>

/** A listener of one network: all that it says. */
export function listenerKey(listener: ListenerState): string {
  const { group, source = '' } = listener
  return `${group} ${source} ${'port' in listener ? listener.port : listener.remote}`
}

/** What one network shall contain. */
export interface NetworkImage {
  readonly settings: OperationOf<'networkSet'>
  readonly floods: ReadonlyMap<Ip, FloodState>
  readonly replicator: Ip | undefined
  /** By `macGroupKey`. */
  readonly macGroups: ReadonlyMap<string, OperationOf<'macGroupSet'>>
  readonly macs: ReadonlyMap<Mac, MacRow>
  readonly neighbours: ReadonlyMap<Ip, OperationOf<'neighbourSet'>>
  /** By `listenerKey`. */
  readonly listeners: ReadonlyMap<string, ListenerState>
  /** As IP-VRF, by `routeKey`. */
  readonly routes: ReadonlyMap<string, RouteState>
}

/** The content of an image, or of a part of one. */
export type ImageRows = Pick<Image, 'networks' | 'attachments' | 'segments'>

interface Rows extends NetworkImage {
  settings: OperationOf<'networkSet'>
  readonly floods: Map<Ip, FloodState>
  replicator: Ip | undefined
  readonly macGroups: Map<string, OperationOf<'macGroupSet'>>
  readonly macs: Map<Mac, MacRow>
  readonly neighbours: Map<Ip, OperationOf<'neighbourSet'>>
  readonly listeners: Map<string, ListenerState>
  readonly routes: Map<string, RouteState>
}

/** Keyed by VNI, port id, MAC and IP. */
export class Image {
  readonly #networks = new Map<number, Rows>()
  readonly #attachments = new Map<number, number>()
  readonly #segments = new Map<number, OperationOf<'portSegmentSet'>>()
  #changes = 0

  /** How often it has changed. */
  get changes(): number {
    return this.#changes
  }

  get networks(): ReadonlyMap<number, NetworkImage> {
    return this.#networks
  }

  /** Port id to VNI; detached ports are not in it. */
  get attachments(): ReadonlyMap<number, number> {
    return this.#attachments
  }

  /** Ports that lead to an Ethernet segment, by id. */
  get segments(): ReadonlyMap<number, OperationOf<'portSegmentSet'>> {
    return this.#segments
  }

  /**
   * Does to the image what the operation does to the tables. True when the tables have to be told: something changed,
   * or the operation overrides what the packet path may have learned by itself. Rows need their network.
   */
  change(operation: Operation): boolean {
    const isChange = this.#change(operation)
    if (isChange) this.#changes++
    return isChange
  }

  #change(operation: Operation): boolean {
    switch (operation.op) {
      case 'networkSet':
        return this.#setNetwork(operation)
      case 'networkRemove':
        return this.#removeNetwork(operation.vni)
      case 'portAttach':
        return this.#attach(operation.port, operation.vni)
      case 'floodAdd': {
        const { op: _, ...flood } = operation
        const { floods } = this.#rows(operation.vni)
        const before = floods.get(flood.remote)
        if (before !== undefined && samePruning(before, flood)) return false
        return floods.set(flood.remote, flood) !== undefined
      }
      case 'floodRemove':
        return this.#networks.get(operation.vni)?.floods.delete(operation.remote) ?? false
      case 'replicatorSet': {
        const rows = this.#rows(operation.vni)
        if (rows.replicator === operation.remote) return false
        rows.replicator = operation.remote
        return true
      }
      case 'portSegmentSet':
        return put(this.#segments, operation.port, operation)
      case 'portSegmentClear':
        return this.#segments.delete(operation.port)
      case 'macGroupSet':
        return put(this.#rows(operation.vni).macGroups, macGroupKey(operation), operation)
      case 'macGroupRemove':
        return this.#networks.get(operation.vni)?.macGroups.delete(macGroupKey(operation)) ?? false
      case 'macSetRemote':
      case 'macSetGroup':
      case 'macSetPeer':
        return put(this.#rows(operation.vni).macs, operation.mac, operation) || operation.override
      case 'macSetLocal':
        return put(this.#rows(operation.vni).macs, operation.mac, operation)
      case 'macRemove': {
        const macs = this.#networks.get(operation.vni)?.macs
        const row = macs?.get(operation.mac)
        if (row === undefined || originOf(row) !== operation.origin) return false
        return macs!.delete(operation.mac)
      }
      case 'neighbourSet':
        return put(this.#rows(operation.vni).neighbours, operation.ip, operation)
      case 'neighbourRemove': {
        const neighbours = this.#networks.get(operation.vni)?.neighbours
        if (neighbours?.get(operation.ip)?.origin !== operation.origin) return false
        return neighbours.delete(operation.ip)
      }
      case 'listenerAdd': {
        const { op: _, ...listener } = operation
        const { listeners } = this.#rows(operation.vni)
        const key = listenerKey(operation)
        return !listeners.has(key) && listeners.set(key, listener) !== undefined
      }
      case 'listenerRemove':
        return this.#networks.get(operation.vni)?.listeners.delete(listenerKey(operation)) ?? false
      case 'routeAdd': {
        const { op: _, ...route } = operation
        const { routes } = this.#rows(operation.vrf)
        const key = routeKey(operation)
        return !routes.has(key) && routes.set(key, route) !== undefined
      }
      case 'routeRemove':
        return this.#networks.get(operation.vrf)?.routes.delete(routeKey(operation)) ?? false
    }
  }

  #rows(vni: number): Rows {
    const rows = this.#networks.get(vni)
    if (rows === undefined) throw new Error(`image: a row of network ${vni}, which is not there`)
    return rows
  }

  #setNetwork(operation: OperationOf<'networkSet'>): boolean {
    const rows = this.#networks.get(operation.vni)
    if (rows === undefined) {
      this.#networks.set(operation.vni, {
        settings: operation,
        floods: new Map(),
        replicator: undefined,
        macGroups: new Map(),
        macs: new Map(),
        neighbours: new Map(),
        listeners: new Map(),
        routes: new Map(),
      })
      return true
    }
    if (sameRow(rows.settings, operation)) return false
    if (operation.vrf !== operation.vni) this.#forgetVrf(operation.vni)
    rows.settings = operation
    // The router's MAC is nobody else's.
    if (operation.routerMac !== undefined) rows.macs.delete(operation.routerMac)
    return true
  }

  /** Networks that were routed in this IP-VRF are routed nowhere. */
  #forgetVrf(vni: number): void {
    if (this.#networks.get(vni)?.settings.vrf !== vni) return
    for (const rows of this.#networks.values()) {
      const { vrf, ...settings } = rows.settings
      if (vrf === vni && settings.vni !== vni) rows.settings = settings
    }
  }

  /** All that belongs to the network goes with it; its ports are detached. */
  #removeNetwork(vni: number): boolean {
    this.#forgetVrf(vni)
    for (const [port, attached] of this.#attachments) {
      if (attached === vni) this.#attachments.delete(port)
    }
    return this.#networks.delete(vni)
  }

  /** The port's MACs and groups do not follow it into another network. */
  #attach(port: number, vni: number): boolean {
    const before = this.#attachments.get(port)
    if (before === vni || (before === undefined && vni === 0)) return false
    if (before !== undefined) {
      const { macs, listeners } = this.#rows(before)
      for (const [mac, row] of macs) {
        if ('port' in row && row.port === port) macs.delete(mac)
      }
      for (const [key, row] of listeners) {
        if ('port' in row && row.port === port) listeners.delete(key)
      }
    }
    if (vni === 0) this.#attachments.delete(port)
    else {
      this.#rows(vni)
      this.#attachments.set(port, vni)
    }
    return true
  }
}

/** Whose MAC a row says it is. */
export function originOf(row: MacRow): 'local' | 'remote' {
  return row.op === 'macSetLocal' ? 'local' : 'remote'
}

/** Equal in every field. Rows are flat, but for lists of addresses, so this is equality of values. */
export function sameRow(a: Operation, b: Operation): boolean {
  const left = a as unknown as { readonly [field: string]: unknown }
  const right = b as unknown as { readonly [field: string]: unknown }
  for (const field in { ...left, ...right }) {
    if (left[field] !== right[field] && !sameList(left[field], right[field])) return false
  }
  return true
}

export function samePruning(a: Pruning, b: Pruning): boolean {
  return (
    (a.noBroadcasts ?? false) === (b.noBroadcasts ?? false) &&
    (a.noUnknown ?? false) === (b.noUnknown ?? false)
  )
}

export function sameSegmentState(a: PortSegment, b: PortSegment): boolean {
  return a.designated === b.designated && a.blocked === b.blocked && sameList(a.peers, b.peers)
}

/** Lists of addresses with the same ones in the same order. */
export function sameList(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((value, i) => value === b[i])
}

function put<K, Row extends Operation>(rows: Map<K, Row>, key: K, row: Row): boolean {
  const before = rows.get(key)
  if (before !== undefined && sameRow(before, row)) return false
  rows.set(key, row)
  return true
}
