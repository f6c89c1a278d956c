// A station that watches us (BMP, RFC 7854): told of peers that come and go, of what they tell us (adj-rib-in, before and
// behind our policy) and of what we choose (loc-rib, RFC 9069). It only listens. What a slow one has yet to be told is
// kept as routes, as for a peer.

import type { Ip } from '../net/index.js'
import {
  afiSafiOf,
  type BmpMessage,
  type BmpPeer,
  type BmpStatistic,
  type BmpView,
  bmpInformation,
  bmpPeerDownReason,
  bmpStatistic,
  encodeBmp,
  encodeMessage,
  endOfRibUpdate,
  initialContext,
  type Open,
  type WireContext,
} from '../wire/index.js'
import type { AttributeSet } from './attribute-set.js'
import type { RouteNlri, SpeakerAction } from './events.js'
import type { Path } from './path.js'
import type { SessionFamily } from './settings.js'
import { writeAnnouncement, writeWithdrawal } from './update-writer.js'

export interface CollectorSettings {
  /** Names it in events and actions; no peer has the same. */
  readonly id: string
  readonly address: Ip
  readonly port: number
  readonly views: readonly BmpView[]
  /** Time between statistics reports; 0: none. */
  readonly statisticsSeconds: number
  /** What we call ourselves. */
  readonly name: string
  readonly description: string
}

/** A peer whose session is up. */
export interface MonitoredPeer {
  readonly id: string
  readonly address: Ip
  readonly asn: number
  readonly routerId: Ip
  readonly localAddress: Ip
  readonly families: readonly SessionFamily[]
  /** Families of which it numbers several paths of a route (RFC 7911). */
  readonly addPath: WireContext['addPath']
  readonly sentOpen: Open
  readonly receivedOpen: Open
}

/** Why a session has ended: who said so, with which NOTIFICATION, if any. */
export interface PeerEnd {
  readonly by: 'peer' | 'us'
  readonly notification?: Uint8Array
}

/** What a collector sees of its speaker. */
export interface Monitored {
  /** The OPEN that we would send: it says who we are. */
  readonly ours: Open
  readonly asn: number
  readonly routerId: Ip
  emit(action: SpeakerAction): void
  startTimer(timer: string, seconds: number, jitter: boolean, onExpiry: () => void): void
  stopTimer(timer: string): void
  peers(): Iterable<MonitoredPeer>
  /** Routes of an adj-rib-in, or of the loc-rib (no peer). */
  routes(peer: string | undefined, family: SessionFamily): Iterable<RouteNlri>
  /** The path of one of them as a view has it. */
  path(view: BmpView, peer: string, family: SessionFamily, nlri: RouteNlri): Path | undefined
  key(nlri: RouteNlri): string
  counts(peer: string | undefined): readonly BmpStatistic[]
}

const RETRY_SECONDS = [1, 2, 5, 10, 30, 60]
const FAMILIES: readonly SessionFamily[] = ['evpn', 'ipv4', 'ipv6']
/** The stream of the loc-rib. */
const LOC_RIB = ''

/** What is still to be told of one view of one peer. */
interface Stream {
  readonly header: BmpPeer
  readonly peer: string
  /** As the OPENs that the collector has seen say. */
  readonly context: WireContext
  readonly families: Map<
    SessionFamily,
    { readonly touched: Map<string, RouteNlri>; isInitial: boolean }
  >
}

export class Collector {
  readonly settings: CollectorSettings
  readonly #around: Monitored
  /** By peer and view. */
  readonly #streams = new Map<string, Stream[]>()
  #connection: number | undefined
  #isBlocked = false
  #failures = 0
  #sent = 0

  constructor(settings: CollectorSettings, around: Monitored) {
    this.settings = settings
    this.#around = around
    this.#connect()
  }

  get connection(): number | undefined {
    return this.#connection
  }

  /** Messages so far. */
  get sent(): number {
    return this.#sent
  }

  stop(): void {
    this.#around.stopTimer(this.#timer('retry'))
    if (this.#connection === undefined) {
      this.#around.emit({ do: 'cancelConnect', peer: this.settings.id })
      return
    }
    this.#send({ kind: 'termination' })
    this.#around.emit({ do: 'close', connection: this.#connection })
    this.#down()
  }

  // ---- the transport

