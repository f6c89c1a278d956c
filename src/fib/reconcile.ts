// From the tables as they are to the image: the smallest list of operations, in an order in which no frame meets a
// row that points nowhere. What is used is added before its users, and removed after them.
//
// Rows that the packet path made by itself (learned MACs, snooped bindings) are left alone, with one exception: a
// remote MAC that overrides. A port that is detached takes such rows along, and tells it by events: a wanted row that
// one of them had hidden is added by the pass that follows those.

import type { Mac } from '../net/index.js'
import {
  type FloodState,
  type ListenerState,
  type MacGroupState,
  type MacState,
  type NeighbourState,
  type NetworkState,
  networkFlags,
  type Operation,
  type RouteState,
  type Snapshot,
} from './dataplane.js'
import {
  type ImageRows,
  listenerKey,
  type MacRow,
  macGroupKey,
  type NetworkImage,
  type OperationOf,
  routeKey,
  sameList,
  samePruning,
  sameSegmentState,
} from './image.js'

/** What makes the tables equal to the image. Empty when they are. */
export function reconcile(image: ImageRows, snapshot: Snapshot): readonly Operation[] {
  return [...additions(image, snapshot), ...removals(image, snapshot)]
}

/** The half that adds and changes: after it, everything wanted is there. */
export function additions(image: ImageRows, snapshot: Snapshot): readonly Operation[] {
  const tables = indexOf(snapshot)
  const operations: Operation[] = []
  const settings: OperationOf<'networkSet'>[] = []
  for (const [vni, wanted] of image.networks) {
    const is = tables.get(vni)?.settings
    if (is !== undefined && sameSettings(wanted.settings, is)) continue
    settings.push(wanted.settings)
    // An IP-VRF stops being one without its routes.
    if (is?.vrf !== vni || wanted.settings.vrf === vni) continue
    for (const route of tables.get(vni)!.routes.values())
      operations.push({ op: 'routeRemove', ...route })
  }
  // A network is routed in an IP-VRF that is there.
  const isVrf = ({ vni, vrf }: OperationOf<'networkSet'>) => vni === vrf
  operations.push(...settings.filter(isVrf), ...settings.filter((row) => !isVrf(row)))
  // A port that is not there can be neither attached nor the place of a MAC.
  const ports = new Map(snapshot.ports.map((port) => [port.id, port.vni]))
  for (const { id, segment } of snapshot.ports) {
    const wanted = image.segments.get(id)
    if (wanted === undefined) continue
    if (segment === undefined || !sameSegmentState(wanted, segment)) operations.push(wanted)
  }
  for (const [port, vni] of image.attachments) {
    if (ports.has(port) && ports.get(port) !== vni) {
      operations.push({ op: 'portAttach', port, vni })
    }
  }
  for (const [vni, wanted] of image.networks) {
    const rows = tables.get(vni) ?? EMPTY
    for (const [remote, row] of wanted.floods) {
      const is = rows.floods.get(remote)
      if (is === undefined || !samePruning(is, row)) operations.push({ op: 'floodAdd', ...row })
    }
    const { replicator } = wanted
    if (replicator !== undefined && rows.settings?.replicator !== replicator)
      operations.push({ op: 'replicatorSet', vni, remote: replicator })
    for (const [key, row] of wanted.macGroups) {
      const is = rows.macGroups.get(key)
      if (is === undefined || !sameList(is.remotes, row.remotes)) operations.push(row)
    }
    for (const [key, row] of wanted.listeners) {
      const isPlaced = !('port' in row) || ports.has(row.port)
      // Attaching the port has emptied its channels.
      const isThere = rows.listeners.has(key) && !('port' in row && ports.get(row.port) !== vni)
      if (isPlaced && !isThere) operations.push({ op: 'listenerAdd', ...row })
    }
    for (const [mac, row] of wanted.macs) {
      if (row.op === 'macSetLocal') {
        if (ports.has(row.port)) addLocal(row, rows.macs.get(mac), ports, operations)
      } else if (row.op !== 'macSetPeer' || ports.has(row.port)) {
        addRemote(row, rows.macs.get(mac), ports, operations)
      }
    }
    for (const [ip, row] of wanted.neighbours) {
      addNeighbour(row, rows.neighbours.get(ip), operations)
    }
    for (const [key, route] of wanted.routes) {
      if (!rows.routes.has(key)) operations.push({ op: 'routeAdd', ...route })
    }
  }
  return operations
}

