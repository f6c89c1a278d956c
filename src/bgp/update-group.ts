// One adj-rib-out for all peers that are told the same (RFC 4271 section 3.2). It is a log: what changes in a step is a
// batch at its end, and each peer is somewhere in it. What one peer has read, the next one at the same place is given as
// it was written. A route is only in the batch of its last change, so whoever is slow, or new, is told each route once.

import type { Ip } from '../net/index.js'
import type { AttributeSet } from './attribute-set.js'
import type { RouteNlri } from './events.js'
import type { Path } from './path.js'
import type { PathIds } from './path-ids.js'
import type { Exporter, ExportTarget } from './policy.js'
import { keyOf, type LocRib, type RibEntry, sameNlri } from './rib.js'
import type { RouteTargetFilter } from './route-target-filter.js'
import type { SessionFamily } from './settings.js'
import { writeAnnouncement, writeWithdrawal } from './update-writer.js'

/** What the peers of a group have in common. */
export interface GroupProfile {
  readonly family: SessionFamily
  readonly target: ExportTarget
  /** All paths of a route are told (RFC 7911). */
  readonly addPath: boolean
  /** What the peers want of evpn (RFC 4684); undefined: all. */
  readonly wanted: RouteTargetFilter | undefined
}

export interface GroupTables {
  readonly rib: LocRib
  readonly exporter: Exporter
  readonly pathIds: PathIds
}

/** Who is not told a path: the peer it came from, and the speaker that it comes from in the end (RFC 4456 section 8). */
interface Origin {
  readonly peer: string
  readonly originator: Ip | undefined
}

/** A route as the peers know it, or shall know it; without `set` it is withdrawn. */
interface Entry {
  readonly key: string
  readonly nlri: RouteNlri
  readonly set: AttributeSet | undefined
  readonly origin: Origin
  /** Batch since which peers that read may know the route, in this form or another. */
  readonly since: number
  readonly batch: Batch
}

/** What changed together. */
export interface Batch {
  readonly number: number
  /** Entries up to here, as they were written. */
  total: number
  entries: Entry[]
  /** Entries of it that nothing has replaced. */
  live: number
  /** Routes that lead back to a peer now, which may know them from another one: those are withdrawn there. */
  returned: Returned[]
  next: Batch | undefined
  previous: Batch | undefined
}

interface Returned {
  readonly nlri: RouteNlri
  readonly to: Origin
  /** Where it came from before: that peer did not know it. */
  readonly before: Origin
}

/** Whom UPDATEs concern. */
interface Audience {
  readonly except: Origin
  readonly only?: Origin
}

/** UPDATEs for one audience. */
interface Part extends Audience {
  readonly messages: readonly Uint8Array[]
}

/** Where they end among the octets of a run. */
interface Range extends Audience {
  readonly end: number
  readonly messages: number
}

/** The messages from one place of the log to another. */
export interface Run {
  /** Of all parts, so that what concerns a peer is few pieces. */
  readonly octets: Uint8Array
  readonly ranges: readonly Range[]
  readonly routes: number
  readonly end: Batch
  /** Why routes are not advertised. */
  readonly refusals: readonly string[]
}

/** A peer as the group needs it. */
export interface Reader {
  readonly peer: string
  readonly routerId: Ip
}

/** So many routes are read at once, and more where they changed at once. */
const RUN_ROUTES = 2000
/** And so many readings are kept, for peers that follow: some 5 MB. */
const MAX_RUNS = 64

const nobody: Origin = { peer: '', originator: undefined }

