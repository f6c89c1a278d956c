// Networks and ports in force: opens and closes ports, tells evpn what belongs where, and goes from one configuration
// to the next in two steps, so that what can fail happens before anything is changed.

import type { NetworkSettings, VrfSettings } from '../evpn/index.js'
import type { PortSegment } from '../fib/index.js'
import { segmentSettings } from './config/segments.js'
import { difference, type PlacedPort, same } from './effective.js'
import type { EventFields, EventLog } from './events.js'
import type { Machines } from './machines.js'
import type { FabricNetwork, FabricVrf } from './networks.js'
import type { PacketPath } from './packet-path.js'
import { type HeldPort, Ports, specOf } from './ports.js'

/** Everything that tenants see of a configuration. */
export interface Tenants {
  readonly vrfs: readonly FabricVrf[]
  readonly networks: readonly FabricNetwork[]
  readonly ports: readonly PlacedPort[]
}

export interface TenancyParts {
  readonly path: PacketPath
  readonly machines: Machines
  readonly events: EventLog
  /** In evpn's words. */
  readonly settingsOf: (network: FabricNetwork) => NetworkSettings
  readonly vrfSettingsOf: (vrf: FabricVrf) => VrfSettings
}

/** The first step of a change is done: ports are open. One of the two has to follow. */
export interface PreparedChange {
  commit(): Promise<void>
  undo(): Promise<void>
}

export class Tenancy {
  readonly ports: Ports
  readonly #parts: TenancyParts

  constructor(parts: TenancyParts) {
    this.#parts = parts
    this.ports = new Ports(parts.path)
  }

  /**
   * Opens all ports on a dataplane that is new here and fills its tables. Adopted: what forwards goes on forwarding.
   * Answers the ports that could not be opened; `mayMiss` says for which that is no reason to stop.
   */
  async fill(
    { vrfs, networks, ports }: Tenants,
    adopted: boolean,
    mayMiss: (port: PlacedPort) => boolean,
  ): Promise<readonly HeldPort[]> {
    const { path, machines } = this.#parts
    if (adopted) await this.ports.adopt(ports, path.table('ports'))
    const failed: HeldPort[] = []
    for (const port of ports) {
      if (this.ports.held.get(port.name)?.id !== undefined) continue
      const held = await this.ports.open(port)
      if (held.id === undefined && !mayMiss(port)) failed.push(held)
    }
    if (failed.length > 0) return failed
    for (const vrf of vrfs) this.#setVrf(vrf)
    for (const network of networks) this.#setNetwork(network)
    for (const { name } of ports) this.#bind(name, { found: this.ports.held.get(name)?.found })
    const event = adopted ? 'adopt' : 'resync'
    await path.whenSettled((snapshot) => machines.toEvpn({ event, snapshot }))
    return []
  }

  /** The dataplane is gone, and with it every port. Nothing forwards, so nothing may be announced. */
  lost({ networks, vrfs }: Pick<Tenants, 'networks' | 'vrfs'>, reason: string): void {
    for (const name of this.ports.held.keys()) this.ports.lose(name, reason)
    for (const { vni } of networks) this.#parts.machines.toEvpn({ event: 'networkRemoved', vni })
    for (const { vni } of vrfs) this.#parts.machines.toEvpn({ event: 'vrfRemoved', vni })
  }

  /** The interface behind a port is gone. */
  async portGone(id: number): Promise<void> {
    const held = this.ports.byId(id)
    if (held === undefined) return
    this.#parts.machines.toEvpn({ event: 'portUnbound', port: id })
    this.ports.lose(held.port.name, 'its interface is gone')
    await this.#parts.path.settled()
    await this.#parts.path.closePort(id)
  }

  /** What is behind ports is different, as a host has moved to the port `name`. */
  arrive({ ports }: Tenants, name: string): void {
    const changed = ports.filter((port) => !same(this.ports.held.get(port.name)?.port, port))
    for (const port of changed) this.ports.replace(port)
    // The new place first: what comes from another MAC has to know that MAC's number.
    this.#bind(name, { arrived: true })
    for (const port of changed) if (port.name !== name) this.#bind(port.name)
    const port = this.ports.held.get(name)?.port
    if (port !== undefined)
      this.#tell('portMoved', `MAC ${port.mac} has moved to port ${name}`, ofPort(port))
  }

  /** Tries those missing ports again that `promising` says may come. */
  async retry(promising: (port: PlacedPort) => boolean): Promise<void> {
    const missing = [...this.ports.held.values()].filter(
      ({ id, port }) => id === undefined && promising(port),
    )
    for (const { port, reason } of missing) {
      const held = await this.ports.open(port)
      if (held.id === undefined) {
        if (held.reason !== reason) this.#tellMissing(held)
        continue
      }
      this.#bind(port.name)
      this.#tell('portOpened', `port ${port.name} of network ${port.network} is open`, ofPort(port))
    }
  }

