// The packet path's tables as plain maps, with the semantics of native/core (tables_*.cpp): what operations do, what
// frames do, and what is told. Tests of the machines run against it; the real thing has its own tests.

import {
  type DataplaneEvent,
  type FloodState,
  type ListenerState,
  listenerKey,
  type MacGroupState,
  type MacState,
  macGroupKey,
  type NeighbourState,
  type NetworkState,
  type Operation,
  type OperationOf,
  type PortSegment,
  type RouteState,
  routeKey,
  type Snapshot,
} from '../../src/fib/index.js'
import type { Ip, Mac } from '../../src/net/index.js'

interface Port {
  vni: number
  up: boolean
  segment?: PortSegment
}

interface Network {
  settings: NetworkState
  readonly routes: Map<string, RouteState>
  readonly floods: Map<Ip, FloodState>
  readonly macGroups: Map<string, MacGroupState>
  readonly listeners: Map<string, ListenerState>
  readonly macs: Map<Mac, MacState>
  readonly neighbours: Map<Ip, NeighbourState & { readonly port: number }>
}

const isBehind =
  (id: number) =>
  ({ port }: { readonly port?: number }): boolean =>
    port === id

export class ModelDataplane {
  readonly ports = new Map<number, Port>()
  readonly networks = new Map<number, Network>()
  /** Told and not yet taken. */
  events: DataplaneEvent[] = []
  /** Operations that could not be carried out. */
  readonly refused: Operation[] = []

  constructor(ports: readonly number[] = []) {
    for (const port of ports) this.ports.set(port, { vni: 0, up: true })
  }

  apply(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (!this.#apply(operation)) this.refused.push(operation)
    }
  }

  takeEvents(): DataplaneEvent[] {
    const events = this.events
    this.events = []
    return events
  }

  snapshot(): Snapshot {
    const networks = [...this.networks]
    return {
      ports: [...this.ports].map(([id, { vni, up, segment }]) => ({
        ...(segment === undefined ? {} : { segment }),
        id,
        vni,
        up,
        name: `p${id}`,
        kind: 'ring',
        options: {},
        ifindex: 0,
        mtu: 1500,
        mac: '02:00:00:00:ff:ff',
        flags: 0,
        macs: networks.flatMap(([, { macs }]) => [...macs.values()]).filter(isBehind(id)).length,
        neighbours: networks
          .flatMap(([, { neighbours }]) => [...neighbours.values()])
          .filter(isBehind(id)).length,
      })),
      networks: networks.map(([, { settings }]) => settings),
      listeners: networks.flatMap(([, { listeners }]) => [...listeners.values()]),
      routes: networks.flatMap(([, { routes }]) => [...routes.values()]),
      remotes: [],
      underlays: [],
      floods: networks.flatMap(([, { floods }]) => [...floods.values()]),
      macGroups: networks.flatMap(([, { macGroups }]) => [...macGroups.values()]),
      macs: networks.flatMap(([, { macs }]) => [...macs.values()]),
      neighbours: networks.flatMap(([, { neighbours }]) =>
        [...neighbours.values()].map(({ port: _, ...state }) => state),
      ),
    }
  }

  mac(vni: number, mac: Mac): MacState | undefined {
    return this.networks.get(vni)?.macs.get(mac)
  }

  neighbour(vni: number, ip: Ip): NeighbourState | undefined {
    return this.networks.get(vni)?.neighbours.get(ip)
  }

  /** A frame with this source comes in. */
  frame(port: number, mac: Mac): void {
    const at = this.#network(port)
    if (at === undefined) return
    const { vni, network } = at
    if (mac === network.settings.routerMac) return
    const old = network.macs.get(mac)
    const told = { vni, mac, port, timeNanoseconds: 0n }
    if (old?.origin === 'local' && old.port === port) return
    if (old?.static || old?.sticky) return
    // What another VTEP of the segment had told is seen here for the first time.
    if (old === undefined || old.port === port) this.events.push({ event: 'macLearned', ...told })
    else {
      const previous = old.remote === undefined ? {} : { previousRemote: old.remote }
      this.events.push({ event: 'macMoved', ...told, ...previous })
    }
    network.macs.set(mac, local(vni, mac, port, false, false))
  }

