// A host of real machines, ports and packet path, without a world: its dataplane is the model of one, its peers are other
// sites on a wire in memory. What is asked of a host can be asked of it.

import type {
  Counters,
  Dataplane,
  LargeTable,
  Operation,
  PortSpec,
  RemoteState,
  Snapshot,
  TableRows,
  UnderlayState,
} from '../../src/fib/index.js'
import { noAmendments } from '../../src/host/amendments.js'
import { merge, placedPorts } from '../../src/host/effective.js'
import { EventLog, loadConfig } from '../../src/host/index.js'
import { Machines } from '../../src/host/machines.js'
import { memberships } from '../../src/host/memberships.js'
import { neighborAdded, speakerSettings } from '../../src/host/neighbors.js'
import {
  fabricNetworks,
  fabricVrfs,
  networkSettings,
  vrfSettings,
} from '../../src/host/networks.js'
import { PacketPath } from '../../src/host/packet-path.js'
import type { StateSource } from '../../src/host/state/index.js'
import { Tenancy } from '../../src/host/tenancy.js'
import type { BfdRecord, TcpAction } from '../../src/io/index.js'
import { ModelDataplane } from '../fib/model.js'
import type { Wire } from './wire.js'

/** The model as fib's interface has it: ports come and go. */
class ModelPath implements Dataplane {
  readonly model = new ModelDataplane()
  readonly names = new Map<number, string>()
  readonly mtus = new Map<number, number>()
  remotes: RemoteState[] = []
  underlays: UnderlayState[] = []
  drops: Record<string, number> = {}
  readonly #uplink: string
  #listener: Parameters<Dataplane['listen']>[0] = () => {}

  constructor(uplink: string) {
    this.#uplink = uplink
  }

  async configure() {
    return { kind: this.#uplink, reason: 'the test wants it', fastPathRefusal: 'the test wants it' }
  }

  async openPort({ name }: PortSpec): Promise<number> {
    const id = this.model.ports.size + 1
    this.model.ports.set(id, { vni: 0, up: true })
    this.names.set(id, name)
    return id
  }

  async closePort(id: number): Promise<void> {
    this.model.ports.delete(id)
  }

  async apply(operations: readonly Operation[]): Promise<void> {
    this.model.apply(operations)
  }

  async send(): Promise<void> {}

  listen(listener: Parameters<Dataplane['listen']>[0]): void {
    this.#listener = listener
    this.tell()
  }

  /** Hands on what the model has seen. True when there was something. */
  tell(): boolean {
    const events = this.model.takeEvents()
    if (events.length > 0) this.#listener(events)
    return events.length > 0
  }

  async capture(): Promise<never> {
    throw new Error('the model has no frames')
  }

  onLost(): void {}
  async detach(): Promise<void> {}
  async shutdown(): Promise<void> {}

  snapshot(): Snapshot {
    const { ports, ...tables } = this.model.snapshot()
    const named = ports.map((port) => ({
      ...port,
      name: this.names.get(port.id) ?? port.name,
      mtu: this.mtus.get(port.id) ?? port.mtu,
    }))
    return { ...tables, ports: named, remotes: this.remotes }
  }

  table<Name extends keyof Snapshot>(name: Name): Snapshot[Name] {
    return this.snapshot()[name]
  }

  counters(): Counters {
    const none = { rxFrames: 0, rxBytes: 0, txFrames: 0, txBytes: 0, rxDropped: 0, txDropped: 0 }
    return {
      drops: this.drops,
      ports: [],
      uplink: { port: 0, ...none, suppressed: 0, flooded: 0 },
    }
  }

  async readAside<Name extends LargeTable>(name: Name): Promise<TableRows<Name>> {
    const rows = this.snapshot()[name] as readonly unknown[]
    const slice = (from: number, to: number) => rows.slice(from, to) as unknown as Snapshot[Name]
    return { digest: '', length: rows.length, slice }
  }

  /** The model does not explain itself. */
  trace(): never {
    throw new Error('trace: expected a dataplane, got a model of one')
  }

  async image(): Promise<never> {
    return this.trace()
  }
}

export interface SiteOptions {
  readonly asn?: number
  readonly networks: readonly object[]
  readonly vrfs?: readonly object[]
  /** Of the neighbours, beside address and AS. */
  readonly neighbor?: object
  /** The kind that the dataplane says it uses. */
  readonly uplink?: string
  /** Other keys of the configuration. */
  readonly more?: { readonly bgp?: object; readonly [key: string]: unknown }
}

export class Site {
  readonly address: string
  readonly dataplane: ModelPath
  readonly machines: Machines
  readonly path: PacketPath
  readonly events = new EventLog(() => 0)
  repairs = 0
  readonly bfd = new Map<string, BfdRecord>()
  /** Timers of no time; others end when a test says so. */
  readonly #due = new Set<string>()
  readonly #wire: Wire
  readonly #sites: Site[]
  readonly #tenancy: Tenancy
  readonly #effective: StateSource['effective']

