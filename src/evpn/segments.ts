// Ethernet segments (RFC 7432 section 8): what other VTEPs say of them, and those that ports of ours lead to. A segment is
// known by its ESI alone, whichever route targets its routes carry: some vendors give type 1 routes others than the
// networks have.

import type { PortSegment } from '../fib/index.js'
import { compareIp, type Esi, type Ip, ipFamily } from '../net/index.js'
import type { Candidate } from './df-election.js'
import type { SegmentMemberView, SegmentSettings, SegmentView } from './events.js'
import { type LocalNetwork, LocalSegment, SEGMENT_TIMER } from './local-segment.js'
import type { Output } from './output.js'

export interface SegmentsSurroundings {
  readonly out: Output
  readonly vtep: Ip
  readonly routerId: Ip
  readonly ignoreEadPerEvi: boolean
  /** Whoever has hosts behind segments. */
  readonly importers: () => Iterable<{ segmentChanged(esi: Esi): void }>
  readonly networkOf: (vni: number) => LocalNetwork | undefined
}

/** A type 4 route: a VTEP takes part in the election. */
export interface Member extends Candidate {
  /** Its VTEP address, where that differs from the router's. */
  readonly vtep: Ip
}

/** A type 1 route per ES: a VTEP is connected. */
export interface Connection {
  readonly vtep: Ip
  readonly singleActive: boolean
}

/** Where a port of a segment stands among the others. */
export interface Standing {
  /** The others have time to make themselves known. */
  readonly isWaiting: boolean
  /** It hands on broadcasts of other VTEPs. */
  readonly isDesignated: boolean
  /** VTEPs that say that they have the segment. */
  readonly peers: readonly Ip[]
}

/** What others say of one segment, by the keys of their routes. */
interface Reports {
  readonly members: Map<string, Member>
  readonly connections: Map<string, Connection>
}

const nothing: Reports = { members: new Map(), connections: new Map() }

export class Segments {
  readonly #around: SegmentsSurroundings
  readonly #reports = new Map<Esi, Reports>()
  readonly #byKey = new Map<string, Esi>()
  readonly #locals = new Map<Esi, LocalSegment>()
  readonly #byPort = new Map<number, LocalSegment>()
  readonly #downPorts = new Set<number>()
  readonly #dirty = new Set<Esi>()

  constructor(around: SegmentsSurroundings) {
    this.#around = around
  }

  // What others say.

  /** Whether a VTEP can be reached from ours. */
  isReachable(vtep: Ip): boolean {
    return ipFamily(vtep) === ipFamily(this.#around.vtep)
  }

  setMember(key: string, esi: Esi, member: Member): void {
    this.#report(key, esi).members.set(key, member)
  }

  setConnection(key: string, esi: Esi, connection: Connection): void {
    this.#report(key, esi).connections.set(key, connection)
  }

  /** The route is gone. */
  forget(key: string): void {
    const esi = this.#byKey.get(key)
    const reports = esi === undefined ? undefined : this.#reports.get(esi)
    if (esi === undefined || reports === undefined) return
    this.#byKey.delete(key)
    reports.members.delete(key)
    reports.connections.delete(key)
    if (reports.members.size + reports.connections.size === 0) this.#reports.delete(esi)
    this.#dirty.add(esi)
  }

  #report(key: string, esi: Esi): Reports {
    let reports = this.#reports.get(esi)
    if (reports === undefined) {
      reports = { members: new Map(), connections: new Map() }
      this.#reports.set(esi, reports)
    }
    this.#byKey.set(key, esi)
    this.#dirty.add(esi)
    return reports
  }

  /** VTEPs that are connected to it now, each once, in order. */
  connected(esi: Esi): readonly Ip[] {
    const { connections } = this.#reports.get(esi) ?? nothing
    return [...new Set(Array.from(connections.values(), ({ vtep }) => vtep))].sort(compareIp)
  }

  isConnected(esi: Esi, vtep: Ip): boolean {
    const { connections } = this.#reports.get(esi) ?? nothing
    for (const each of connections.values()) if (each.vtep === vtep) return true
    return false
  }

  isSingleActive(esi: Esi): boolean {
    const local = this.#locals.get(esi)
    if (local !== undefined) return local.settings.singleActive
    const { connections } = this.#reports.get(esi) ?? nothing
    return [...connections.values()].some(({ singleActive }) => singleActive)
  }

  // Ports of ours.

