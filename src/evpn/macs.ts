// The MACs of one network. A MAC has claims: at most one local (learned, or bound by configuration) and one from each
// remote route. The best claim (mobility.ts) decides where the MAC is. A local claim that loses is over: the tables are
// overridden and our route is withdrawn.
//
// Claims change at once, consequences follow in `settle`, once per step: what is withdrawn and announced again in one
// step moves nothing.

import type { Image, MacRow } from '../fib/index.js'
import { type Esi, type Ip, type Mac, ZERO_ESI } from '../net/index.js'
import type { Announcer } from './announcer.js'
import { Duplicates, type Moves } from './duplicates.js'
import type { EvpnSettings } from './events.js'
import { Expiring, type Ticks } from './expiring.js'
import type { Gateway } from './gateway.js'
import { bestOf, type LocalClaim, PLAIN, type RemoteClaim, sameClaim } from './mac-claims.js'
import { isAt, type MacGroups, rowOf } from './mac-groups.js'
import {
  type Claim,
  compareClaims,
  MAX_SEQUENCE,
  nextSequence,
  samePlace,
  sameSegment,
} from './mobility.js'
import type { Output } from './output.js'
import { erase, insert } from './route-targets.js'
import type { Segments } from './segments.js'

/**
 * So long the highest sequence number of a MAC is remembered when its claim has gone: a withdrawal may overtake the copies
 * of its route that come by way of another reflector, and the next claim has to beat those.
 */
const MEMORY_SECONDS = 180

interface Binding {
  readonly port: number
  readonly sticky: boolean
  /** Said before the host is there: who has it keeps it until it is seen at the port. */
  readonly waits: boolean
  /** The platform said that the MAC is there while the port was still down. */
  readonly arrives?: boolean
}

export interface MacEntry {
  readonly mac: Mac
  local: LocalClaim | undefined
  /** What the configuration says, kept while the MAC is elsewhere. */
  binding: Binding | undefined
  remotes: RemoteClaim[]
  /** The best of `remotes`. */
  winner: RemoteClaim | undefined
  /** Addresses that were snooped or bound here; undefined when there are none. */
  ips: Set<Ip> | undefined
  /** Where the MAC was when last settled. */
  owner: Claim | undefined
  /** The packet path has replaced or flushed the row of the image: it has to be told again. */
  isDisplaced: boolean
  /** What our route says, as text; undefined when there is none. */
  announced: string | undefined
}

/** What MACs need of their network. */
export interface MacSurroundings {
  readonly settings: EvpnSettings
  readonly image: Image
  readonly out: Output
  readonly ticks: Ticks
  readonly announcer: Announcer
  readonly gateway: Gateway
  readonly groups: MacGroups
  readonly segments: Segments
}

export class Macs {
  readonly #around: MacSurroundings
  readonly #vni: number
  readonly #entries = new Map<Mac, MacEntry>()
  readonly #byPort = new Map<number, Set<MacEntry>>()
  readonly #boundByPort = new Map<number, Set<MacEntry>>()
  /** Those that another VTEP says are behind a segment. */
  readonly #bySegment = new Map<Esi, Set<MacEntry>>()
  readonly #downPorts = new Set<number>()
  readonly #dirty = new Set<MacEntry>()
  /** The sequence number that the next local claim takes. */
  readonly #memory: Expiring<Mac, number>
  readonly #duplicates: Duplicates<Mac>
  /** Called when a MAC has changed hands or number: its addresses follow. */
  onOwner: (entry: MacEntry) => void = () => {}

  constructor(vni: number, around: MacSurroundings) {
    this.#vni = vni
    this.#around = around
    this.#memory = new Expiring(around.ticks, MEMORY_SECONDS)
    this.#duplicates = new Duplicates(around.ticks, around.settings.duplicates)
  }

  get(mac: Mac): MacEntry | undefined {
    return this.#entries.get(mac)
  }

  entries(): IterableIterator<MacEntry> {
    return this.#entries.values()
  }

  /** By the word of another VTEP, and by a segment that a port of ours leads to. */
  isBehindPort(mac: Mac): boolean {
    const winner = this.#entries.get(mac)?.winner
    return winner !== undefined && 'port' in this.#around.groups.placeOf(winner)
  }

  isDuplicate(mac: Mac): boolean {
    return this.#duplicates.has(mac)
  }

