// One Ethernet segment that ports of ours lead to: what we announce of it, and who of its VTEPs hands on broadcasts.
//
//   down ──a port comes up──► waiting ──timer──► up         (RFC 8584 section 2.1: INIT, DF_WAIT, DF_DONE)
//     ▲────────────────the last port goes down───┘
//
// While we wait we are not designated, so that at worst a broadcast is missed, and never doubled.

import type { PortSegment } from '../fib/index.js'
import {
  compareIp,
  type Esi,
  type Ip,
  type Mac,
  type RouteDistinguisher,
  type RouteTarget,
} from '../net/index.js'
import { type EvpnRoute, evpnKey } from '../wire/index.js'
import {
  agreedAlgorithm,
  type Candidacy,
  type Candidate,
  dfAlgorithms,
  electForwarder,
  yieldingCandidacy,
} from './df-election.js'
import type { OriginatedRoute, SegmentSettings, SegmentView } from './events.js'
import type { Output } from './output.js'
import { eadPerEviRoute, eadPerSegmentRoutes } from './routes/ead.js'
import { esRoute } from './routes/es.js'
import type { Connection, Member, Standing } from './segments.js'

export const SEGMENT_TIMER = 'segment '

/** So many VTEPs of one segment count. */
export const MOST_MEMBERS = 16

/** What tells others to route to hosts of the segment. */
interface RoutedNetwork {
  readonly vni: number
  readonly rd: RouteDistinguisher
  readonly exportTargets: readonly RouteTarget[]
  readonly routerMac: Mac
}

/** A network that a port of a segment is in. */
export interface LocalNetwork {
  readonly name: string
  readonly vni: number
  readonly rd: RouteDistinguisher
  /** Of a bundle's network. */
  readonly tag: number | undefined
  readonly exportTargets: readonly RouteTarget[]
  /** The IP-VRF that it is routed in. */
  readonly routed: RoutedNetwork | undefined
  /** Whether a VTEP announces the segment in this network (type 1 per EVI). */
  hasCircuit(esi: Esi, vtep: Ip): boolean
}

export interface LocalSurroundings {
  readonly out: Output
  readonly vtep: Ip
  readonly routerId: Ip
  readonly ignoreEadPerEvi: boolean
  readonly networkOf: (vni: number) => LocalNetwork | undefined
}

interface Attachment {
  readonly port: number
  readonly vni: number
  isUp: boolean
  /** What the packet path does since before a restart of ours, until it is decided anew. */
  found: PortSegment | undefined
  /** Elected; undefined while nobody is. */
  forwarder: Ip | undefined
}

export class LocalSegment {
  readonly #around: LocalSurroundings
  readonly #attachments = new Map<number, Attachment>()
  readonly #announced = new Map<string, { readonly nlri: EvpnRoute; readonly text: string }>()
  #settings: SegmentSettings
  #state: 'down' | 'waiting' | 'up' = 'down'
  /** As others see us: while we must not pre-empt one of them, with its preference. */
  #candidacy: { readonly of: Candidacy; readonly likeWhom: Ip | undefined }
  /** The others, as of the last settling. */
  #peers: readonly Ip[] = []
  #silent = false
  #isWaitOver = false
  /** Nothing is left of a time before a restart. */
  #isSwept = true

  constructor(settings: SegmentSettings, around: LocalSurroundings) {
    this.#settings = settings
    this.#around = around
    this.#candidacy = { of: this.#own(), likeWhom: undefined }
  }

  get settings(): SegmentSettings {
    return this.#settings
  }

  get isUnused(): boolean {
    return this.#attachments.size === 0
  }

  isIn(vni: number): boolean {
    return [...this.#attachments.values()].some((each) => each.vni === vni)
  }

  change(settings: SegmentSettings): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return
    this.#settings = settings
    this.#candidacy = { of: this.#own(), likeWhom: undefined }
  }

  attach(port: number, vni: number, isUp: boolean, found: PortSegment | undefined): void {
    const before = this.#attachments.get(port)
    if (before?.vni === vni) return
    const attachment = { port, vni, isUp, found, forwarder: undefined }
    this.#attachments.set(port, attachment)
    if (found !== undefined) this.#isSwept = false
    this.#beginOrEnd()
    this.#setPort(attachment, [])
  }

  detach(port: number): void {
    this.#attachments.delete(port)
    this.#beginOrEnd()
  }

  /** True when that is news. */
  setPort(port: number, isUp: boolean): boolean {
    const attachment = this.#attachments.get(port)
    if (attachment === undefined || attachment.isUp === isUp) return false
    attachment.isUp = isUp
    attachment.found = undefined
    this.#beginOrEnd()
    return true
  }