/** The half that removes: after it, nothing is there that is not wanted. */
export function removals(image: ImageRows, snapshot: Snapshot): readonly Operation[] {
  const neighbours: Operation[] = []
  const macs: Operation[] = []
  const rest: Operation[] = []
  const routes: Operation[] = []
  const wantedIn = (vni: number): NetworkImage | undefined => image.networks.get(vni)
  // Routes may lead into a network that goes away.
  for (const route of snapshot.routes) {
    const wanted = wantedIn(route.vrf)
    // What stops being an IP-VRF has lost its routes to `additions`.
    const stays = wanted === undefined || wanted.settings.vrf === route.vrf
    if (stays && wanted?.routes.has(routeKey(route)) !== true)
      routes.push({ op: 'routeRemove', ...route })
  }
  // The other rows of a network that goes away go with it.
  for (const { vni, ip, origin, static: isStatic } of snapshot.neighbours) {
    const wanted = wantedIn(vni)
    if (wanted === undefined || (origin === 'local' && !isStatic)) continue
    if (!wanted.neighbours.has(ip)) neighbours.push({ op: 'neighbourRemove', vni, ip, origin })
  }
  for (const { vni, mac, origin, static: isStatic } of snapshot.macs) {
    const wanted = wantedIn(vni)
    if (wanted === undefined || (origin === 'local' && !isStatic)) continue
    if (!wanted.macs.has(mac)) macs.push({ op: 'macRemove', vni, mac, origin })
  }
  for (const listener of snapshot.listeners) {
    const wanted = wantedIn(listener.vni)
    if (wanted?.listeners.has(listenerKey(listener)) === false)
      rest.push({ op: 'listenerRemove', ...listener })
  }
  for (const { vni, remote } of snapshot.floods) {
    if (wantedIn(vni)?.floods.has(remote) === false) rest.push({ op: 'floodRemove', vni, remote })
  }
  for (const { vni, esi, via } of snapshot.macGroups) {
    const key = { vni, esi, ...(via === undefined ? {} : { via }) }
    if (wantedIn(vni)?.macGroups.has(macGroupKey(key)) === false)
      rest.push({ op: 'macGroupRemove', ...key })
  }
  for (const { id, segment } of snapshot.ports) {
    if (segment !== undefined && !image.segments.has(id))
      rest.push({ op: 'portSegmentClear', port: id })
  }
  for (const { id, vni } of snapshot.ports) {
    if (wantedIn(vni) !== undefined && !image.attachments.has(id)) {
      rest.push({ op: 'portAttach', port: id, vni: 0 })
    }
  }
  for (const { vni, replicator } of snapshot.networks) {
    const wanted = wantedIn(vni)
    if (wanted === undefined) rest.push({ op: 'networkRemove', vni })
    else if (replicator !== undefined && wanted.replicator === undefined)
      rest.push({ op: 'replicatorSet', vni })
  }
  return [...routes, ...neighbours, ...macs, ...rest]
}

function sameSettings(wanted: OperationOf<'networkSet'>, is: NetworkState): boolean {
  return (
    (is.vrf ?? 0) === (wanted.vrf ?? 0) &&
    is.routerMac === wanted.routerMac &&
    is.address4 === wanted.address4 &&
    is.address6 === wanted.address6 &&
    is.suppress === wanted.suppress &&
    is.agingSeconds === wanted.agingSeconds &&
    networkFlags.every((name) => (is[name] ?? false) === (wanted[name] ?? false)) &&
    (is.stormFramesPerSecond ?? 0) === (wanted.stormFramesPerSecond ?? 0) &&
    (is.stormBurst ?? 0) === (wanted.stormBurst ?? 0)
  )
}

