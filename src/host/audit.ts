// Routes, image and tables compared in the background, round after round and a little at a time. Who talks to a kernel by
// messages finds out after a flap that something is missing; we look. What is found twice is repaired, told and counted.

import { setTimeout as sleep } from 'node:timers/promises'
import {
  AUDIT_PAGE,
  Audit,
  type DataplaneEvent,
  type MacState,
  type NeighbourState,
  type TableRows,
} from '../fib/index.js'
import { type EvpnRoute, hostProbe } from '../wire/index.js'
import type { EventLog } from './events.js'
import { reasonOf } from './instance/index.js'
import type { Machines } from './machines.js'
import type { PacketPath } from './packet-path.js'
import { Recent } from './recent.js'

export interface AuditParts {
  readonly path: Pick<
    PacketPath,
    'up' | 'settled' | 'listen' | 'table' | 'readAside' | 'push' | 'send' | 'counters'
  >
  readonly machines: Machines
  readonly events: EventLog
}

export interface AuditStatus {
  /** Rounds that came to their end. */
  readonly rounds: number
  /** Differences repaired. */
  readonly repaired: number
}

/** A round that found the tables right: their digests, and the changes of the image until then. */
interface QuietRound {
  readonly changes: number
  readonly macs: string
  readonly neighbours: string
  readonly routes: string
}

const sameRound = (a: QuietRound, b: QuietRound): boolean =>
  a.macs === b.macs && a.neighbours === b.neighbours && a.routes === b.routes

/** Every so many rounds everything is looked at, whether it seems to have changed or not. */
const FULL_ROUNDS = 8
/** Between two rounds; and when one was not sure. */
const PAUSE_SECONDS = 3
const SOON_SECONDS = 0.3
/** In the last so many seconds of its time, at most half of it, a host that was silent is asked. */
const PROBE_SECONDS = 30
const DROP_SECONDS = 60
const REPAIR_SECONDS = 600
/** At most this share of the thread's time. */
const SHARE = 0.2
/** Work for so long before a pause. */
const SLICE_MILLISECONDS = 2

/** What an audit begins with: all but the tables that are compared page by page. */
export const smallTables = (path: Pick<PacketPath, 'table'>) => ({
  ports: path.table('ports'),
  networks: path.table('networks'),
  floods: path.table('floods'),
  macGroups: path.table('macGroups'),
  listeners: path.table('listeners'),
  remotes: [],
  underlays: [],
})

export class Auditor {
  readonly #parts: AuditParts
  readonly #audit: Audit
  readonly #ending = new AbortController()
  /** The last round that looked at everything and found nothing. */
  #quiet: QuietRound | undefined
  #rounds = 0
  #repaired = 0
  readonly #drops = new Recent(DROP_SECONDS)
  readonly #repairs = new Recent(REPAIR_SECONDS)
  #sliceStart = 0
  /** What the packet path and evpn did not agree on in this round, and in the one before. */
  #doubts = new Map<string, DataplaneEvent>()
  #doubted: ReadonlyMap<string, DataplaneEvent> = new Map()

  constructor(parts: AuditParts) {
    this.#parts = parts
    this.#audit = new Audit(parts.machines.evpn.image)
  }

  /** Frames dropped for a reason within the last minute. */
  recentDrops(reason: string): number {
    return this.#drops.grown(reason, this.#parts.path.counters()?.drops[reason] ?? 0)
  }

  /** Differences repaired within the last ten minutes. */
  get recentRepairs(): number {
    return this.#repairs.grown('repaired', this.#repaired)
  }