  /** An ARP or ND frame comes in: its sender owns the address. */
  snoop(port: number, mac: Mac, ip: Ip, router = false): void {
    this.frame(port, mac)
    const at = this.#network(port)
    if (at === undefined) return
    const { vni, network } = at
    const old = network.neighbours.get(ip)
    if (old?.static) return
    const isSame = old?.origin === 'local' && old.mac === mac
    const binding = { vni, ip, mac, origin: 'local', router, static: false, ageSeconds: 0 } as const
    network.neighbours.set(ip, { ...binding, port })
    if (isSame && old.router === router) return
    const event = old === undefined || isSame ? 'neighbourLearned' : 'neighbourMoved'
    this.events.push({ event, vni, ip, mac, port, router })
  }

  ageMac(vni: number, mac: Mac): void {
    const macs = this.networks.get(vni)?.macs
    const row = macs?.get(mac)
    if (row?.origin !== 'local' || row.static) return
    macs!.delete(mac)
    this.events.push({ event: 'macAged', vni, mac, port: row.port! })
  }

  ageNeighbour(vni: number, ip: Ip): void {
    const neighbours = this.networks.get(vni)?.neighbours
    const row = neighbours?.get(ip)
    if (row?.origin !== 'local' || row.static) return
    neighbours!.delete(ip)
    this.events.push({ event: 'neighbourAged', vni, ip, mac: row.mac })
  }

  setPort(id: number, up: boolean): void {
    const port = this.ports.get(id)!
    if (port.up === up) return
    port.up = up
    this.events.push({ event: up ? 'portUp' : 'portDown', port: id })
    if (!up) this.#flush(id)
  }