export class UpdateGroup {
  readonly #profile: GroupProfile
  readonly #tables: GroupTables
  readonly #entries = new Map<string, Entry>()
  /** Of a route with several paths, those that were announced. */
  readonly #pathKeys = new Map<string, readonly string[]>()
  readonly #pending = new Set<string>()
  /** Before everything. */
  readonly start: Batch = emptyBatch(0, undefined)
  #end = this.start
  /** What was written behind a place. */
  readonly #runs = new Map<Batch, Run>()
  /** Number of the last batch that anybody has read. */
  #furthest = 0
  /** Batches with something that is of no use once all have read it. */
  readonly #perishable: Batch[] = []
  /** Announced routes, and how many of them came from whom. */
  #size = 0
  readonly #byPeer = new Map<string, number>()
  readonly #byOriginator = new Map<string, number>()
  readonly #byBoth = new Map<string, number>()
  readonly #origins = new Map<string, Origin>()
  readonly #tooLong = new WeakSet<Entry>()

  constructor(profile: GroupProfile, tables: GroupTables) {
    this.#profile = profile
    this.#tables = tables
    this.touchAll()
  }

  /** Routes to look at yet. */
  get pending(): number {
    return this.#pending.size
  }

  get end(): Batch {
    return this.#end
  }

  get tellsAllPaths(): boolean {
    return this.#profile.addPath
  }

