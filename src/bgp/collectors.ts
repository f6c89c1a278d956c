// All collectors of a speaker, and what they see of it.

import { type BmpStatistic, type BmpView, bmpStatistic } from '../wire/index.js'
import {
  Collector,
  type CollectorSettings,
  familyCounts,
  type Monitored,
  type MonitoredPeer,
} from './collector.js'
import type { RouteNlri, SpeakerAction } from './events.js'
import { openFor } from './negotiate.js'
import type { Path } from './path.js'
import type { Peer, PeerContext } from './peer.js'
import { keyOf } from './rib.js'
import type { SessionFamily } from './settings.js'

const families: readonly SessionFamily[] = ['evpn', 'ipv4', 'ipv6']

export class Collectors {
  readonly #collectors = new Map<string, Collector>()
  readonly #context: PeerContext
  readonly #peers: ReadonlyMap<string, Peer>
  readonly #around: Monitored

  constructor(context: PeerContext, peers: ReadonlyMap<string, Peer>) {
    this.#context = context
    this.#peers = peers
    const { asn, routerId } = context.speaker
    this.#around = {
      asn,
      routerId,
      ours: openFor(
        context.speaker,
        { id: '', address: routerId, asn, families },
        { restarting: false, forwarding: false },
      ),
      emit: (action) => context.emit(action),
      startTimer: (...args) => context.startTimer(...args),
      stopTimer: (timer) => context.stopTimer(timer),
      peers: () => [...peers.values()].flatMap((peer) => monitored(peer) ?? []),
      routes: (peer, family) => this.#routes(peer, family),
      path: (view, peer, family, nlri) => this.#path(view, peer, family, nlri),
      key: pathKey,
      counts: (peer) => this.#counts(peer),
    }
  }

  get isEmpty(): boolean {
    return this.#collectors.size === 0
  }

  /** A new one, or new settings of a known one. */
  add(settings: CollectorSettings): void {
    const known = this.#collectors.get(settings.id)
    if (JSON.stringify(known?.settings) === JSON.stringify(settings)) return
    known?.stop()
    this.#collectors.set(settings.id, new Collector(settings, this.#around))
  }

  remove(id: string): void {
    this.#collectors.get(id)?.stop()
    this.#collectors.delete(id)
  }

  stop(): void {
    for (const id of [...this.#collectors.keys()]) this.remove(id)
  }

  byId(id: string | undefined): Collector | undefined {
    return id === undefined ? undefined : this.#collectors.get(id)
  }

  byConnection(connection: number): Collector | undefined {
    for (const collector of this.#collectors.values())
      if (collector.connection === connection) return collector
    return undefined
  }

  /** Sees the states of peers among all that the speaker says. */
  hear(action: SpeakerAction): void {
    if (action.do !== 'peerState' || this.isEmpty) return
    const peer = this.#peers.get(action.peer)
    for (const collector of this.#collectors.values()) {
      if (action.from === 'Established') {
        const { by = 'us', notification } = peer?.statistics.lastError ?? {}
        collector.peerDown(action.peer, {
          by,
          ...(notification === undefined ? {} : { notification }),
        })
      } else if (action.to === 'Established') {
        const up = peer && monitored(peer)
        if (up !== undefined) collector.peerUp(up)
      }
    }
  }

  received(peer: string, family: SessionFamily, nlri: RouteNlri): void {
    if (this.isEmpty) return
    const key = pathKey(nlri)
    for (const collector of this.#collectors.values()) collector.received(peer, family, key, nlri)
  }

  chosen(family: SessionFamily, key: string, nlri: RouteNlri): void {
    for (const collector of this.#collectors.values()) collector.chosen(family, key, nlri)
  }

  get wantsFlush(): boolean {
    for (const collector of this.#collectors.values()) if (collector.wantsFlush) return true
    return false
  }

  flush(limit: number): void {
    for (const collector of this.#collectors.values())
      if (collector.wantsFlush) collector.flush(limit)
  }

  *#routes(peer: string | undefined, family: SessionFamily): Generator<RouteNlri> {
    if (peer === undefined) {
      for (const { best } of this.#context.ribs[family].entries())
        if (best !== undefined) yield best.nlri
      return
    }
    const adjRibIn = this.#peers.get(peer)?.session?.adjRibIn(family)
    for (const { path } of adjRibIn?.received() ?? []) yield adjRibIn!.nlriOf(path)
  }

  #path(view: BmpView, peer: string, family: SessionFamily, nlri: RouteNlri): Path | undefined {
    const routeKey = keyOf(nlri)
    if (view === 'locRib') return this.#context.ribs[family].get(routeKey)?.best
    const adjRibIn = this.#peers.get(peer)?.session?.adjRibIn(family)
    const key = adjRibIn?.keyOf(routeKey, nlri.pathId) ?? ''
    return view === 'prePolicy' ? adjRibIn?.get(key) : adjRibIn?.usable(key)
  }

  #counts(id: string | undefined): readonly BmpStatistic[] {
    if (id === undefined) {
      const { ribs } = this.#context
      return familyCounts('locRib', new Map(families.map((family) => [family, ribs[family].size])))
    }
    const peer = this.#peers.get(id)
    const session = peer?.session
    if (peer === undefined || session === undefined) return []
    const sizes = new Map<SessionFamily, number>()
    let rejected = 0
    for (const family of session.negotiated.families) {
      const adjRibIn = session.adjRibIn(family)
      sizes.set(family, adjRibIn?.size ?? 0)
      rejected += adjRibIn?.rejected ?? 0
    }
    return [
      { type: bmpStatistic.rejected, value: rejected },
      ...familyCounts('adjRibIn', sizes),
      {
        type: bmpStatistic.treatedAsWithdraw,
        value: peer.statistics.problems['treat-as-withdraw'],
      },
    ]
  }
}

function monitored(peer: Peer): MonitoredPeer | undefined {
  const { id, settings, session, opens } = peer
  if (session === undefined || opens === undefined) return undefined
  const { peerAsn: asn, peerRouterId: routerId, families, receive } = session.negotiated
  const { address } = settings
  const { localAddress } = session
  const { addPath } = receive
  return { id, address, asn, routerId, localAddress, families, addPath, ...opens }
}

/** Tells paths of a route apart, too, where a peer numbers them (RFC 7911). */
function pathKey(nlri: RouteNlri): string {
  return nlri.pathId === undefined ? keyOf(nlri) : `${keyOf(nlri)} ${nlri.pathId}`
}