  #network(id: number): { readonly vni: number; readonly network: Network } | undefined {
    const port = this.ports.get(id)
    const network = port?.up ? this.networks.get(port.vni) : undefined
    return network && { vni: port!.vni, network }
  }

  #flush(port: number): void {
    for (const [vni, { macs, neighbours }] of this.networks) {
      for (const [mac, row] of macs) {
        if (row.port !== port) continue
        macs.delete(mac)
        if (row.origin !== 'local') continue
        this.events.push({ event: 'macFlushed', vni, mac, port })
      }
      for (const [ip, row] of neighbours) {
        if (row.port !== port) continue
        neighbours.delete(ip)
        this.events.push({ event: 'neighbourAged', vni, ip, mac: row.mac })
      }
    }
  }

  #apply(operation: Operation): boolean {
    if (operation.op === 'networkSet') {
      const { op: _, vrf = 0, ...row } = operation
      const { vni } = row
      const old = this.networks.get(vni)
      if (vrf !== 0 && vrf !== vni && !this.#isVrf(vrf)) return false
      if (vrf !== vni && (old?.routes.size ?? 0) > 0) return false
      if (vrf !== vni) this.#forgetVrf(vni)
      const storm = { stormFramesPerSecond: 0, stormBurst: 0 }
      const settings = { ...storm, ...row, ...(vrf === 0 ? {} : { vrf }) }
      const rows = { macs: new Map(), neighbours: new Map(), routes: new Map() }
      const lists = { floods: new Map(), macGroups: new Map(), listeners: new Map() }
      const replicator = old?.settings.replicator
      const kept = replicator === undefined ? {} : { replicator }
      this.networks.set(vni, { ...lists, ...rows, ...old, settings: { ...settings, ...kept } })
      if (row.routerMac !== undefined) {
        const entry = old?.macs.get(row.routerMac)
        old?.macs.delete(row.routerMac)
        if (entry?.origin === 'local')
          this.events.push({ event: 'macFlushed', vni, mac: entry.mac, port: entry.port! })
      }
      return true
    }
    if (operation.op === 'routeAdd' || operation.op === 'routeRemove') {
      const { op, ...route } = operation
      if (!this.#isVrf(route.vrf) || (leads(route) && !this.networks.has(route.vni))) return false
      const { routes } = this.networks.get(route.vrf)!
      if (op === 'routeAdd') routes.set(routeKey(route), route)
      else routes.delete(routeKey(route))
      return true
    }
    if (operation.op === 'portAttach') return this.#attach(operation.port, operation.vni)
    if (operation.op === 'portSegmentSet' || operation.op === 'portSegmentClear') {
      const port = this.ports.get(operation.port)
      if (port === undefined) return operation.op === 'portSegmentClear'
      delete port.segment
      if (operation.op === 'portSegmentClear') return true
      const { designated, blocked, peers } = operation
      port.segment = { designated, blocked, peers }
      return true
    }
    const network = this.networks.get(operation.vni)
    if (network === undefined) return false
    const { vni } = operation
    const { macs, neighbours } = network
    switch (operation.op) {
      case 'networkRemove':
        for (const { routes } of this.networks.values()) {
          for (const route of routes.values()) if (leads(route) && route.vni === vni) return false
        }
        this.#forgetVrf(vni)
        for (const [id, port] of this.ports) if (port.vni === vni) this.#attach(id, 0)
        return this.networks.delete(vni)
      case 'floodAdd': {
        const { op: _, ...row } = operation
        network.floods.set(row.remote, row)
        return true
      }
      case 'replicatorSet': {
        const { replicator: _, ...settings } = network.settings
        const { remote } = operation
        network.settings = { ...settings, ...(remote === undefined ? {} : { replicator: remote }) }
        return true
      }
      case 'floodRemove':
        network.floods.delete(operation.remote)
        return true
      case 'listenerAdd': {
        const { op: _, ...row } = operation
        if ('port' in row && this.ports.get(row.port)?.vni !== vni) return false
        network.listeners.set(listenerKey(row), row)
        return true
      }
      case 'listenerRemove':
        network.listeners.delete(listenerKey(operation))
        return true
      case 'macGroupSet': {
        const { op: _, ...group } = operation
        network.macGroups.set(macGroupKey(group), group)
        return true
      }
      case 'macGroupRemove': {
        const key = macGroupKey(operation)
        const leads = ({ esi, via }: MacState) =>
          esi !== undefined && key === macGroupKey({ esi, ...(via === undefined ? {} : { via }) })
        if ([...macs.values()].some(leads)) return false
        network.macGroups.delete(key)
        return true
      }
      case 'macSetGroup':
        return network.macGroups.has(macGroupKey(operation)) && this.#setFar(network, operation)
      case 'macSetPeer':
        return this.ports.get(operation.port)?.vni === vni && this.#setFar(network, operation)
      case 'macSetRemote':
        return this.#setFar(network, operation)
      case 'macSetLocal': {
        const { mac, port, sticky } = operation
        if (this.ports.get(port)?.vni !== vni || mac === network.settings.routerMac) return false
        macs.set(mac, local(vni, mac, port, true, sticky))
        return true
      }
      case 'macRemove':
        if (macs.get(operation.mac)?.origin === operation.origin) macs.delete(operation.mac)
        return true
      case 'neighbourSet': {
        const { ip, mac, origin, router, override = true, gateway = false } = operation
        const keeps = override ? {} : { override }
        const row = { vni, ip, mac, origin, router, ...keeps, static: origin === 'local', port: 0 }
        neighbours.set(ip, { ...row, ...(gateway ? { gateway } : {}), ageSeconds: 0 })
        return true
      }
      case 'neighbourRemove':
        if (neighbours.get(operation.ip)?.origin === operation.origin) {
          neighbours.delete(operation.ip)
        }
        return true
    }
  }

  /** What another VTEP says: what was seen here stays, unless the other has won it. */
  #setFar(
    { macs, settings }: Network,
    operation: OperationOf<'macSetRemote' | 'macSetGroup' | 'macSetPeer'>,
  ): boolean {
    const { op: _, override, ...row } = operation
    const { vni, mac } = row
    if (mac === settings.routerMac) return false
    const old = macs.get(mac)
    if (old?.origin === 'local') {
      if (!override) return true
      this.events.push({ event: 'macFlushed', vni, mac, port: old.port! })
    }
    macs.set(mac, { ...row, origin: 'remote', static: false, ageSeconds: 0 })
    return true
  }

  #isVrf(vni: number): boolean {
    return this.networks.get(vni)?.settings.vrf === vni
  }

  /** Networks that were routed there are routed nowhere. */
  #forgetVrf(vni: number): void {
    if (!this.#isVrf(vni)) return
    for (const network of this.networks.values()) {
      const { vrf, ...settings } = network.settings
      if (vrf === vni && settings.vni !== vni) network.settings = settings
    }
  }

  #attach(id: number, vni: number): boolean {
    const port = this.ports.get(id)
    if (port === undefined || (vni !== 0 && !this.networks.has(vni))) return false
    if (port.vni === vni) return true
    if (port.vni !== 0) this.#flush(id)
    const before = this.networks.get(port.vni)?.listeners ?? new Map<string, ListenerState>()
    for (const [key, row] of before) if ('port' in row && row.port === id) before.delete(key)
    port.vni = vni
    return true
  }
}

const leads = (
  route: RouteState,
): route is Extract<RouteState, { kind: 'connected' | 'gateway' }> =>
  route.kind === 'connected' || route.kind === 'gateway'

function local(vni: number, mac: Mac, port: number, isStatic: boolean, sticky: boolean): MacState {
  return { vni, mac, origin: 'local', port, static: isStatic, sticky, ageSeconds: 0 }
}
