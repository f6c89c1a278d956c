// Tables against the image in the background, a page at a time: what differs in two rounds, and still does, is repaired.
// Once could be a write on its way, or a row that changed between being read and being looked at.

import type { MacState, NeighbourState, Operation, RouteState, Snapshot } from './dataplane.js'
import {
  type Image,
  type ImageRows,
  listenerKey,
  type MacRow,
  macGroupKey,
  type NetworkImage,
  type OperationOf,
  originOf,
  routeKey,
  samePruning,
  sameRow,
} from './image.js'
import { leadsThere, reconcile } from './reconcile.js'

/** The tables that are small enough to be read at once. */
export type SmallTables = Omit<Snapshot, 'macs' | 'neighbours' | 'routes'>

/** So many rows are looked at between two pauses. */
export const AUDIT_PAGE = 1000

export interface RoundResult {
  /** Differences that are to be repaired now. */
  readonly repairs: readonly Operation[]
  /** There may be more: the next round shall come soon. */
  readonly unsure: boolean
}

type Row = ReturnType<NetworkImage['macs' | 'neighbours' | 'routes']['get']>

/** Which rows of one network's image were found in the tables. */
class Found {
  macs = 0
  neighbours = 0
  routes = 0
  /** The rows themselves, when some were missing in the round before. */
  readonly rows: Set<Row> | undefined

  constructor(rows: Set<Row> | undefined) {
    this.rows = rows
  }
}

const NOTHING: ReadonlyMap<never, never> = new Map<never, never>()

export class Audit {
  readonly #image: Image
  #small: SmallTables | undefined
  #found = new Map<number, Found>()
  #suspects = new Map<string, Operation>()
  /** Of the round before. */
  #suspected: ReadonlyMap<string, Operation> = new Map()
  /** Networks of which rows were missing in the round before. */
  #short = new Set<number>()

  constructor(image: Image) {
    this.#image = image
  }