  movesOf(mac: Mac): Moves | undefined {
    return this.#duplicates.movesOf(mac)
  }

  duplicates(): IterableIterator<Mac> {
    return this.#duplicates.keys()
  }

  /** The entry, made when it is not there. */
  obtain(mac: Mac): MacEntry {
    let entry = this.#entries.get(mac)
    if (entry === undefined) {
      entry = {
        mac,
        local: undefined,
        binding: undefined,
        remotes: [],
        winner: undefined,
        ips: undefined,
        owner: undefined,
        isDisplaced: false,
        announced: undefined,
      }
      this.#entries.set(mac, entry)
    }
    return entry
  }

  // Local claims.

  /** A frame came from the MAC. */
  learn(mac: Mac, port: number, previousRemote?: Ip): void {
    const entry = this.obtain(mac)
    const { local, binding } = entry
    if (local?.port === port) return
    entry.isDisplaced = true
    if (local?.bound) {
      const text = `${mac} of network ${this.#vni} is bound to port ${local.port}, seen on port ${port}`
      this.#around.out.complain('stickyMac', text, { vni: this.#vni, mac, port })
      this.#dirty.add(entry)
      return
    }
    const bound = binding?.port === port
    const sequence = this.#sequenceAt(entry, port, previousRemote)
    this.#claimLocal(entry, port, bound, bound && binding.sticky, sequence)
  }

  /** The port leads to another segment than before, or to one for the first time. */
  segmentOfPort(port: number): void {
    const esi = this.#esiOf(port)
    for (const entry of this.#byPort.get(port) ?? []) {
      if (entry.local === undefined || entry.local.esi === esi) continue
      entry.local = { ...entry.local, esi, sequence: this.#sequenceAt(entry, port) }
      this.#dirty.add(entry)
    }
  }

  /** Hosts behind a segment are reached by another way now. */
  segmentMoved(esi: Esi): void {
    for (const entry of this.#bySegment.get(esi) ?? []) {
      this.#dirty.add(entry)
      this.onOwner(entry)
    }
  }

  #esiOf(port: number): Esi {
    return this.#around.segments.esiOf(port) ?? ZERO_ESI
  }

  /** Aged or flushed. A claim of the configuration, or of another port, stays. */
  forget(mac: Mac, port: number): void {
    const entry = this.#entries.get(mac)
    if (entry?.local?.port !== port) return
    if (!entry.local.bound) {
      this.#dropLocal(entry)
      return
    }
    entry.isDisplaced = true
    this.#dirty.add(entry)
  }

