// The BGP side of a host: who its peers are, what is announced beside EVPN, how long sessions have been up, and when
// what was adopted may be swept.

import { hostname } from 'node:os'
import type { FsmState, OriginatedRoute } from '../bgp/index.js'
import { type Clock, ListenError, RouterDiscovery, type Tcp } from '../io/index.js'
import { type Ip, ipFamily } from '../net/index.js'
import { Adoption, SWEEP_SECONDS } from './adoption.js'
import type { Collector, Config, Neighbor } from './config/schema.js'
import { difference, neighborId } from './effective.js'
import type { EventLog } from './events.js'
import { HostFailure } from './instance/index.js'
import type { Machines } from './machines.js'
import { memberships } from './memberships.js'
import { neighborAdded, neighborRemoved } from './neighbors.js'
import { sourceFor } from './world.js'

export interface PeeringParts {
  readonly machines: Machines
  readonly tcp: Tcp
  readonly clock: Clock
  readonly events: EventLog
  /** Our VTEP address. */
  readonly vtep: string
  /** Our AR-IP (RFC 9574). */
  readonly replicator: string | undefined
  readonly version: string
}

/** Name of the timer that ends the wait for End-of-RIB. */
export const SWEEP_TIMER = 'host:sweep'

/** So long the last withdrawals may take at the end. */
const DRAIN_SECONDS = 3

export class Peering {
  readonly #parts: PeeringParts
  readonly #establishedAt = new Map<string, number>()
  #adoption: Adoption | undefined
  #asked: readonly OriginatedRoute[] = []
  #neighbors: readonly Neighbor[] = []
  /** Who is at the other end of interfaces. */
  readonly #found = new Map<string, Ip>()
  readonly #discovery: RouterDiscovery