  /** The time to wait is over. True when that was still of interest. */
  waited(): boolean {
    if (this.#state !== 'waiting') return false
    this.#isWaitOver = true
    return this.#decide()
  }

  /** After a restart: all others have been heard of. True when that changes something. */
  sweep(): boolean {
    this.#isSwept = true
    return this.#decide()
  }

  #decide(): boolean {
    if (this.#state !== 'waiting' || !this.#isWaitOver || !this.#isSwept) return false
    this.#state = 'up'
    return true
  }

  silence(): void {
    this.#silent = true
    this.#announce([])
  }

  /** The port of a network that frames of the segment pass, if one does. */
  openPort(vni: number): number | undefined {
    for (const each of this.#attachments.values()) {
      if (each.vni === vni && each.isUp && !this.#isBlocked(each)) return each.port
    }
    return undefined
  }

  standingOf(port: number): Standing | undefined {
    const attachment = this.#attachments.get(port)
    if (attachment === undefined) return undefined
    const isDesignated = this.#isDesignated(attachment)
    return { isWaiting: this.#state === 'waiting', isDesignated, peers: this.#peers }
  }

  settle(members: readonly Member[], connections: readonly Connection[]): void {
    const others = members.filter(({ vtep }) => vtep !== this.#around.vtep)
    if (this.#state === 'up') this.#yield(others)
    for (const attachment of this.#attachments.values()) this.#elect(attachment, others)
    const peers = [...others, ...connections].map(({ vtep }) => vtep)
    this.#peers = [...new Set(peers)]
    for (const attachment of this.#attachments.values()) this.#setPort(attachment, this.#peers)
    this.#announce(this.#routes())
    this.#compare(others, connections)
  }

  view(members: readonly Member[]): Omit<SegmentView, 'members'> {
    const { esi, singleActive } = this.#settings
    return {
      esi,
      kind: 'local',
      singleActive,
      state: this.#state,
      algorithm: agreedAlgorithm([this.#candidacy.of, ...members]),
      preference: this.#candidacy.of.preference,
      networks: Array.from(this.#attachments.values(), (each) => ({
        network: this.#around.networkOf(each.vni)?.name ?? '',
        vni: each.vni,
        port: each.port,
        up: each.isUp,
        ...(each.forwarder === undefined ? {} : { forwarder: each.forwarder }),
        blocked: this.#isBlocked(each),
      })),
    }
  }

  /** What the configuration says. */
  #own(): Candidate {
    const { algorithm, preference, dontPreempt } = this.#settings
    const number = dfAlgorithms[algorithm]
    const byPreference = algorithm === 'preference' || algorithm === 'lowestPreference'
    return {
      address: this.#around.vtep,
      algorithm: number,
      preference: byPreference ? preference : 0,
      dontPreempt: byPreference && dontPreempt,
      // The algorithm of RFC 7432 is asked for by saying nothing, see `esRoute`.
      acInfluenced: algorithm !== 'modulo' && !this.#around.ignoreEadPerEvi,
    }
  }

  #beginOrEnd(): void {
    const isUp = [...this.#attachments.values()].some((each) => each.isUp)
    if (isUp === (this.#state !== 'down')) return
    const { esi, waitSeconds: seconds } = this.#settings
    this.#candidacy = { of: this.#own(), likeWhom: undefined }
    this.#isWaitOver = false
    if (!isUp) this.#state = 'down'
    else if (seconds === 0) this.#state = 'up'
    else {
      this.#state = 'waiting'
      this.#around.out.add({ do: 'startTimer', timer: `${SEGMENT_TIMER}${esi}`, seconds })
    }
  }

  /** Whoever comes (back) takes a place behind who is there, as long as that one is (RFC 9785 section 4.3). */
  #yield(others: readonly Candidate[]): void {
    const { likeWhom } = this.#candidacy
    const isNew = !this.#announced.has(evpnKey(this.#esRoute().nlri))
    const isFree = likeWhom !== undefined && others.every(({ address }) => address !== likeWhom)
    if (!isNew && !isFree) return
    const own = this.#own()
    const of = yieldingCandidacy(own, others)
    const whom = others.find((each) => each.preference === of.preference && each.dontPreempt)
    this.#candidacy = { of, likeWhom: of === own ? undefined : whom?.address }
  }

  #elect(attachment: Attachment, others: readonly Member[]): void {
    const { vtep } = this.#around
    const { esi } = this.#settings
    const { vni, forwarder: before } = attachment
    const network = this.#around.networkOf(vni)
    const isElecting = this.#state === 'up' && attachment.isUp && network !== undefined
    const candidates: Member[] = [{ ...this.#candidacy.of, address: vtep, vtep }, ...others]
    const forwarder = isElecting
      ? electForwarder(
          candidates,
          esi,
          network.tag ?? vni,
          (each) =>
            (each as Member).vtep === vtep || network.hasCircuit(esi, (each as Member).vtep),
        )?.address
      : undefined
    attachment.forwarder = forwarder
    if (forwarder === undefined || forwarder === before) return
    const text = `${forwarder} is the designated forwarder of segment ${esi} in network ${vni}`
    this.#around.out.notice('segmentForwarder', 'info', text, { vni, esi, forwarder })
  }

  #isDesignated({ isUp, found, forwarder }: Attachment): boolean {
    if (this.#state === 'waiting') return isUp && found?.designated === true
    return forwarder === this.#around.vtep
  }

  #isBlocked(attachment: Attachment): boolean {
    return this.#settings.singleActive && !this.#isDesignated(attachment)
  }

  #setPort(attachment: Attachment, known: readonly Ip[]): void {
    const before = this.#state === 'waiting' ? (attachment.found?.peers ?? []) : []
    const all = before.length === 0 ? known : [...new Set([...known, ...before])]
    const peers = [...all].sort(compareIp).slice(0, MOST_MEMBERS)
    const designated = this.#isDesignated(attachment)
    const blocked = this.#isBlocked(attachment)
    const { port } = attachment
    this.#around.out.change({ op: 'portSegmentSet', port, designated, blocked, peers })
  }

  #esRoute(): OriginatedRoute {
    const { esi } = this.#settings
    return esRoute(this.#identity(), esi, this.#candidacy.of)
  }

  /** All share one route distinguisher, which no network has; what of type 1 does not fit counts on from there. */
  #identity() {
    const { vtep, routerId } = this.#around
    return { vtep, rdOf: (number: number): RouteDistinguisher => `${routerId}:${number}` }
  }

  /** Connections first, so that they are the first to be withdrawn, too: that ends every MAC behind them. */
  #routes(): readonly OriginatedRoute[] {
    if (this.#silent || this.#state === 'down') return []
    const { esi, singleActive, dontPreempt } = this.#settings
    const networks = [...this.#attachments.values()]
      .filter(({ isUp }) => isUp)
      .map(({ vni }) => this.#around.networkOf(vni))
      .filter((network) => network !== undefined)
      .sort((a, b) => a.vni - b.vni)
    const { vtep } = this.#around
    const vrfs = networks.flatMap(({ routed }) => routed ?? [])
    const targets = [...networks, ...vrfs].flatMap(({ exportTargets }) => exportTargets)
    const all = [...new Set(targets)]
    const routes = eadPerSegmentRoutes(this.#identity(), esi, singleActive, all)
    for (const network of networks) {
      routes.push(eadPerEviRoute({ ...identityOf(network), vtep }, esi))
    }
    // Of several networks of one IP-VRF they are the same.
    for (const vrf of vrfs) routes.push(eadPerEviRoute({ ...vrf, ethernetTag: 0, vtep }, esi))
    // Who must not pre-empt looks who is there first, and joins then.
    if (this.#state === 'up' || !dontPreempt) routes.push(this.#esRoute())
    return routes
  }

  #announce(routes: readonly OriginatedRoute[]): void {
    const { out } = this.#around
    const wanted = new Map(routes.map((route) => [evpnKey(route.nlri), route]))
    for (const [key, { nlri }] of this.#announced) {
      if (wanted.has(key)) continue
      this.#announced.delete(key)
      out.withdraw(nlri)
    }
    for (const [key, route] of wanted) {
      const text = JSON.stringify(route)
      if (this.#announced.get(key)?.text === text) continue
      this.#announced.set(key, { nlri: route.nlri, text })
      out.originate(route)
    }
  }

  /** Tells where VTEPs of the segment are configured differently. */
  #compare(others: readonly Member[], connections: readonly Connection[]): void {
    const { esi, singleActive } = this.#settings
    const { out } = this.#around
    const complain = (vtep: Ip, what: string) =>
      out.complain('segmentMismatch', `segment ${esi}: ${vtep} ${what}`, { esi, remote: vtep })
    for (const { vtep, algorithm } of others) {
      if (algorithm === this.#candidacy.of.algorithm) continue
      complain(vtep, `asks for DF algorithm ${algorithm}, we for ${this.#candidacy.of.algorithm}`)
    }
    for (const connection of connections) {
      if (connection.singleActive === singleActive) continue
      complain(connection.vtep, `is ${singleActive ? 'all' : 'single'}-active, we are not`)
    }
  }
}

function identityOf({ rd, vni, tag, exportTargets }: LocalNetwork) {
  return { rd, vni, ethernetTag: tag ?? 0, exportTargets }
}