function addRemote(
  row: Exclude<MacRow, { readonly op: 'macSetLocal' }>,
  is: MacState | undefined,
  ports: ReadonlyMap<number, number>,
  operations: Operation[],
): void {
  if (is?.origin === 'local') {
    if (is.static) operations.push({ op: 'macRemove', vni: row.vni, mac: row.mac, origin: 'local' })
    else if (!row.override) return
    operations.push(row)
    return
  }
  const isFlushed = row.op === 'macSetPeer' && ports.get(row.port) !== row.vni
  if (is === undefined || !leadsThere(row, is) || is.sticky !== row.sticky || isFlushed) {
    operations.push(row)
  }
}

/** Whether a MAC of remote origin is where the row says. */
export function leadsThere(row: MacRow, is: MacState): boolean {
  if (row.op === 'macSetRemote') return is.remote === row.remote
  if (row.op === 'macSetGroup') return is.esi === row.esi && is.via === row.via
  return is.esi === undefined && is.remote === undefined && is.port === row.port
}

function addLocal(
  row: OperationOf<'macSetLocal'>,
  is: MacState | undefined,
  ports: ReadonlyMap<number, number>,
  operations: Operation[],
): void {
  // Attaching the port to another network has flushed what was behind it.
  const flushed = ports.get(row.port) !== row.vni
  const equal =
    is?.origin === 'local' && is.static && is.port === row.port && is.sticky === row.sticky
  if (!equal || flushed) operations.push(row)
}

function addNeighbour(
  row: OperationOf<'neighbourSet'>,
  is: NeighbourState | undefined,
  operations: Operation[],
): void {
  if (is === undefined) {
    operations.push(row)
    return
  }
  if (is.origin !== row.origin) {
    if (row.origin === 'remote' && !is.static) return
    operations.push({ op: 'neighbourRemove', vni: row.vni, ip: row.ip, origin: is.origin }, row)
    return
  }
  const bound = row.origin === 'remote' || is.static
  const isAlike = (is.override ?? true) === (row.override ?? true) && is.router === row.router
  const same = is.mac === row.mac && isAlike
  if (!same || (is.gateway ?? false) !== (row.gateway ?? false) || !bound) operations.push(row)
}

interface Rows {
  readonly settings: NetworkState | undefined
  readonly floods: Map<string, FloodState>
  readonly macGroups: Map<string, MacGroupState>
  readonly macs: Map<Mac, MacState>
  readonly neighbours: Map<string, NeighbourState>
  readonly listeners: Map<string, ListenerState>
  readonly routes: Map<string, RouteState>
}

const EMPTY: Rows = {
  settings: undefined,
  floods: new Map(),
  macGroups: new Map(),
  macs: new Map(),
  neighbours: new Map(),
  listeners: new Map(),
  routes: new Map(),
}

/** The snapshot by VNI. Rows of a network that is not listed are as good as gone. */
function indexOf(snapshot: Snapshot): ReadonlyMap<number, Rows> {
  const tables = new Map<number, Rows>()
  for (const settings of snapshot.networks) {
    const groups = { macGroups: new Map(), listeners: new Map() }
    const rows = { ...groups, macs: new Map(), neighbours: new Map(), routes: new Map() }
    tables.set(settings.vni, { settings, floods: new Map(), ...rows })
  }
  for (const row of snapshot.floods) tables.get(row.vni)?.floods.set(row.remote, row)
  for (const row of snapshot.macGroups) tables.get(row.vni)?.macGroups.set(macGroupKey(row), row)
  for (const row of snapshot.macs) tables.get(row.vni)?.macs.set(row.mac, row)
  for (const row of snapshot.neighbours) tables.get(row.vni)?.neighbours.set(row.ip, row)
  for (const row of snapshot.listeners) tables.get(row.vni)?.listeners.set(listenerKey(row), row)
  for (const row of snapshot.routes) tables.get(row.vrf)?.routes.set(routeKey(row), row)
  return tables
}