  constructor(parts: PeeringParts) {
    this.#parts = parts
    this.#discovery = new RouterDiscovery({
      onRouter: (ifname, address) => this.#onRouter(ifname, address),
      onFailure: (ifname, reason) => {
        const text = `peer ${ifname}: nobody can be heard on the interface: ${reason}`
        parts.events.add('warn', 'peerNotFound', text, { peer: ifname })
      },
    })
  }

  /** Accepts connections, where the configuration wants it. Throws HostFailure. */
  async listen({ listen }: Config['bgp']): Promise<void> {
    if (listen === undefined) return
    try {
      await this.#parts.tcp.listen(listen.address, listen.port)
    } catch (error) {
      if (error instanceof ListenError) throw new HostFailure(`bgp.listen: ${error.message}`)
      throw error
    }
  }

  begin(config: Config): void {
    const { announceVtep, neighbors, collectors } = config.bgp
    this.#announce(announceVtep)
    this.#ask(config)
    for (const collector of collectors) this.#watch(collector)
    this.#neighbors = neighbors
    for (const neighbor of neighbors) this.#add(neighbor)
    this.#adoption?.begin()
  }

  change({ bgp: before }: Config, config: Config): void {
    const { bgp: after } = config
    const { machines, events } = this.#parts
    this.#ask(config)
    const { removed, added, changed } = difference(before.neighbors, after.neighbors, neighborId)
    for (const neighbor of removed) {
      const id = neighborId(neighbor)
      machines.toSpeaker(neighborRemoved(neighbor))
      this.#unwatch(neighbor)
      this.#establishedAt.delete(id)
      this.#adoption?.heard(id)
      events.add('info', 'peerRemoved', `peer ${id} is removed`, { peer: id })
    }
    for (const neighbor of added) {
      const id = neighborId(neighbor)
      events.add('info', 'peerAdded', `peer ${id} is added`, { peer: id })
      this.#add(neighbor)
    }
    for (const { to } of changed) this.#add(to)
    this.#neighbors = after.neighbors
    const watching = difference(before.collectors, after.collectors, collectorId)
    for (const collector of watching.removed)
      machines.toSpeaker({ event: 'collectorRemoved', id: collectorId(collector) })
    for (const collector of watching.added) this.#watch(collector)
    for (const { to } of watching.changed) this.#watch(to)
    if (before.announceVtep !== after.announceVtep) this.#announce(after.announceVtep)
  }

  /** Withdraws what is left, waits until the peers have been told, and says goodbye. */
  async end(): Promise<void> {
    const { machines, tcp } = this.#parts
    this.#announce(false)
    const end = performance.now() + DRAIN_SECONDS * 1000
    const pending = (): boolean =>
      machines.speaker
        .peers()
        .some(({ session }) => session?.families.some((family) => family.pending > 0))
    while (pending() && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    this.#discovery.close()
    machines.toSpeaker({ event: 'shutdown', communication: 'vtep is stopping' })
    await tcp.close()
  }

  /** What nobody confirms until the peers have sent everything, or the time for it is over, is removed. */
  awaitEndOfRib({ neighbors }: Config['bgp']): void {
    const { machines, clock, events } = this.#parts
    const peers = neighbors.filter(
      ({ range, families }) => range === undefined && families.includes('evpn'),
    )
    this.#adoption = new Adoption(peers.map(neighborId), () => {
      clock.stop(SWEEP_TIMER)
      events.add('info', 'swept', 'what the peers did not confirm is removed')
      machines.toEvpn({ event: 'sweep' })
    })
    clock.start(SWEEP_TIMER, SWEEP_SECONDS)
  }

  sweep(): void {
    this.#adoption?.finish()
  }

  onEndOfRib(peer: string, family: string): void {
    if (family === 'evpn') this.#adoption?.heard(peer)
  }

  onPeerState(peer: string, state: FsmState): void {
    if (state === 'Established') this.#establishedAt.set(peer, performance.now())
    else this.#establishedAt.delete(peer)
  }

  /** 0 when the peer is not Established. */
  uptimeSeconds(peer: string): number {
    const since = this.#establishedAt.get(peer)
    return since === undefined ? 0 : Math.floor((performance.now() - since) / 1000)
  }

  #add(neighbor: Neighbor): void {
    const { address, interface: ifname } = neighbor
    const source = address === undefined ? undefined : sourceFor(address, this.#parts.vtep)
    const found = ifname === undefined ? undefined : this.#found.get(ifname)
    this.#parts.machines.toSpeaker(neighborAdded(neighbor, source, found))
    if (ifname !== undefined) this.#discovery.watch(ifname)
  }

  #watch(collector: Collector): void {
    const { address, port, views, statisticsSeconds } = collector
    const { machines, version } = this.#parts
    const settings = { address, port, views, statisticsSeconds, name: hostname() }
    const description = `vtep ${version}`
    machines.toSpeaker({
      event: 'collectorAdded',
      collector: { id: collectorId(collector), ...settings, description },
    })
  }

  /** Somebody is heard on an interface: a link between two has one at the other end, whoever spoke last. */
  #onRouter(ifname: string, address: Ip): void {
    const neighbor = this.#neighbors.find((one) => one.interface === ifname)
    if (neighbor === undefined || this.#found.get(ifname) === address) return
    this.#found.set(ifname, address)
    const text = `peer ${ifname} is at ${address}`
    this.#parts.events.add('info', 'peerFound', text, { peer: ifname, address })
    this.#add(neighbor)
  }

  #unwatch({ interface: ifname }: Neighbor): void {
    if (ifname === undefined) return
    this.#discovery.unwatch(ifname)
    this.#found.delete(ifname)
  }

  /** Tells the peers whose routes we want (RFC 4684). */
  #ask(config: Config): void {
    const { machines } = this.#parts
    const routes = memberships(config)
    const { removed } = difference(this.#asked, routes, ({ nlri }) => JSON.stringify(nlri))
    // What is wanted comes first: whoever is left without anything in between would withdraw it all.
    machines.toSpeaker({ event: 'originate', routes })
    machines.toSpeaker({ event: 'withdraw', routes: removed })
    this.#asked = routes
  }

  /** Our addresses of the underlay as host routes, or no such routes. */
  #announce(announced: boolean): void {
    const { machines, vtep, replicator } = this.#parts
    const routes = (replicator === undefined ? [vtep] : [vtep, replicator]).map((address) =>
      ipFamily(address) === 4
        ? ({ family: 'ipv4', nlri: { prefix: `${address}/32` } } as const)
        : ({ family: 'ipv6', nlri: { prefix: `${address}/128` } } as const),
    )
    const originated = routes.map((route) => ({ ...route, attributes: {} }))
    if (!announced) machines.toSpeaker({ event: 'withdraw', routes })
    else machines.toSpeaker({ event: 'originate', routes: originated })
  }
}

/** No peer's id: those are addresses and prefixes. */
function collectorId({ address, port }: Collector): string {
  return `bmp ${address} ${port}`
}