  /** `sites` are all of the fabric, this one is added. */
  constructor(wire: Wire, sites: Site[], options: SiteOptions, peers: readonly string[]) {
    const { asn = 65000, networks, vrfs = [], neighbor = {}, more = {}, uplink = 'udp' } = options
    this.dataplane = new ModelPath(uplink)
    this.address = `10.0.0.${sites.length + 1}`
    this.#wire = wire
    this.#sites = sites
    sites.push(this)
    const neighbors = peers.map((address) => ({
      address,
      asn: 65000,
      passive: this.address > address,
      ...neighbor,
    }))
    const loaded = loadConfig(
      JSON.stringify({
        asn,
        vtep: { address: this.address },
        ...more,
        bgp: { ...more.bgp, listen: {}, neighbors },
        vrfs,
        networks,
      }),
      'site.yaml',
    )
    if ('problems' in loaded) throw new Error(loaded.problems.map(({ text }) => text).join('\n'))
    this.#effective = merge(loaded.config, noAmendments, [])
    const { config } = this.#effective
    this.path = new PacketPath(
      {
        obtain: async () => ({ dataplane: this.dataplane, adopted: false }),
        vtep: { address: this.address, udpPort: 4789, uplink: 'udp', interfaces: [] },
      },
      {
        onEvents: (events) => this.machines.toEvpn({ event: 'dataplane', events }),
        onLost: () => {},
        onRestartFailed: () => {},
        onRestored: async () => {},
        onRefused: (reason) => {
          throw new Error(reason)
        },
      },
    )
    const { moves, seconds } = config.duplicateDetection
    const own = { asn, routerId: this.address, vtep: this.address, profile: config.profile }
    this.machines = new Machines(
      speakerSettings(asn, this.address, config.bgp),
      { ...own, duplicates: moves > 0 && { moves, seconds } },
      {
        transport: (action) => this.#transport(action as TcpAction),
        startTimer: (timer, seconds) => {
          if (seconds === 0) this.#due.add(timer)
        },
        stopTimer: (timer) => this.#due.delete(timer),
        apply: (operations) => this.path.push(operations),
        tellHosts: () => {},
        readSnapshot: () => {},
        peerState: () => {},
        routes: () => {},
        endOfRib: () => {},
        tell: (level, kind, text, fields) => this.events.add(level, kind, text, fields),
      },
    )
    this.#tenancy = new Tenancy({
      path: this.path,
      machines: this.machines,
      events: this.events,
      settingsOf: (network) => networkSettings(network, `${this.address}:${network.vni & 0xffff}`),
      vrfSettingsOf: (vrf) => vrfSettings(vrf, `${this.address}:${vrf.vni & 0xffff}`),
    })
  }

  async start(): Promise<void> {
    const { config } = this.#effective
    await this.path.start()
    const ports = placedPorts(this.#effective, [])
    const tenants = { vrfs: fabricVrfs(config), networks: fabricNetworks(config), ports }
    await this.#tenancy.fill(tenants, false, () => true)
    this.machines.toSpeaker({ event: 'originate', routes: memberships(config) })
    for (const neighbor of config.bgp.neighbors)
      this.machines.toSpeaker(neighborAdded(neighbor, undefined))
  }

  #transport(action: TcpAction): void {
    const other = action.do === 'connect' ? this.#at(action.address) : undefined
    if (action.do === 'connect' && other === undefined) {
      const { peer } = action
      this.machines.toSpeaker({ event: 'connectFailed', peer, reason: 'connection refused' })
    } else this.#wire.perform(this, () => other!, action)
  }

  #at(address: string): Site | undefined {
    return this.#sites.find((site) => site.address === address)
  }

  /** Ends timers of no time. True when there was one. */
  tick(): boolean {
    const due = [...this.#due]
    this.#due.clear()
    for (const timer of due) this.machines.timerEnded(timer)
    return due.length > 0
  }

  /** Id of a port. */
  port(name: string): number {
    return this.#tenancy.ports.held.get(name)!.id!
  }

  /** What `why`, `doctor` and the views are made of. */
  get source(): StateSource {
    const { machines, path } = this
    return {
      version: 'test',
      effective: this.#effective,
      routerId: this.address,
      speaker: machines.speaker,
      evpn: machines.evpn,
      ports: this.#tenancy.ports.held,
      routeCounts: new Map(),
      eventArchive: undefined,
      uplink: path.uplink,
      dataplaneRestarts: path.restarts,
      audit: { rounds: 1, repaired: 0 },
      portStates: () => path.table('ports'),
      remoteStates: () => path.table('remotes'),
      underlayStates: () => this.dataplane.underlays,
      counters: () => path.counters(),
      recentDrops: (reason) => path.counters()?.drops[reason] ?? 0,
      recentRepairs: () => this.repairs,
      uptimeSeconds: () => 12,
      bfdState: (peer) => this.bfd.get(peer)?.state,
      bfdRecord: (peer) => this.bfd.get(peer),
      interfaceName: (ifindex) => `eth${ifindex}`,
    }
  }
}

/** Carries everything to everybody until nothing moves any more. */
export async function settle(wire: Wire, sites: readonly Site[]): Promise<void> {
  for (let isQuiet = false; !isQuiet; ) {
    wire.deliver()
    for (const { path } of sites) await path.settled()
    const told = sites.flatMap((site) => [site.dataplane.tell(), site.tick()])
    isQuiet = !told.includes(true) && !wire.hasMore
  }
}