  /** Throws the first reason why a port can not be opened; then everything is as before. */
  async prepare(before: Tenants, after: Tenants): Promise<PreparedChange> {
    const { path, machines } = this.#parts
    const ports = difference(before.ports, after.ports, ({ name }) => name)
    const reopened = ports.changed.filter(({ from, to }) => !same(specOf(from), specOf(to)))
    const steps: (() => Promise<unknown>)[] = []
    const undo = async (): Promise<void> => {
      for (const step of steps.reverse()) await step()
    }
    for (const { from } of reopened) {
      this.#unbind(from.name)
      await path.settled()
      await this.ports.close(from.name)
      steps.push(() => this.ports.open(from).then(() => this.#bind(from.name)))
    }
    for (const port of [...ports.added, ...reopened.map(({ to }) => to)]) {
      steps.push(() => this.ports.close(port.name))
      const held = await this.ports.open(port)
      if (held.id === undefined && !port.wait) {
        await undo()
        throw new Error(held.reason)
      }
    }
    const commit = async (): Promise<void> => {
      for (const { name } of ports.removed) this.#unbind(name)
      const vrfs = difference(before.vrfs, after.vrfs, ({ vni }) => vni)
      const networks = difference(before.networks, after.networks, ({ vni }) => vni)
      for (const vrf of [...vrfs.added, ...vrfs.changed.map(({ to }) => to)]) this.#setVrf(vrf)
      for (const { name, vni } of vrfs.added) {
        this.#tell('vrfAdded', `VRF ${name} (L3 VNI ${vni}) is added`, { vrf: name, vni })
      }
      for (const { vni, name } of networks.removed) {
        machines.toEvpn({ event: 'networkRemoved', vni })
        this.#tell('networkRemoved', `network ${name} (VNI ${vni}) is removed`, {
          network: name,
          vni,
        })
      }
      for (const network of networks.added) {
        this.#setNetwork(network)
        const { name, vni } = network
        this.#tell('networkAdded', `network ${name} (VNI ${vni}) is added`, { network: name, vni })
      }
      for (const { from, to } of networks.changed) {
        const settings = this.#parts.settingsOf
        if (!same(settings(from), settings(to))) this.#setNetwork(to)
      }
      for (const { name, vni } of vrfs.removed) {
        machines.toEvpn({ event: 'vrfRemoved', vni })
        this.#tell('vrfRemoved', `VRF ${name} (L3 VNI ${vni}) is removed`, { vrf: name, vni })
      }
      for (const { to } of ports.changed) this.ports.replace(to)
      for (const port of [...ports.added, ...ports.changed.map(({ to }) => to)])
        this.#bind(port.name)
      for (const port of ports.added) {
        this.#tell(
          'portAdded',
          `port ${port.name} is added to network ${port.network}`,
          ofPort(port),
        )
      }
      await path.settled()
      for (const port of ports.removed) {
        await this.ports.close(port.name)
        this.#tell(
          'portRemoved',
          `port ${port.name} is removed from network ${port.network}`,
          ofPort(port),
        )
      }
    }
    return { commit, undo }
  }

  #setVrf(vrf: FabricVrf): void {
    this.#parts.machines.toEvpn({ event: 'vrfAdded', vrf: this.#parts.vrfSettingsOf(vrf) })
  }

  #setNetwork(network: FabricNetwork): void {
    this.#parts.machines.toEvpn({ event: 'networkAdded', network: this.#parts.settingsOf(network) })
  }

  /** Tells evpn where an open port belongs, and what is known to be behind it. */
  #bind(
    name: string,
    { arrived, found }: { readonly arrived?: true; readonly found?: PortSegment | undefined } = {},
  ): void {
    const held = this.ports.held.get(name)
    if (held?.id === undefined) return
    const { vni, mac, ip, sticky, hosts, ethernetSegment } = held.port
    const isStatic = sticky === true ? { sticky } : {}
    const bindings = {
      ...(mac === undefined ? {} : { mac, ips: ip, ...isStatic }),
      ...(hosts.length === 0
        ? {}
        : { hosts: hosts.map((host) => ({ mac: host.mac, ips: host.ip })) }),
    }
    const segment =
      ethernetSegment === undefined ? {} : { segment: segmentSettings(ethernetSegment) }
    this.#parts.machines.toEvpn({
      event: 'portBound',
      binding: { vni, port: held.id, ...bindings, ...segment },
      ...(arrived === undefined ? {} : { arrived }),
      ...(found === undefined ? {} : { found }),
    })
  }

  #unbind(name: string): void {
    const id = this.ports.held.get(name)?.id
    if (id !== undefined) this.#parts.machines.toEvpn({ event: 'portUnbound', port: id })
  }

  #tellMissing({ port, reason }: HeldPort): void {
    const text = `port ${port.name} is not open: ${reason}`
    this.#parts.events.add('warn', 'portMissing', text, ofPort(port))
  }

  #tell(kind: string, text: string, fields: EventFields): void {
    this.#parts.events.add('info', kind, text, fields)
  }
}

const ofPort = ({ name, vni, network }: PlacedPort): EventFields => ({
  ifname: name,
  network,
  vni,
})