  get status(): AuditStatus {
    return { rounds: this.#rounds, repaired: this.#repaired + this.#parts.machines.evpn.repairs }
  }

  start(): void {
    void this.#run()
  }

  stop(): void {
    this.#ending.abort()
  }

  async #run(): Promise<void> {
    let seconds = PAUSE_SECONDS
    while (await this.#pause(seconds)) {
      try {
        seconds = (await this.round()) ? SOON_SECONDS : PAUSE_SECONDS
      } catch (error) {
        seconds = PAUSE_SECONDS
        // A dataplane that goes away in the middle is told of elsewhere.
        if (this.#parts.path.up && !this.#ending.signal.aborted)
          this.#parts.events.add('warn', 'auditFailed', `the audit ended early: ${reasonOf(error)}`)
      }
    }
  }

  /** Compares once. True when it shall be done again soon: what was found has to be found twice. */
  async round(): Promise<boolean> {
    const { path, machines } = this.#parts
    await path.settled()
    // Before a sweep the tables hold what nobody has confirmed yet.
    if (!path.up || machines.evpn.isAdopting) return false
    // What happened up to here is known.
    path.listen()
    this.#drops.add(path.counters()?.drops ?? {})
    this.#repairs.add({ repaired: this.#repaired })
    this.#sliceStart = performance.now()
    // What is compared with itself in one process is asked for more seldom.
    if (this.#rounds % FULL_ROUNDS === 0) {
      await this.#routes()
      await this.#image()
    }
    const unsure = await this.#tables()
    this.#rounds++
    return unsure
  }

  /** Best paths of the loc-rib against what evpn knows. Both change in the same step, so a difference is one. */
  async #routes(): Promise<void> {
    const { machines } = this.#parts
    const { speaker, evpn } = machines
    for (const { key, nlri, best } of speaker.locRib('evpn')) {
      if (this.#isTired) await this.#breathe()
      const now = speaker.route('evpn', key)
      const isKept = now !== undefined && evpn.keeps(now.nlri as EvpnRoute, now.best)
      const wanted = isKept ? now.best : undefined
      if (evpn.route(key)?.path === wanted) continue
      machines.tellRoute(key, now ?? { nlri, best: undefined })
      this.#tell(1, `a route of ${best.peer === '' ? 'our own' : best.peer}`)
    }
    for (const key of evpn.routeKeys()) {
      if (this.#isTired) await this.#breathe()
      const gone = evpn.route(key)
      if (gone === undefined || speaker.route('evpn', key) !== undefined) continue
      machines.tellRoute(key, { nlri: gone.nlri, best: undefined })
      this.#tell(1, `a route that nobody announces, behind ${gone.path.nextHop}`)
    }
  }

  /** What evpn knows against the image. */
  async #image(): Promise<void> {
    const { machines } = this.#parts
    for (const vni of [...machines.evpn.image.networks.keys()]) {
      let macs: string[] = []
      const flush = (): void => {
        if (macs.length > 0) machines.toEvpn({ event: 'recheck', vni, macs })
        macs = []
      }
      for (const mac of machines.evpn.macsOf(vni)) {
        macs.push(mac)
        if (macs.length < 100) continue
        flush()
        if (this.#isTired) await this.#breathe()
      }
      flush()
    }
  }

  /** The image, and what evpn has learned, against the tables. */
  async #tables(): Promise<boolean> {
    const { path, machines } = this.#parts
    const audit = this.#audit
    this.#doubts = new Map()
    audit.begin(smallTables(path))
    // Without a quiet round before, or when it is time to look at everything, no digest is known.
    const { changes } = machines.evpn.image
    const isTime = this.#rounds % FULL_ROUNDS === 0
    const known = isTime || this.#quiet?.changes !== changes ? undefined : this.#quiet
    const macs = await path.readAside('macs', known?.macs)
    const neighbours = await path.readAside('neighbours', known?.neighbours)
    const routes = await path.readAside('routes', known?.routes)
    if (macs === undefined || neighbours === undefined || routes === undefined) return false
    const seen: QuietRound = {
      changes,
      macs: macs.digest,
      neighbours: neighbours.digest,
      routes: routes.digest,
    }
    if (known !== undefined) {
      // Of a table that has changed there is all, of the others too little to compare.
      if (!sameRound(known, seen)) this.#quiet = undefined
      else await this.#askSilent(neighbours.slice(0, neighbours.length))
      audit.unchanged()
      return this.#finish(undefined, this.#quiet === undefined)
    }
    await this.#lookAtAll(macs, neighbours, routes)
    return this.#finish(seen, false)
  }

  async #lookAtAll(
    macs: TableRows<'macs'>,
    neighbours: TableRows<'neighbours'>,
    routes: TableRows<'routes'>,
  ): Promise<void> {
    const { evpn } = this.#parts.machines
    const audit = this.#audit
    const learned = new Set<string>()
    for (let at = 0; at < macs.length; at += AUDIT_PAGE) {
      const rows = macs.slice(at, at + AUDIT_PAGE)
      audit.macs(rows)
      this.#learnedMacs(rows, learned)
      if (this.#isTired) await this.#breathe()
    }
    for (let at = 0; at < neighbours.length; at += AUDIT_PAGE) {
      const rows = neighbours.slice(at, at + AUDIT_PAGE)
      audit.neighbours(rows)
      this.#snoopedIps(rows, learned)
      await this.#askSilent(rows)
      if (this.#isTired) await this.#breathe()
    }
    for (let at = 0; at < routes.length; at += AUDIT_PAGE) {
      audit.routes(routes.slice(at, at + AUDIT_PAGE))
      if (this.#isTired) await this.#breathe()
    }
    for (const { vni, mac, port } of evpn.learned()) {
      if (this.#isTired) await this.#breathe()
      if (!learned.has(`${vni} ${mac}`)) this.#doubt({ event: 'macAged', vni, mac, port })
    }
    for (const { vni, ip, mac } of evpn.snooped()) {
      if (this.#isTired) await this.#breathe()
      if (!learned.has(`${vni} ${ip}`)) this.#doubt({ event: 'neighbourAged', vni, ip, mac })
    }
  }

  /** Repairs what was found twice. True when the next round shall come soon; else this one was `quiet`. */
  async #finish(quiet: QuietRound | undefined, isChanged: boolean): Promise<boolean> {
    const { path } = this.#parts
    const end = this.#audit.end()
    let step = end.next()
    for (; step.done !== true; step = end.next()) {
      if (this.#isTired) await this.#breathe()
    }
    if (!path.up) return false
    const { repairs, unsure } = step.value
    if (repairs.length > 0) {
      path.push(repairs)
      this.#tell(repairs.length, JSON.stringify(repairs[0]))
    }
    const isDoubtful = this.#settleDoubts() || unsure || isChanged || repairs.length > 0
    if (isDoubtful) this.#quiet = undefined
    else if (quiet !== undefined) this.#quiet = quiet
    return isDoubtful
  }

  #learnedMacs(rows: readonly MacState[], learned: Set<string>): void {
    const { evpn } = this.#parts.machines
    for (const { vni, mac, origin, static: isStatic, port } of rows) {
      if (origin !== 'local' || port === undefined) continue
      learned.add(`${vni} ${mac}`)
      if (isStatic || evpn.portOf(vni, mac) === port) continue
      this.#doubt({ event: 'macLearned', vni, mac, port, timeNanoseconds: 0n })
    }
  }

  #snoopedIps(rows: readonly NeighbourState[], learned: Set<string>): void {
    const { evpn } = this.#parts.machines
    for (const { vni, ip, mac, origin, static: isStatic, router } of rows) {
      if (origin !== 'local') continue
      learned.add(`${vni} ${ip}`)
      const port = evpn.portOf(vni, mac)
      if (isStatic || port === undefined || evpn.holderOf(vni, ip) === mac) continue
      this.#doubt({ event: 'neighbourLearned', vni, ip, mac, port, router })
    }
  }

  /**
   * A host that is only idle answers, and its MAC and address live on; one that is dead ages, and is withdrawn. What is
   * known of a host that speaks but has not said its address for long is asked for, too.
   */
  async #askSilent(rows: readonly NeighbourState[]): Promise<void> {
    const { path, machines } = this.#parts
    const { image } = machines.evpn
    const frames = rows.flatMap(({ vni, ip, mac, origin, static: isStatic, ageSeconds }) => {
      const { agingSeconds = 0 } = image.networks.get(vni)?.settings ?? {}
      const port = machines.evpn.portOf(vni, mac)
      if (origin !== 'local' || isStatic || agingSeconds === 0 || port === undefined) return []
      const left = agingSeconds - ageSeconds
      if (left > Math.min(PROBE_SECONDS, agingSeconds / 2)) return []
      return [{ port, bytes: hostProbe(ip, mac) }]
    })
    if (frames.length > 0) await path.send(frames)
  }

  #doubt(event: DataplaneEvent): void {
    const { timeNanoseconds: _, ...said } = { timeNanoseconds: 0n, ...event }
    this.#doubts.set(JSON.stringify(said), event)
  }

  /** Tells evpn what it has missed twice. True when something is new. */
  #settleDoubts(): boolean {
    const { machines } = this.#parts
    const events = [...this.#doubts]
      .filter(([text]) => this.#doubted.has(text))
      .map(([, event]) => event)
    const unsure = this.#doubts.size > events.length
    this.#doubted = this.#doubts
    if (events.length > 0) {
      machines.toEvpn({ event: 'dataplane', events })
      const { timeNanoseconds: _, ...first } = { timeNanoseconds: 0n, ...events[0]! }
      this.#tell(events.length, JSON.stringify(first))
    }
    return unsure
  }

  #tell(count: number, first: string): void {
    this.#repaired += count
    const text = `the audit found and repaired ${count} differences; the first: ${first}`
    this.#parts.events.add('warn', 'repaired', text, { operations: count })
  }

  /** It is time to leave the thread to others. */
  get #isTired(): boolean {
    return performance.now() - this.#sliceStart >= SLICE_MILLISECONDS
  }

  async #breathe(): Promise<void> {
    const worked = performance.now() - this.#sliceStart
    await sleep(worked * (1 / SHARE - 1), undefined, { signal: this.#ending.signal })
    this.#sliceStart = performance.now()
  }

  /** False when it was ended. */
  async #pause(seconds: number): Promise<boolean> {
    try {
      await sleep(seconds * 1000, undefined, { signal: this.#ending.signal, ref: false })
      return true
    } catch {
      return false
    }
  }
}