  /** What the port leads to now, if to a segment; before it is attached to the network. `found`: see portBound. */
  bind(
    port: number,
    vni: number,
    settings: SegmentSettings | undefined,
    found?: PortSegment,
  ): void {
    if (settings === undefined) {
      this.unbind(port)
      return
    }
    const { esi } = settings
    if (this.esiOf(port) !== esi) this.#leave(port)
    let local = this.#locals.get(esi)
    if (local === undefined) {
      local = new LocalSegment(settings, this.#around)
      this.#locals.set(esi, local)
    }
    local.change(settings)
    local.attach(port, vni, !this.#downPorts.has(port), found)
    this.#byPort.set(port, local)
    this.#dirty.add(esi)
  }

  /** The port leads to no segment; where it goes, behind that. */
  unbind(port: number): void {
    if (!this.#leave(port)) return
    this.#around.out.change({ op: 'portSegmentClear', port })
  }

  #leave(port: number): boolean {
    const local = this.#byPort.get(port)
    if (local === undefined) return false
    this.#byPort.delete(port)
    local.detach(port)
    this.#dirty.add(local.settings.esi)
    return true
  }

  setPort(port: number, isUp: boolean): void {
    if (isUp) this.#downPorts.delete(port)
    else this.#downPorts.add(port)
    const local = this.#byPort.get(port)
    if (local?.setPort(port, isUp)) this.#dirty.add(local.settings.esi)
  }

  /** The port is not there any more; one that comes later may have its number. */
  forgetPort(port: number): void {
    this.#downPorts.delete(port)
  }

  /** Segment of a port, if it leads to one. */
  esiOf(port: number): Esi | undefined {
    return this.#byPort.get(port)?.settings.esi
  }

  /** Of a port that leads to a segment. */
  standingOf(port: number): Standing | undefined {
    return this.#byPort.get(port)?.standingOf(port)
  }

  /** The port of ours by which hosts of the segment are reached in a network, while one does. */
  portOf(esi: Esi, vni: number): number | undefined {
    return this.#locals.get(esi)?.openPort(vni)
  }

  /** Names, route distinguishers or targets of a network are other ones. */
  networkChanged(vni: number): void {
    for (const [esi, local] of this.#locals) if (local.isIn(vni)) this.#dirty.add(esi)
  }

  /** Who announces the segment in a network has changed: counts where elections depend on it. */
  circuitsChanged(esi: Esi): void {
    if (this.#locals.has(esi)) this.#dirty.add(esi)
  }

  /** What was found after a restart counts no longer. */
  sweep(): void {
    for (const [esi, local] of this.#locals) if (local.sweep()) this.#dirty.add(esi)
  }

  onTimer(timer: string): void {
    if (!timer.startsWith(SEGMENT_TIMER)) return
    const esi = timer.slice(SEGMENT_TIMER.length)
    if (this.#locals.get(esi)?.waited()) this.#dirty.add(esi)
  }

  /** Withdraws everything and never says anything again. */
  silence(): void {
    for (const local of this.#locals.values()) local.silence()
  }

  /** Before the networks settle. */
  settle(): void {
    if (this.#dirty.size === 0) return
    const importers = [...this.#around.importers()]
    for (const esi of this.#dirty) {
      const local = this.#locals.get(esi)
      if (local !== undefined) {
        const { members, connections } = this.#reports.get(esi) ?? nothing
        local.settle([...members.values()], [...connections.values()])
        if (local.isUnused) this.#locals.delete(esi)
      }
      for (const importer of importers) importer.segmentChanged(esi)
    }
    this.#dirty.clear()
  }

  views(): readonly SegmentView[] {
    const esis = new Set([...this.#locals.keys(), ...this.#reports.keys()])
    return Array.from(esis, (esi) => this.#view(esi))
  }

  #view(esi: Esi): SegmentView {
    const { members, connections } = this.#reports.get(esi) ?? nothing
    const active = new Set(this.connected(esi))
    const candidates = new Map(Array.from(members.values(), (one) => [one.vtep, one]))
    const all = new Set([...candidates.keys(), ...active])
    const others = [...all].sort(compareIp).map((address): SegmentMemberView => {
      const candidate = candidates.get(address)
      const is = { address, active: active.has(address) }
      if (candidate === undefined) return is
      const { algorithm, preference } = candidate
      return { ...is, algorithm, preference }
    })
    const local = this.#locals.get(esi)
    if (local !== undefined) return { ...local.view([...members.values()]), members: others }
    const singleActive = [...connections.values()].some((one) => one.singleActive)
    return { esi, kind: 'remote', singleActive, state: 'remote', networks: [], members: others }
  }
}
