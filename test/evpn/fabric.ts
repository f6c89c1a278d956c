// A few VTEPs without BGP: each has an Evpn machine and the model of a packet path, and every route reaches every other
// host by a queue of its own. All queues move only when told, so any interleaving can be played: operations, events and
// routes may be late, each in its own order.

import {
  Evpn,
  type EvpnAction,
  type EvpnEvent,
  type MembershipQuery,
  type NetworkSettings,
  type Notice,
  type Path,
} from '../../src/evpn/index.js'
import type { Operation } from '../../src/fib/index.js'
import type { Ip } from '../../src/net/index.js'
import { type EvpnRoute, evpnKey } from '../../src/wire/index.js'
import { ModelDataplane } from '../fib/model.js'

export const VNI = 10100

export interface Update {
  readonly key: string
  readonly nlri: EvpnRoute
  readonly best: Path | undefined
}

/** Without duplicate detection: random frames move MACs more often than it would stand. */
function machine(vtep: Ip): Evpn {
  return new Evpn({ asn: 65000, routerId: vtep, vtep, profile: 'frr', duplicates: false })
}

export class Host {
  readonly vtep: Ip
  readonly dataplane: ModelDataplane
  evpn: Evpn
  /** Asked for and not yet applied. */
  operations: Operation[] = []
  /** Own routes and those of others, by key. */
  readonly rib = new Map<string, Update>()
  readonly own = new Map<string, Update>()
  readonly notices: Notice[] = []
  readonly timers: string[] = []
  /** Asked of hosts behind its ports. */
  readonly queries: MembershipQuery[] = []
  /** To each other host. */
  readonly links = new Map<Host, Update[]>()
  readonly #settings: Partial<NetworkSettings>

  constructor(vtep: Ip, settings: Partial<NetworkSettings>) {
    this.vtep = vtep
    this.#settings = settings
    this.dataplane = new ModelDataplane([1, 2])
    this.evpn = machine(vtep)
  }

  /** The network and its ports, as the configuration has them. */
  configure(): void {
    const network = { name: 'blue', vni: VNI, agingSeconds: 300, suppress: true, ...this.#settings }
    this.step({ event: 'networkAdded', network })
    for (const port of [1, 2]) this.step({ event: 'portBound', binding: { vni: VNI, port } })
  }

  /** The controller is killed: its routes go, what it asked for and did not get is lost, the packet path goes on. */
  kill(): void {
    this.operations = []
    this.dataplane.takeEvents()
    this.rib.clear()
    for (const { key, nlri } of [...this.own.values()]) {
      this.#tell({ key, nlri, best: undefined })
    }
    this.evpn = machine(this.vtep)
  }

  /** A new controller finds the packet path as it is. */
  adopt(): void {
    this.configure()
    this.step({ event: 'adopt', snapshot: this.dataplane.snapshot() })
  }

  step(event: EvpnEvent): void {
    for (const action of this.evpn.step(event)) this.#do(action)
  }

  applyOperations(count = this.operations.length): void {
    this.dataplane.apply(this.operations.splice(0, count))
  }

  handEvents(count = this.dataplane.events.length): void {
    const events = this.dataplane.events.splice(0, count)
    if (events.length > 0) this.step({ event: 'dataplane', events })
  }

  receive(from: Host, count = Number.POSITIVE_INFINITY): void {
    const changes = from.links.get(this)!.splice(0, count)
    for (const change of changes) {
      if (change.best === undefined) this.rib.delete(change.key)
      else this.rib.set(change.key, change)
    }
    if (changes.length > 0) this.step({ event: 'routes', changes })
  }

  /** One update, whatever else is on its way. */
  hear(update: Update): void {
    if (update.best === undefined) this.rib.delete(update.key)
    else this.rib.set(update.key, update)
    this.step({ event: 'routes', changes: [update] })
  }

  /** Nothing is on its way to this host. */
  get isQuiet(): boolean {
    return this.operations.length === 0 && this.dataplane.events.length === 0
  }

  /** What this host says of MACs. */
  ownMacs(): readonly string[] {
    const macs: string[] = []
    for (const { nlri } of this.own.values()) {
      if (nlri.type === 'macIp')
        macs.push(nlri.ip === undefined ? nlri.mac : `${nlri.mac} ${nlri.ip}`)
    }
    return macs
  }

  #do(action: EvpnAction): void {
    switch (action.do) {
      case 'apply':
        this.operations.push(...action.operations)
        return
      case 'originate':
        for (const { nlri, nextHop, attributes } of action.routes) {
          this.#tell({ key: evpnKey(nlri), nlri, best: { nextHop, attributes } })
        }
        return
      case 'withdraw':
        for (const { nlri } of action.routes) {
          this.#tell({ key: evpnKey(nlri), nlri, best: undefined })
        }
        return
      case 'startTimer':
        this.timers.push(action.timer)
        return
      case 'queryMembership':
        this.queries.push(action)
        return
      case 'readSnapshot':
        this.step({ event: 'resync', snapshot: this.dataplane.snapshot() })
        return
      case 'event':
        this.notices.push(action)
        return
    }
  }

  #tell(update: Update): void {
    if (update.best === undefined) this.own.delete(update.key)
    else this.own.set(update.key, update)
    for (const queue of this.links.values()) queue.push(update)
  }
}

export class Fabric {
  readonly hosts: readonly Host[]

  /** `settings`: of the network, everywhere. */
  constructor(count: number, settings: Partial<NetworkSettings> = {}) {
    this.hosts = Array.from({ length: count }, (_, i) => new Host(`10.0.0.${i + 1}`, settings))
    for (const host of this.hosts) {
      for (const other of this.hosts) if (other !== host) host.links.set(other, [])
    }
    for (const host of this.hosts) host.configure()
    this.settle()
  }

  /** Delivers all there is, in rounds, until nothing is on its way. False when that never ends. */
  settle(): boolean {
    for (let round = 0; round < 200; round++) {
      for (const host of this.hosts) {
        host.applyOperations()
        host.handEvents()
        for (const from of this.hosts) if (from !== host) host.receive(from)
      }
      const isQuiet = this.hosts.every(
        (host) => host.isQuiet && [...host.links.values()].every((queue) => queue.length === 0),
      )
      if (isQuiet) return true
    }
    return false
  }

  /** What others had sent to a host before its controller was killed is sent again. */
  resend(to: Host): void {
    for (const from of this.hosts) {
      if (from === to) continue
      from.links.set(to, [...from.own.values()])
    }
  }

  /** Every host compares its tables with what they should be. */
  audit(): boolean {
    for (const host of this.hosts) {
      host.step({ event: 'resync', snapshot: host.dataplane.snapshot() })
    }
    return this.settle()
  }
}