  connected(connection: number): void {
    this.#connection = connection
    this.#failures = 0
    const { name, description, statisticsSeconds } = this.settings
    this.#log('info', 'connected')
    this.#send({
      kind: 'initiation',
      information: [
        { type: bmpInformation.sysDescr, text: description },
        { type: bmpInformation.sysName, text: name },
      ],
    })
    if (this.settings.views.includes('locRib')) this.#locRibUp()
    for (const peer of this.#around.peers()) this.peerUp(peer)
    if (statisticsSeconds > 0) this.#startStatistics()
  }

  connectFailed(reason: string): void {
    if (this.#failures === 0) this.#log('warn', `can not be reached: ${reason}`)
    this.#retry()
  }

  closed(reason: string): void {
    this.#log('warn', `connection lost: ${reason}`)
    this.#down()
    this.#retry()
  }

  blocked(): void {
    this.#isBlocked = true
  }

  drained(): void {
    this.#isBlocked = false
  }

  // ---- what happens

  peerUp(peer: MonitoredPeer): void {
    if (this.#connection === undefined) return
    const { id, address, asn, routerId, localAddress, families, addPath } = peer
    const views = this.settings.views.filter((view) => view !== 'locRib')
    const headers = views.map((view): BmpPeer => ({ view, address, asn, routerId }))
    // One Peer Up for both views of the adj-rib-in: they are one peer (section 4.10 says nothing of a second).
    const header: BmpPeer = { view: 'prePolicy', address, asn, routerId }
    this.#send({
      kind: 'peerUp',
      peer: header,
      localAddress,
      // The speaker does not know its transport's ports.
      localPort: 0,
      remotePort: 0,
      sentOpen: encodeMessage(peer.sentOpen, initialContext),
      receivedOpen: encodeMessage(peer.receivedOpen, initialContext),
      information: [],
    })
    this.#streams.set(
      id,
      headers.map((header) => this.#stream(header, id, families, addPath)),
    )
  }

  peerDown(peer: string, { by, notification }: PeerEnd): void {
    const streams = this.#streams.get(peer)
    this.#streams.delete(peer)
    if (streams === undefined || this.#connection === undefined) return
    const { address, asn, routerId } = streams[0]?.header ?? this.#header()
    const [silent, told] =
      by === 'us'
        ? [bmpPeerDownReason.localEvent, bmpPeerDownReason.localNotification]
        : [bmpPeerDownReason.remoteNoData, bmpPeerDownReason.remoteNotification]
    // Of a local event the FSM's number would follow; 0 says none.
    const nothing = new Uint8Array(by === 'us' ? 2 : 0)
    this.#send({
      kind: 'peerDown',
      peer: { view: 'prePolicy', asn, routerId, ...(address === undefined ? {} : { address }) },
      reason: notification === undefined ? silent : told,
      data: notification ?? nothing,
    })
  }

  /** A route of a peer came, changed or went. */
  received(peer: string, family: SessionFamily, key: string, nlri: RouteNlri): void {
    for (const { families } of this.#streams.get(peer) ?? [])
      families.get(family)?.touched.set(key, nlri)
  }

  /** A route of the loc-rib has another best path. */
  chosen(family: SessionFamily, key: string, nlri: RouteNlri): void {
    this.received(LOC_RIB, family, key, nlri)
  }

  // ---- telling

  get wantsFlush(): boolean {
    if (this.#connection === undefined || this.#isBlocked) return false
    for (const streams of this.#streams.values())
      for (const { families } of streams)
        for (const { touched, isInitial } of families.values())
          if (isInitial || touched.size > 0) return true
    return false
  }

  /** Tells up to `limit` routes; gives how many. */
  flush(limit: number): number {
    let left = limit
    for (const streams of this.#streams.values()) {
      for (const stream of streams) {
        for (const family of stream.families.keys()) {
          if (left <= 0) return limit
          left -= this.#flushFamily(stream, family, left)
        }
      }
    }
    return limit - left
  }

  #flushFamily(
    { header, peer, context, families }: Stream,
    family: SessionFamily,
    limit: number,
  ): number {
    const state = families.get(family)!
    const withdrawn: RouteNlri[] = []
    const announced = new Map<AttributeSet, RouteNlri[]>()
    let count = 0
    for (const [key, nlri] of state.touched) {
      if (count++ === limit) break
      state.touched.delete(key)
      const path = this.#around.path(header.view, peer, family, nlri)
      if (path === undefined) {
        withdrawn.push(nlri)
        continue
      }
      const { pathId } = nlri
      const numbered = pathId === undefined ? path.nlri : { ...path.nlri, pathId }
      const group = announced.get(path.set)
      if (group === undefined) announced.set(path.set, [numbered])
      else group.push(numbered)
    }
    const send = (update: Uint8Array): void =>
      this.#send({ kind: 'routeMonitoring', peer: header, update })
    for (const [set, nlri] of announced) {
      // Nobody could have told us a route that is too long.
      writeAnnouncement(family, nlri, set, context).messages.forEach(send)
    }
    writeWithdrawal(family, withdrawn, context).forEach(send)
    if (state.isInitial && state.touched.size === 0) {
      state.isInitial = false
      send(encodeMessage(endOfRibUpdate(family), initialContext))
    }
    return count
  }

  #stream(
    header: BmpPeer,
    peer: string,
    families: readonly SessionFamily[],
    addPath: WireContext['addPath'] = [],
  ): Stream {
    const of = (family: SessionFamily): Map<string, RouteNlri> => {
      const touched = new Map<string, RouteNlri>()
      const from = peer === LOC_RIB ? undefined : peer
      for (const nlri of this.#around.routes(from, family))
        touched.set(this.#around.key(nlri), nlri)
      return touched
    }
    return {
      header,
      peer,
      context: { ...initialContext, addPath },
      families: new Map(
        families.map((family) => [family, { touched: of(family), isInitial: true }]),
      ),
    }
  }

  #header(): BmpPeer {
    const { asn, routerId } = this.#around
    return { view: 'locRib', asn, routerId }
  }

  /** Both OPENs are our own (RFC 9069 section 5.1). */
  #locRibUp(): void {
    const { ours } = this.#around
    const open = encodeMessage(ours, initialContext)
    const peer = this.#header()
    this.#send({
      kind: 'peerUp',
      peer,
      localAddress: '0.0.0.0',
      localPort: 0,
      remotePort: 0,
      sentOpen: open,
      receivedOpen: open,
      information: [{ type: bmpInformation.tableName, text: 'global' }],
    })
    this.#streams.set(LOC_RIB, [this.#stream(peer, LOC_RIB, FAMILIES)])
  }

  #startStatistics(): void {
    const { statisticsSeconds } = this.settings
    this.#around.startTimer(this.#timer('statistics'), statisticsSeconds, false, () => {
      if (this.#connection === undefined) return
      for (const [peer, [stream]] of this.#streams) {
        if (stream === undefined || this.#isBlocked) continue
        const statistics = this.#around.counts(peer === LOC_RIB ? undefined : peer)
        this.#send({ kind: 'statistics', peer: stream.header, statistics })
      }
      this.#startStatistics()
    })
  }

  #connect(): void {
    const { id, address, port } = this.settings
    this.#around.emit({ do: 'connect', peer: id, address, port })
  }

  #retry(): void {
    const seconds = RETRY_SECONDS[Math.min(this.#failures++, RETRY_SECONDS.length - 1)]!
    this.#around.startTimer(this.#timer('retry'), seconds, true, () => this.#connect())
  }

  #down(): void {
    this.#connection = undefined
    this.#isBlocked = false
    this.#streams.clear()
    this.#around.stopTimer(this.#timer('statistics'))
  }

  #send(message: BmpMessage): void {
    if (this.#connection === undefined) return
    this.#sent++
    this.#around.emit({ do: 'send', connection: this.#connection, bytes: encodeBmp(message) })
  }

  #log(level: 'info' | 'warn', text: string): void {
    const { address, port } = this.settings
    this.#around.emit({ do: 'log', level, text: `BMP collector ${address} port ${port}: ${text}` })
  }

  #timer(name: string): string {
    return `${this.settings.id} ${name}`
  }
}

/** Statistics of a table, as the report has them. */
export function familyCounts(
  view: 'adjRibIn' | 'locRib',
  sizes: ReadonlyMap<SessionFamily, number>,
): BmpStatistic[] {
  let all = 0n
  for (const size of sizes.values()) all += BigInt(size)
  return [
    { type: bmpStatistic[view], value: all },
    ...Array.from(sizes, ([family, size]): BmpStatistic => {
      const type = bmpStatistic[`${view}OfFamily`]
      return { type, value: BigInt(size), afiSafi: afiSafiOf(family) }
    }),
  ]
}