  /** How many routes a reader at a place has yet to read, or a few more. */
  unread({ total }: Batch): number {
    return Math.min(this.#end.total - total, this.#entries.size)
  }

  /** How many of them the reader knows once it has read all. */
  sizeFor({ peer, routerId }: Reader): number {
    const own = this.#byPeer.get(peer) ?? 0
    const originated = this.#byOriginator.get(routerId) ?? 0
    return this.#size - own - originated + (this.#byBoth.get(`${peer} ${routerId}`) ?? 0)
  }

  /** Notes that the paths of a route changed. */
  touch(key: string): void {
    this.#pending.add(key)
  }

  touchAll(): void {
    for (const key of this.#tables.rib.keys()) this.#pending.add(key)
    for (const { key, nlri } of this.#entries.values()) {
      this.#pending.add(this.#profile.addPath ? keyOf(nlri) : key)
    }
  }

  /** Looks at up to `limit` of the noted routes; gives how many. What peers must be told of them is a batch. */
  advance(limit: number): number {
    if (this.#pending.size === 0) return 0
    const batch = emptyBatch(this.#end.number + 1, this.#end)
    let taken = 0
    for (const key of this.#pending) {
      if (taken++ === limit) break
      this.#pending.delete(key)
      if (this.#profile.addPath) this.#changePaths(key, batch)
      else this.#change(key, this.#bestOf(this.#tables.rib.get(key)), batch)
    }
    if (batch.entries.length === 0) return taken
    const last = this.#end
    batch.total = last.total + batch.entries.length
    last.next = batch
    this.#end = batch
    this.#unlinkIfEmpty(last)
    if (batch.returned.length > 0 || batch.entries.some(({ set }) => set === undefined)) {
      this.#perishable.push(batch)
    }
    return taken
  }

  /** What comes behind a place in the log; undefined at its end. */
  after(place: Batch): Run | undefined {
    let run = this.#runs.get(place)
    if (run !== undefined) return run
    if (place.next === undefined) return undefined
    run = this.#write(place)
    this.#furthest = Math.max(this.#furthest, run.end.number)
    if (this.#runs.size === MAX_RUNS) this.#runs.delete(this.#runs.keys().next().value!)
    this.#runs.set(place, run)
    return run
  }

  /** `trim` may find something. */
  get isTrimmable(): boolean {
    return this.#perishable.length > 0 || this.#runs.size > 0
  }

  /** All have read up to batch `number`: what was only of use before goes. */
  trim(number: number): void {
    for (const place of this.#runs.keys()) if (place.number < number) this.#runs.delete(place)
    // In the order of the log: one that lags behind does not make every step look at all that waits for it.
    const first = this.#perishable.findIndex((batch) => batch.number > number)
    const read = this.#perishable.splice(0, first < 0 ? this.#perishable.length : first)
    for (const batch of read) {
      batch.returned = []
      for (const entry of batch.entries) {
        if (entry.set === undefined && this.#entries.get(entry.key) === entry) {
          this.#remove(entry)
        }
      }
      this.#unlinkIfEmpty(batch)
    }
  }

  /** What a reader knows that has read up to a place. */
  *advertised(
    reader: Reader,
    { number }: Batch,
  ): Generator<{ nlri: RouteNlri; set: AttributeSet }> {
    for (const entry of this.#entries.values()) {
      const { nlri, set, batch } = entry
      if (set === undefined || batch.number > number || this.#tooLong.has(entry)) continue
      if (!concerns({ except: entry.origin }, reader)) continue
      yield { nlri, set }
    }
  }

  /** Whether a reader that has read up to a place knows a route, or a path of it. */
  isKnown(reader: Reader, { number }: Batch, key: string): boolean {
    const keys = this.#profile.addPath ? (this.#pathKeys.get(key) ?? []) : [key]
    return keys.some((one) => {
      const entry = this.#entries.get(one)
      if (entry?.set === undefined || entry.batch.number > number) return false
      return !this.#tooLong.has(entry) && concerns({ except: entry.origin }, reader)
    })
  }

  /** What brings a reader of another group, which has read that up to a place, to the end of this one. */
  difference(other: UpdateGroup, place: Batch, reader: Reader): Run {
    const announced = new Announcements()
    const withdrawn: RouteNlri[] = []
    const isFor = ({ set, origin }: Entry): boolean =>
      set !== undefined && concerns({ except: origin }, reader)
    let routes = 0
    for (const [key, entry] of this.#entries) {
      if (!isFor(entry)) continue
      const known = other.#entries.get(key)
      const isKnown = known !== undefined && known.batch.number <= place.number && isFor(known)
      if (isKnown && known.set === entry.set && sameNlri(known.nlri, entry.nlri)) continue
      announced.add(entry, nobody)
      routes++
    }
    for (const [key, known] of other.#entries) {
      const entry = this.#entries.get(key)
      if (entry !== undefined && isFor(entry)) continue
      // What it has yet to read there, it may know in an older form.
      if (known.batch.number <= place.number && !isFor(known)) continue
      withdrawn.push(known.nlri)
    }
    const written = this.#pack(announced, new Map([[nobody, withdrawn]]), [])
    this.#furthest = this.#end.number
    return { ...written, routes: routes + withdrawn.length, end: this.#end }
  }

  // ---- what changes

  #change(key: string, wanted: Wanted | undefined, batch: Batch): void {
    const known = this.#entries.get(key)
    const before = known?.set === undefined ? undefined : known
    if (wanted === undefined) {
      if (before === undefined) return
      this.#remove(before)
      if (before.since <= this.#furthest) this.#add({ ...before, set: undefined, batch })
      return
    }
    const { nlri, set, origin } = wanted
    if (before?.set === set && before.origin === origin && sameNlri(before.nlri, nlri)) return
    if (known !== undefined) this.#remove(known)
    const since = known?.since ?? batch.number
    this.#add({ key, nlri, set, origin, since, batch })
    // Also where all that was left is a withdrawal, which that peer may not have read.
    const isTurned = known !== undefined && known.origin !== origin && origin !== nobody
    if (isTurned && since <= this.#furthest) {
      batch.returned.push({ nlri, to: origin, before: known.origin })
    }
  }

  #changePaths(key: string, batch: Batch): void {
    const all = this.#allOf(this.#tables.rib.get(key))
    const wanted = new Map(all.map((one) => [`${key} ${one.nlri.pathId}`, one]))
    for (const pathKey of this.#pathKeys.get(key) ?? []) {
      if (!wanted.has(pathKey)) this.#change(pathKey, undefined, batch)
    }
    for (const [pathKey, one] of wanted) this.#change(pathKey, one, batch)
    if (wanted.size === 0) this.#pathKeys.delete(key)
    else this.#pathKeys.set(key, [...wanted.keys()])
  }

  #add(entry: Entry): void {
    const { key, set, origin, batch } = entry
    this.#entries.set(key, entry)
    batch.entries.push(entry)
    batch.live++
    if (set !== undefined) this.#count(origin, 1)
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key)
    this.#bury(entry)
    if (entry.set !== undefined && !this.#tooLong.has(entry)) this.#count(entry.origin, -1)
  }

  /** An entry of a batch is of no use any more; nor is the batch, once it has no other. */
  #bury({ batch }: Entry): void {
    batch.live--
    if (batch.live * 2 < batch.entries.length) {
      batch.entries = batch.entries.filter((entry) => this.#entries.get(entry.key) === entry)
    }
    this.#unlinkIfEmpty(batch)
  }

  /** Who stands at a batch that is left out still finds its way from there. */
  #unlinkIfEmpty(batch: Batch): void {
    const { live, returned, previous, next } = batch
    if (live > 0 || returned.length > 0 || previous === undefined || next === undefined) return
    previous.next = next
    next.previous = previous
  }

  #count({ peer, originator }: Origin, by: number): void {
    this.#size += by
    const add = (counts: Map<string, number>, key: string): void => {
      const count = (counts.get(key) ?? 0) + by
      if (count === 0) counts.delete(key)
      else counts.set(key, count)
    }
    add(this.#byPeer, peer)
    if (originator === undefined) return
    add(this.#byOriginator, originator)
    add(this.#byBoth, `${peer} ${originator}`)
  }

  #bestOf(entry: RibEntry | undefined): Wanted | undefined {
    const best = entry?.best
    return best && this.#exported(best, best.nlri)
  }

  /** Every path that may be used, the best among them (RFC 7911). */
  #allOf(entry: RibEntry | undefined): readonly Wanted[] {
    return (entry?.paths ?? []).flatMap(
      (path) => this.#exported(path, this.#tables.pathIds.nlriOf(path)) ?? [],
    )
  }

  #exported(path: Path, nlri: RouteNlri): Wanted | undefined {
    const { family, target, wanted } = this.#profile
    if (wanted?.wants(path.set) === false) return undefined
    const set = this.#tables.exporter.export(path, family, target)
    return set && { nlri, set, origin: this.#originOf(path) }
  }

  #originOf({ source, set }: Path): Origin {
    if (source.kind === 'local') return nobody
    const { peer } = source
    // What a peer of another AS is told has no originator.
    const internal = this.#profile.target.kind === 'ibgp'
    const originator = internal ? set.attributes.originatorId : undefined
    const key = `${peer} ${originator}`
    let origin = this.#origins.get(key)
    if (origin === undefined) this.#origins.set(key, (origin = { peer, originator }))
    return origin
  }

  // ---- what is written

  #write(place: Batch): Run {
    const announced = new Announcements()
    const withdrawn = new Map<Origin, RouteNlri[]>()
    const returned: Returned[] = []
    let routes = 0
    let end = place
    for (let batch = place.next; batch !== undefined; batch = batch.next) {
      if (routes > 0 && routes + batch.live > RUN_ROUTES) break
      end = batch
      returned.push(...batch.returned)
      for (const entry of batch.entries) {
        if (this.#entries.get(entry.key) !== entry) continue
        routes++
        if (entry.set !== undefined) announced.add(entry, entry.origin)
        else push(withdrawn, entry.origin, entry.nlri)
      }
    }
    return { ...this.#pack(announced, withdrawn, returned), routes, end }
  }

  #pack(
    announced: Announcements,
    withdrawn: ReadonlyMap<Origin, RouteNlri[]>,
    returned: readonly Returned[],
  ): Pick<Run, 'octets' | 'ranges' | 'refusals'> {
    const { family, target } = this.#profile
    const { context } = target
    const parts: Part[] = []
    // In front of what announces a route anew to the same peer, if anything does.
    for (const { to, before, nlri } of grouped(returned)) {
      const messages = writeWithdrawal(family, nlri, context)
      parts.push({ messages, only: to, except: before })
    }
    const refusals: string[] = []
    const gone = new Map(withdrawn)
    for (const [origin, bySet] of announced) {
      const written: Uint8Array[] = []
      for (const [set, entries] of bySet) {
        const nlri = entries.map((entry) => entry.nlri)
        const { messages, tooLong } = writeAnnouncement(family, nlri, set, context)
        written.push(...messages)
        for (const { index, reason } of tooLong) {
          push(gone, origin, nlri[index]!)
          refusals.push(reason)
          this.#leaveOut(entries[index]!)
        }
      }
      parts.push({ messages: written, except: origin })
    }
    for (const [origin, nlri] of gone) {
      parts.push({ messages: writeWithdrawal(family, nlri, context), except: origin })
    }
    return { ...joined(parts), refusals }
  }

  /** No message can hold it. */
  #leaveOut(entry: Entry): void {
    if (this.#tooLong.has(entry)) return
    this.#tooLong.add(entry)
    this.#count(entry.origin, -1)
  }
}

/** What a peer is to know of a route. */
interface Wanted {
  readonly nlri: RouteNlri
  readonly set: AttributeSet
  readonly origin: Origin
}

/** Routes by who is not told, and by what can share messages. */
class Announcements {
  readonly #byOrigin = new Map<Origin, Map<AttributeSet, Entry[]>>()

  add(entry: Entry, origin: Origin): void {
    let bySet = this.#byOrigin.get(origin)
    if (bySet === undefined) this.#byOrigin.set(origin, (bySet = new Map()))
    push(bySet, entry.set!, entry)
  }

  [Symbol.iterator](): Iterator<[Origin, ReadonlyMap<AttributeSet, Entry[]>]> {
    return this.#byOrigin[Symbol.iterator]()
  }
}

/** Routes by where they lead now and came from before. */
function* grouped(
  returned: readonly Returned[],
): Generator<{ readonly to: Origin; readonly before: Origin; readonly nlri: RouteNlri[] }> {
  const byTo = new Map<Origin, Map<Origin, RouteNlri[]>>()
  for (const { nlri, to, before } of returned) {
    const byBefore = byTo.get(to) ?? new Map<Origin, RouteNlri[]>()
    byTo.set(to, byBefore)
    push(byBefore, before, nlri)
  }
  for (const [to, byBefore] of byTo) {
    for (const [before, nlri] of byBefore) yield { to, before, nlri }
  }
}

/** What of a run concerns a reader, in as few pieces as can be. */
export function* piecesFor(
  { octets, ranges }: Pick<Run, 'octets' | 'ranges'>,
  reader: Reader,
): Generator<{ readonly octets: Uint8Array; readonly messages: number }> {
  let from = 0
  let messages = 0
  let at = 0
  for (const range of ranges) {
    if (concerns(range, reader)) {
      messages += range.messages
    } else {
      if (messages > 0) yield { octets: octets.subarray(from, at), messages }
      messages = 0
      from = range.end
    }
    at = range.end
  }
  if (messages > 0) yield { octets: octets.subarray(from, at), messages }
}

function concerns({ except, only }: Audience, reader: Reader): boolean {
  return !isOf(except, reader) && (only === undefined || isOf(only, reader))
}

function isOf({ peer, originator }: Origin, reader: Reader): boolean {
  return (peer !== '' && peer === reader.peer) || originator === reader.routerId
}

function joined(parts: readonly Part[]): Pick<Run, 'octets' | 'ranges'> {
  let length = 0
  for (const { messages } of parts) for (const message of messages) length += message.length
  const octets = new Uint8Array(length)
  let end = 0
  const ranges = parts.map(({ messages, ...audience }): Range => {
    for (const message of messages) {
      octets.set(message, end)
      end += message.length
    }
    return { end, messages: messages.length, ...audience }
  })
  return { octets, ranges }
}

function emptyBatch(number: number, previous: Batch | undefined): Batch {
  return { number, total: 0, entries: [], live: 0, returned: [], next: undefined, previous }
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