  /** The MAC is here, now; or, when it waits, once it is seen or nobody has it. The same word again changes nothing. */
  bind(mac: Mac, port: number, { sticky, waits }: Omit<Binding, 'port'>): void {
    const entry = this.obtain(mac)
    const { binding, local } = entry
    if (binding?.port === port && binding.sticky === sticky && binding.waits === waits) return
    const isMove = binding?.port !== port
    // Who is here now is not moved by a word about later.
    if (isMove && waits && binding?.waits === false) return
    if (binding !== undefined) erase(this.#boundByPort, binding.port, entry)
    entry.binding = { port, sticky, waits }
    insert(this.#boundByPort, port, entry)
    if (waits && local?.port !== port) {
      this.#dirty.add(entry)
      return
    }
    if (isMove) this.clearDuplicate(mac)
    if (this.#downPorts.has(port)) return
    if (local === undefined && !isMove) return
    this.#claimLocal(entry, port, true, sticky, this.#sequenceAt(entry, port))
  }

  /** The platform says that the MAC is at the port it is bound to, now. The same word again changes nothing. */
  arrive(mac: Mac): void {
    const entry = this.#entries.get(mac)
    if (entry?.binding === undefined) return
    this.clearDuplicate(mac)
    const { binding, local, winner } = entry
    const { port } = binding
    if (this.#downPorts.has(port)) {
      entry.binding = { ...binding, arrives: true }
      return
    }
    const isOurs =
      local !== undefined &&
      (winner === undefined || sameSegment(local, winner) || compareClaims(local, winner) > 0)
    if (isOurs && local.port === port && local.bound) return
    // A static claim gives way to another static one only.
    const sticky = binding.sticky || winner?.sticky === true
    const sequence = isOurs ? this.#sequenceAt(entry, port) : this.#nextHere(entry, port)
    this.#claimLocal(entry, port, true, sticky, sequence)
  }

  unbind(mac: Mac, port: number): void {
    const entry = this.#entries.get(mac)
    if (entry?.binding?.port !== port) return
    entry.binding = undefined
    erase(this.#boundByPort, port, entry)
    this.#dirty.add(entry)
    if (entry.local?.bound) this.#dropLocal(entry)
  }

  portUp(port: number): void {
    if (!this.#downPorts.delete(port)) return
    for (const entry of this.#boundByPort.get(port) ?? []) {
      this.#dirty.add(entry)
      const { binding } = entry
      if (binding?.arrives !== true) continue
      entry.binding = { ...binding, arrives: false }
      this.arrive(entry.mac)
    }
  }

  portDown(port: number): void {
    this.#downPorts.add(port)
    this.leavePort(port)
  }

  /** Every claim of the port is over. */
  leavePort(port: number): void {
    for (const entry of [...(this.#byPort.get(port) ?? [])]) {
      entry.isDisplaced = true
      this.#dropLocal(entry)
    }
  }

  /** The port has nothing more to do with this network. */
  removePort(port: number): void {
    this.leavePort(port)
    this.#downPorts.delete(port)
  }

  addIp(mac: Mac, ip: Ip): void {
    const entry = this.obtain(mac)
    entry.ips ??= new Set()
    entry.ips.add(ip)
  }

  removeIp(mac: Mac, ip: Ip): void {
    const entry = this.#entries.get(mac)
    if (entry?.ips?.delete(ip) !== true || entry.ips.size > 0) return
    entry.ips = undefined
    if (!this.#dirty.has(entry)) this.#tidy(entry)
  }

  /** A local MAC has to be above a sequence number (RFC 9721: an address of it came from another MAC). */
  raise(mac: Mac, above: number): void {
    const entry = this.#entries.get(mac)
    if (entry?.local === undefined || entry.local.sequence > above) return
    entry.local = { ...entry.local, sequence: nextSequence(above) }
    this.#dirty.add(entry)
  }

  recheck(mac: Mac): void {
    const entry = this.#entries.get(mac)
    if (entry === undefined) return
    this.#dirty.add(entry)
    this.onOwner(entry)
  }

  clearDuplicate(mac: Mac): boolean {
    const entry = this.#entries.get(mac)
    if (entry !== undefined) this.#dirty.add(entry)
    if (!this.#duplicates.clear(mac)) return false
    this.#tellCleared(mac)
    return true
  }

  // Remote claims.

  claim(claim: RemoteClaim): void {
    const entry = this.obtain(claim.mac)
    claim.macSlot = entry.remotes.length
    // An array that grows makes room for seventeen, and most have one.
    if (entry.remotes.length === 0) entry.remotes = [claim]
    else entry.remotes.push(claim)
    if (entry.winner === undefined || compareClaims(claim, entry.winner) > 0) entry.winner = claim
    if (claim.esi !== ZERO_ESI) insert(this.#bySegment, claim.esi, entry)
    this.#dirty.add(entry)
  }

  unclaim(claim: RemoteClaim): void {
    const entry = this.#entries.get(claim.mac)!
    const { remotes } = entry
    const last = remotes.pop()!
    if (last !== claim) {
      remotes[claim.macSlot] = last
      last.macSlot = claim.macSlot
    }
    if (entry.winner === claim) entry.winner = bestOf(remotes, claim)
    if (claim.esi !== ZERO_ESI && remotes.every(({ esi }) => esi !== claim.esi)) {
      erase(this.#bySegment, claim.esi, entry)
    }
    if (entry.local === undefined && claim.sequence > (entry.winner?.sequence ?? -1)) {
      this.#remember(entry.mac, nextSequence(claim.sequence))
    }
    this.#dirty.add(entry)
  }

  // Consequences.

  settle(): void {
    for (const entry of this.#dirty) {
      this.#dirty.delete(entry)
      this.#settle(entry)
    }
  }

  tick(): void {
    this.#memory.expire()
    this.#duplicates.expire((mac) => {
      this.#tellCleared(mac)
      const entry = this.#entries.get(mac)
      if (entry !== undefined) this.#dirty.add(entry)
    })
  }

  /** Withdraws what is announced; `settle` announces it anew, if it may. */
  retractAll(): void {
    for (const entry of this.#entries.values()) {
      this.#retract(entry)
      this.#dirty.add(entry)
    }
  }

  /** Announces anew what is announced. */
  repeatAll(): void {
    for (const entry of this.#entries.values()) {
      // Not forgotten: who loses it in this very step has to withdraw it.
      if (entry.announced !== undefined) entry.announced = ''
      this.#dirty.add(entry)
    }
  }

  #settle(entry: MacEntry): void {
    if (this.#duplicates.has(entry.mac)) {
      this.#settleFrozen(entry)
      return
    }
    const { binding } = entry
    const nobody = entry.local === undefined && entry.winner === undefined
    if (nobody && binding !== undefined && !this.#downPorts.has(binding.port)) {
      const { port, sticky } = binding
      this.#claimLocal(entry, port, true, sticky, this.#nextHere(entry, port))
    }
    const lost = this.#yield(entry)
    const owner: Claim | undefined = entry.local ?? entry.winner
    const before = entry.owner
    entry.owner = owner
    if (entry.local !== undefined) this.#settleLocal(entry, entry.local)
    else this.#settleRemote(entry, lost)
    entry.isDisplaced = false
    if (!sameClaim(before, owner)) this.onOwner(entry)
    if (before !== undefined && owner !== undefined && !samePlace(before, owner)) {
      this.#moved(entry, before, owner)
    }
    this.#tidy(entry)
  }

  /** True when a local claim was there and is beaten. */
  #yield(entry: MacEntry): boolean {
    const { local, winner } = entry
    if (local === undefined || winner === undefined) return false
    if (sameSegment(local, winner)) {
      // Both are right, and say so with one number (RFC 7432 section 15).
      if (winner.sequence > local.sequence) entry.local = { ...local, sequence: winner.sequence }
      return false
    }
    const isBeaten = compareClaims(winner, local) > 0
    if (winner.sticky || (local.sticky && !isBeaten)) {
      const holder = isBeaten ? winner.vtep : local.vtep
      const other = isBeaten ? local.vtep : winner.vtep
      const text = `${entry.mac} of network ${this.#vni} is static behind ${holder}, claimed by ${other}`
      const fields = { vni: this.#vni, mac: entry.mac, static: holder, claimed: other }
      this.#around.out.complain('stickyMac', text, fields)
    }
    if (isBeaten) this.#dropLocal(entry)
    return isBeaten
  }

  #settleLocal(entry: MacEntry, local: LocalClaim): void {
    const { mac } = entry
    const { out } = this.#around
    const vni = this.#vni
    out.change({ op: 'macRemove', vni, mac, origin: 'remote' })
    if (local.bound) {
      const { port, sticky } = local
      this.#put(entry, { op: 'macSetLocal', vni, mac, port, sticky })
    } else {
      out.change({ op: 'macRemove', vni, mac, origin: 'local' })
    }
    const { sequence, sticky, esi } = local
    const said = `${sequence} ${sticky} ${esi}`
    if (entry.announced === said) return
    if (this.#around.announcer.announce(mac, undefined, { sequence, sticky, esi, ...PLAIN })) {
      entry.announced = said
    }
  }

  #settleRemote(entry: MacEntry, lost: boolean): void {
    const { mac, winner } = entry
    const { out } = this.#around
    const vni = this.#vni
    this.#retract(entry)
    if (winner === undefined) {
      out.change({ op: 'macRemove', vni, mac, origin: 'remote' })
      out.change({ op: 'macRemove', vni, mac, origin: 'local' })
      return
    }
    const place = this.#around.groups.placeOf(winner)
    const { sticky } = winner
    const row = this.#around.image.networks.get(vni)?.macs.get(mac)
    const override = lost || row?.op === 'macSetLocal'
    const isThere = row !== undefined && isAt(row, place) && row.sticky === sticky && !override
    if (isThere && !entry.isDisplaced) return
    this.#put(entry, rowOf(place, { vni, mac }, { sticky, override }))
  }

  #put(entry: MacEntry, row: MacRow): void {
    if (entry.isDisplaced) this.#around.out.force(row)
    else this.#around.out.change(row)
  }

  /** While frozen nothing is announced and nothing installed; only what nobody claims any more goes. */
  #settleFrozen(entry: MacEntry): void {
    const { mac } = entry
    const vni = this.#vni
    this.#retract(entry)
    entry.owner = undefined
    if (!entry.local?.bound) this.#around.out.change({ op: 'macRemove', vni, mac, origin: 'local' })
    const row = this.#around.image.networks.get(vni)?.macs.get(mac)
    const place = entry.winner && this.#around.groups.placeOf(entry.winner)
    // A group that is not the winner's may be gone.
    const isLost = row?.op === 'macSetGroup' && (place === undefined || !isAt(row, place))
    if (entry.winner === undefined || isLost) {
      this.#around.out.change({ op: 'macRemove', vni, mac, origin: 'remote' })
    }
    this.onOwner(entry)
    this.#tidy(entry)
  }

  #moved(entry: MacEntry, before: Claim, owner: Claim): void {
    const { mac } = entry
    const { out } = this.#around
    const vni = this.#vni
    const { sequence } = owner
    const text = `${mac} of network ${vni} moved from ${before.vtep} to ${owner.vtep}`
    const fields = { vni, mac, from: before.vtep, to: owner.vtep, sequence }
    out.notice('macMoved', 'info', text, fields)
    const vtep = this.#around.announcer.identity.vtep
    const isOurs = owner.vtep === vtep || before.vtep === vtep
    if (!isOurs || !this.#duplicates.moved(mac, before.vtep, owner.vtep)) return
    const complaint = `${mac} of network ${vni} moves too often between ${before.vtep} and ${owner.vtep}`
    out.notice('duplicateMac', 'warn', complaint, fields)
    this.#settleFrozen(entry)
  }

  #tellCleared(mac: Mac): void {
    const text = `${mac} of network ${this.#vni} is no longer taken for a duplicate`
    this.#around.out.notice('duplicateCleared', 'info', text, { vni: this.#vni, mac })
  }

  #claimLocal(
    entry: MacEntry,
    port: number,
    bound: boolean,
    sticky: boolean,
    sequence: number,
  ): void {
    if (entry.local !== undefined) erase(this.#byPort, entry.local.port, entry)
    const { vtep } = this.#around.announcer.identity
    entry.local = { vtep, port, bound, sticky, sequence, esi: this.#esiOf(port) }
    insert(this.#byPort, port, entry)
    this.#dirty.add(entry)
  }

  #dropLocal(entry: MacEntry): void {
    const { local } = entry
    if (local === undefined) return
    erase(this.#byPort, local.port, entry)
    entry.local = undefined
    if (local.sequence > (entry.winner?.sequence ?? 0)) this.#remember(entry.mac, local.sequence)
    this.#dirty.add(entry)
  }

  /**
   * The sequence number of a new local claim: one above all others, or where the MAC was left off. What others say who are
   * on the same segment is no other word, and has the same number.
   */
  #nextHere(entry: MacEntry, port: number, previousRemote?: Ip): number {
    const here = this.#esiOf(port)
    let highest = -1
    let remembered = this.#memory.get(entry.mac) ?? 0
    for (const { sequence, esi } of entry.remotes) {
      if (esi !== ZERO_ESI && esi === here) remembered = Math.max(remembered, sequence)
      else highest = Math.max(highest, sequence)
    }
    if (highest < 0) return Math.max(remembered, previousRemote === undefined ? 0 : 1)
    if (highest === MAX_SEQUENCE) {
      const text = `${entry.mac} of network ${this.#vni} has used up its sequence numbers`
      this.#around.out.complain('sequenceExhausted', text, { vni: this.#vni, mac: entry.mac })
    }
    return Math.max(remembered, nextSequence(highest))
  }

  /** Behind another port of ours it goes on, but for the VTEPs of a segment that it was behind: to them it has moved. */
  #sequenceAt(entry: MacEntry, port: number, previousRemote?: Ip): number {
    const { local } = entry
    if (local === undefined) return this.#nextHere(entry, port, previousRemote)
    if (local.esi === this.#esiOf(port)) return local.sequence
    return Math.max(local.sequence, this.#nextHere(entry, port))
  }

  #remember(mac: Mac, sequence: number): void {
    if (sequence > (this.#memory.get(mac) ?? 0)) this.#memory.set(mac, sequence)
  }

  #retract(entry: MacEntry): void {
    if (entry.announced === undefined) return
    entry.announced = undefined
    this.#around.announcer.retract(entry.mac, undefined)
  }

  #tidy(entry: MacEntry): void {
    const isUsed = entry.local ?? entry.winner ?? entry.binding
    if (isUsed === undefined && entry.ips === undefined) this.#entries.delete(entry.mac)
  }
}