  begin(small: SmallTables): void {
    this.#small = small
    this.#suspects = new Map()
    this.#found = new Map()
    for (const vni of this.#image.networks.keys()) {
      this.#found.set(vni, new Found(this.#short.has(vni) ? new Set() : undefined))
    }
    const networks = new Map<number, NetworkImage>()
    const large = { macs: NOTHING, neighbours: NOTHING, routes: NOTHING }
    for (const [vni, network] of this.#image.networks) networks.set(vni, { ...network, ...large })
    const { attachments, segments } = this.#image
    this.#compare({ networks, attachments, segments }, { ...small })
  }

  /** The large tables are as they were in a round that found nothing, and so is the image. */
  unchanged(): void {
    this.#found = new Map()
  }

  macs(rows: readonly MacState[]): void {
    const odd: MacState[] = []
    for (const is of rows) {
      const network = this.#image.networks.get(is.vni)
      const row = network?.macs.get(is.mac)
      if (row !== undefined) this.#note(is.vni, 'macs', row)
      const isLearned = is.origin === 'local' && !is.static
      const isRight = row === undefined ? isLearned : sameMac(row, is)
      // Rows of a network that is too much go with it.
      if (!isRight && network !== undefined) odd.push(is)
    }
    if (odd.length === 0) return
    const networks = this.#part(odd, ({ vni, mac }, part) => {
      const row = this.#image.networks.get(vni)!.macs.get(mac)
      if (row !== undefined) part.macs.set(mac, row)
    })
    this.#compare({ networks, ...NO_PORTS }, { macs: odd })
  }

  neighbours(rows: readonly NeighbourState[]): void {
    const odd: NeighbourState[] = []
    for (const is of rows) {
      const network = this.#image.networks.get(is.vni)
      const row = network?.neighbours.get(is.ip)
      if (row !== undefined) this.#note(is.vni, 'neighbours', row)
      const isLearned = is.origin === 'local' && !is.static
      const isRight = row === undefined ? isLearned : sameNeighbour(row, is)
      if (!isRight && network !== undefined) odd.push(is)
    }
    if (odd.length === 0) return
    const networks = this.#part(odd, ({ vni, ip }, part) => {
      const row = this.#image.networks.get(vni)!.neighbours.get(ip)
      if (row !== undefined) part.neighbours.set(ip, row)
    })
    this.#compare({ networks, ...NO_PORTS }, { neighbours: odd })
  }

  /** A route says all it has to say by being there. */
  routes(rows: readonly RouteState[]): void {
    for (const is of rows) {
      const network = this.#image.networks.get(is.vrf)
      const row = network?.routes.get(routeKey(is))
      if (row !== undefined) this.#note(is.vrf, 'routes', row)
      else this.#suspect({ op: 'routeRemove', ...is })
    }
  }

  /** A row of the image that is in the tables, whatever it says there. */
  #note(vni: number, kind: 'macs' | 'neighbours' | 'routes', row: Row): void {
    const found = this.#found.get(vni)
    if (found === undefined) return
    found[kind]++
    found.rows?.add(row)
  }

  /** Behind the last page. Yields between pages of its own. */
  *end(): Generator<void, RoundResult> {
    const short = new Set<number>()
    for (const [vni, found] of this.#found) {
      const network = this.#image.networks.get(vni)
      if (network === undefined) continue
      const { macs, neighbours, routes } = network
      const isShort =
        found.macs < macs.size || found.neighbours < neighbours.size || found.routes < routes.size
      if (!isShort) continue
      short.add(vni)
      if (found.rows !== undefined) yield* this.#missing(network, found.rows)
    }
    this.#short = short
    const repairs: Operation[] = []
    let unsure = short.size > 0
    for (const [text, operation] of this.#suspects) {
      if (!this.#suspected.has(text)) unsure = true
      else if (this.#isWanted(operation)) repairs.push(operation)
    }
    this.#suspected = this.#suspects
    return { repairs, unsure }
  }

  *#missing(network: NetworkImage, found: ReadonlySet<Row>): Generator<void> {
    let looked = 0
    const ports = new Set(this.#small?.ports.map(({ id }) => id))
    for (const rows of [network.macs, network.neighbours]) {
      for (const row of rows.values()) {
        if (++looked % AUDIT_PAGE === 0) yield
        // A port that is not there can not be the place of a MAC.
        if ('port' in row && !ports.has(row.port)) continue
        if (!found.has(row)) this.#suspect(row)
      }
    }
    for (const route of network.routes.values()) {
      if (++looked % AUDIT_PAGE === 0) yield
      if (!found.has(route)) this.#suspect({ op: 'routeAdd', ...route })
    }
  }

  /** The part of the image that a page of rows is about. */
  #part<R extends { readonly vni: number }>(
    rows: readonly R[],
    add: (row: R, part: Part) => void,
  ): ReadonlyMap<number, NetworkImage> {
    const networks = new Map<number, Part>()
    for (const row of rows) {
      const network = this.#image.networks.get(row.vni)
      if (network === undefined) continue
      let part = networks.get(row.vni)
      if (part === undefined) {
        part = {
          ...network,
          floods: NOTHING,
          macGroups: NOTHING,
          listeners: NOTHING,
          macs: new Map(),
          neighbours: new Map(),
          routes: NOTHING,
        }
        networks.set(row.vni, part)
      }
      add(row, part)
    }
    return networks
  }

  #compare(image: ImageRows, tables: Partial<Snapshot>): void {
    const small = this.#small!
    const isPage = tables.networks === undefined
    // A page is compared as if its networks and ports were right: those are looked at once, by themselves.
    const networks = isPage
      ? [...image.networks.values()].map(({ settings, replicator }) => ({
          ...settings,
          ...(replicator === undefined ? {} : { replicator }),
        }))
      : small.networks
    const snapshot = { ...EMPTY, ports: isPage ? small.ports : [], ...tables, networks }
    for (const operation of reconcile(image, snapshot)) {
      const isOfPort = operation.op === 'portAttach' || operation.op === 'portSegmentClear'
      if (isPage && isOfPort) continue
      this.#suspect(operation)
    }
  }

  #suspect(operation: Operation): void {
    this.#suspects.set(JSON.stringify(operation), operation)
  }

  /** The image may have changed since the operation was found. */
  #isWanted(operation: Operation): boolean {
    const network = 'vni' in operation ? this.#image.networks.get(operation.vni) : undefined
    switch (operation.op) {
      case 'networkSet':
        return network !== undefined && sameRow(network.settings, operation)
      case 'networkRemove':
        return network === undefined
      case 'portSegmentSet': {
        const row = this.#image.segments.get(operation.port)
        return row !== undefined && sameRow(row, operation)
      }
      case 'portSegmentClear':
        return !this.#image.segments.has(operation.port)
      case 'macGroupSet': {
        const row = network?.macGroups.get(macGroupKey(operation))
        return row !== undefined && sameRow(row, operation)
      }
      case 'macGroupRemove':
        return network?.macGroups.has(macGroupKey(operation)) === false
      case 'portAttach':
        return (this.#image.attachments.get(operation.port) ?? 0) === operation.vni
      case 'floodAdd': {
        const row = network?.floods.get(operation.remote)
        return row !== undefined && samePruning(row, operation)
      }
      case 'floodRemove':
        return network?.floods.has(operation.remote) === false
      case 'replicatorSet':
        return network !== undefined && network.replicator === operation.remote
      case 'listenerAdd':
      case 'listenerRemove': {
        const isThere = network?.listeners.has(listenerKey(operation))
        return isThere === (operation.op === 'listenerAdd')
      }
      case 'macSetRemote':
      case 'macSetGroup':
      case 'macSetPeer':
      case 'macSetLocal': {
        const row = network?.macs.get(operation.mac)
        return row !== undefined && sameRow(row, operation)
      }
      case 'macRemove': {
        const row = network?.macs.get(operation.mac)
        return network !== undefined && (row === undefined || originOf(row) !== operation.origin)
      }
      case 'neighbourSet': {
        const row = network?.neighbours.get(operation.ip)
        return row !== undefined && sameRow(row, operation)
      }
      case 'neighbourRemove':
        return (
          network !== undefined && network.neighbours.get(operation.ip)?.origin !== operation.origin
        )
      case 'routeAdd':
      case 'routeRemove': {
        const isThere = this.#image.networks.get(operation.vrf)?.routes.has(routeKey(operation))
        return (isThere === true) === (operation.op === 'routeAdd')
      }
    }
  }
}

/** Whether a row of the tables is what the image wants, or, where that wants nothing, the packet path's own. */
export function isAsWanted(row: MacRow | undefined, is: MacState | undefined): boolean {
  if (is === undefined) return row === undefined
  return row === undefined ? is.origin === 'local' && !is.static : sameMac(row, is)
}

/** Most rows are as they should be, and comparing them costs next to nothing; `reconcile` sees the others. */
function sameMac(row: MacRow, is: MacState): boolean {
  if (is.sticky !== row.sticky) return false
  return row.op === 'macSetLocal'
    ? is.origin === 'local' && is.static && is.port === row.port
    : is.origin === 'remote' && leadsThere(row, is)
}

function sameNeighbour(row: OperationOf<'neighbourSet'>, is: NeighbourState): boolean {
  const isBound = row.origin === 'remote' || is.static
  const isGateway = (is.gateway ?? false) === (row.gateway ?? false)
  return (
    is.origin === row.origin &&
    isBound &&
    isGateway &&
    is.mac === row.mac &&
    is.router === row.router &&
    (is.override ?? true) === (row.override ?? true)
  )
}

interface Part extends NetworkImage {
  readonly macs: Map<string, NonNullable<ReturnType<NetworkImage['macs']['get']>>>
  readonly neighbours: Map<string, NonNullable<ReturnType<NetworkImage['neighbours']['get']>>>
}

const NO_PORTS: Pick<ImageRows, 'attachments' | 'segments'> = {
  attachments: new Map(),
  segments: new Map(),
}

const EMPTY: Snapshot = {
  ports: [],
  networks: [],
  remotes: [],
  underlays: [],
  floods: [],
  macGroups: [],
  listeners: [],
  macs: [],
  neighbours: [],
  routes: [],
}
