// The IP addresses of one network: whose they are. From the remote ones come the answers for ARP/ND suppression
// (RFC 9161), from the local ones our MAC/IP routes. An address is where its MAC is; when two MACs claim one, the better
// claim to a MAC decides (mobility.ts), and a MAC that takes over an address goes above the other (RFC 9721).

import type { OperationOf } from '../fib/index.js'
import type { Ip, Mac } from '../net/index.js'
import { Duplicates } from './duplicates.js'
import { type AnswerFlags, PLAIN, type RemoteClaim } from './mac-claims.js'
import type { MacEntry, MacSurroundings, Macs } from './macs.js'
import { type Claim, compareClaims, sameSegment } from './mobility.js'

interface LocalIp extends AnswerFlags {
  readonly mac: Mac
  readonly bound: boolean
}

interface IpEntry {
  readonly ip: Ip
  local: LocalIp | undefined
  readonly remotes: RemoteClaim[]
  /** The packet path has replaced the row of the image: it has to be told again. */
  isDisplaced: boolean
  /** The host is behind one of our ports. */
  isHere: boolean
  /** What our route says. */
  announced: { readonly mac: Mac; readonly text: string } | undefined
}

/** A MAC that may have the address. */
interface Candidate extends AnswerFlags {
  readonly mac: Mac
  readonly claim: Claim
  readonly bound: boolean
  readonly isLocal: boolean
}

export class Suppression {
  readonly #around: MacSurroundings
  readonly #vni: number
  readonly #macs: Macs
  readonly #entries = new Map<Ip, IpEntry>()
  readonly #dirty = new Set<IpEntry>()
  readonly #duplicates: Duplicates<Ip>

  constructor(vni: number, macs: Macs, around: MacSurroundings) {
    this.#vni = vni
    this.#macs = macs
    this.#around = around
    this.#duplicates = new Duplicates(around.ticks, around.settings.duplicates)
    macs.onOwner = (entry) => this.#follow(entry)
  }

  /** Every address that was snooped, not bound. */
  *snooped(): Generator<{ readonly ip: Ip; readonly mac: Mac }> {
    for (const { ip, local } of this.#entries.values()) {
      if (local !== undefined && !local.bound) yield { ip, mac: local.mac }
    }
  }

  holderOf(ip: Ip): Mac | undefined {
    return this.#entries.get(ip)?.local?.mac
  }

  /** An ARP or ND frame of a local host was seen. */
  learn(ip: Ip, mac: Mac, flags: AnswerFlags): void {
    if (!isHostAddress(ip)) return
    const entry = this.#obtain(ip)
    const { local } = entry
    entry.isDisplaced = true
    if (local?.bound) {
      this.#dirty.add(entry)
      if (local.mac !== mac) this.#complain(ip, local.mac, mac)
      return
    }
    const from = this.#take(entry, { mac, bound: false, ...flags })
    if (from !== undefined) this.#moved(entry, from, mac)
  }

  /** The snooped binding has aged. */
  forget(ip: Ip, mac: Mac): void {
    const entry = this.#entries.get(ip)
    if (entry?.local?.mac === mac && !entry.local.bound) this.#setLocal(entry, undefined)
  }

  /** The configuration says whose the address is, now. The same word again changes nothing. */
  bind(ip: Ip, mac: Mac): void {
    const entry = this.#obtain(ip)
    if (entry.local?.bound && entry.local.mac === mac) return
    this.#duplicates.clear(ip)
    this.#take(entry, { mac, bound: true, ...PLAIN })
  }

  /** The platform says whose the address is, once more: also against who claims it since. */
  arrive(ip: Ip, mac: Mac): void {
    const entry = this.#obtain(ip)
    this.clearDuplicate(ip)
    const { router, override } = entry.local ?? PLAIN
    this.#take(entry, { mac, bound: true, router, override })
  }

  clearDuplicate(ip: Ip): void {
    if (!this.#duplicates.clear(ip)) return
    const entry = this.#entries.get(ip)
    if (entry !== undefined) this.#dirty.add(entry)
    this.#tellCleared(ip)
  }

  duplicates(): IterableIterator<Ip> {
    return this.#duplicates.keys()
  }

  unbind(ip: Ip, mac: Mac): void {
    const entry = this.#entries.get(ip)
    if (entry?.local?.mac === mac && entry.local.bound) this.#setLocal(entry, undefined)
  }

  claim(ip: Ip, claim: RemoteClaim): void {
    const entry = this.#obtain(ip)
    claim.ipSlot = entry.remotes.length
    entry.remotes.push(claim)
    this.#dirty.add(entry)
  }

  unclaim(ip: Ip, claim: RemoteClaim): void {
    const entry = this.#entries.get(ip)!
    const last = entry.remotes.pop()!
    if (last !== claim) {
      entry.remotes[claim.ipSlot] = last
      last.ipSlot = claim.ipSlot
    }
    this.#dirty.add(entry)
  }

  /** After the MACs have settled. */
  settle(): void {
    for (const entry of this.#dirty) {
      this.#dirty.delete(entry)
      this.#settle(entry)
      entry.isDisplaced = false
    }
  }

  tick(): void {
    this.#duplicates.expire((ip) => {
      this.#tellCleared(ip)
      const entry = this.#entries.get(ip)
      if (entry !== undefined) this.#dirty.add(entry)
    })
  }

  retractAll(): void {
    for (const entry of this.#entries.values()) {
      this.#retract(entry)
      this.#dirty.add(entry)
    }
  }

  repeatAll(): void {
    for (const entry of this.#entries.values()) {
      if (entry.announced !== undefined) entry.announced = { mac: entry.announced.mac, text: '' }
      this.#dirty.add(entry)
    }
  }

  #obtain(ip: Ip): IpEntry {
    let entry = this.#entries.get(ip)
    if (entry === undefined) {
      const nothing = { local: undefined, isDisplaced: false, isHere: false, announced: undefined }
      entry = { ip, remotes: [], ...nothing }
      this.#entries.set(ip, entry)
    }
    return entry
  }

  /** Gives the address to a local MAC; the MAC that had it before, if another. */
  #take(entry: IpEntry, local: LocalIp): Mac | undefined {
    const before = this.#best(entry)
    this.#setLocal(entry, local)
    if (before === undefined || before.mac === local.mac) return undefined
    // At the same number others would go on believing the old route.
    this.#macs.raise(local.mac, before.claim.sequence)
    return before.mac
  }

  #setLocal(entry: IpEntry, local: LocalIp | undefined): void {
    const before = entry.local
    if (before !== undefined && before.mac !== local?.mac) {
      this.#macs.removeIp(before.mac, entry.ip)
    }
    if (local !== undefined) this.#macs.addIp(local.mac, entry.ip)
    entry.local = local
    this.#dirty.add(entry)
  }

  /** The MAC has changed hands: so have its addresses. */
  #follow(mac: MacEntry): void {
    for (const ip of mac.ips ?? []) this.#dirty.add(this.#entries.get(ip)!)
    for (const { ip } of mac.remotes) {
      if (ip !== undefined) this.#dirty.add(this.#entries.get(ip)!)
    }
  }

  #best(entry: IpEntry): Candidate | undefined {
    const { local, remotes } = entry
    let best: Candidate | undefined
    if (local !== undefined) {
      const claim = this.#localClaim(local.mac)
      if (claim !== undefined) best = { ...local, claim, isLocal: true }
    }
    for (const claim of remotes) {
      const { mac, router, override } = claim
      if (!this.#isRemote(mac) && !this.#isShared(claim)) continue
      // Both are right; what was seen here is ours to announce.
      if (best?.isLocal && best.mac === mac && sameSegment(best.claim, claim)) continue
      const candidate = { mac, claim, router, override, bound: false, isLocal: false }
      if (best === undefined || isBetter(candidate, best)) best = candidate
    }
    return best
  }

  #localClaim(mac: Mac): Claim | undefined {
    return this.#macs.isDuplicate(mac) ? undefined : this.#macs.get(mac)?.local
  }

  #isRemote(mac: Mac): boolean {
    const entry = this.#macs.get(mac)
    return entry?.winner !== undefined && entry.local === undefined && entry.owner !== undefined
  }

  /** The MAC is here by what was seen, and behind the same segment by what another VTEP says. */
  #isShared(claim: RemoteClaim): boolean {
    const local = this.#localClaim(claim.mac)
    return local !== undefined && sameSegment(local, claim)
  }

  #settle(entry: IpEntry): void {
    const best = this.#duplicates.has(entry.ip) ? undefined : this.#best(entry)
    if (best?.isLocal) this.#settleLocal(entry, best)
    else this.#settleRemote(entry, best)
    this.#tidy(entry)
  }

  #settleLocal(entry: IpEntry, best: Candidate): void {
    const { mac, claim, bound } = best
    const { ip } = entry
    const { out } = this.#around
    const vni = this.#vni
    out.change({ op: 'neighbourRemove', vni, ip, origin: 'remote' })
    if (bound)
      this.#put(entry, { op: 'neighbourSet', vni, ip, mac, origin: 'local', ...flagsOf(best) })
    else out.change({ op: 'neighbourRemove', vni, ip, origin: 'local' })
    this.#setHere(entry, true)
    this.#announce(entry, mac, claim, best)
  }

  #settleRemote(entry: IpEntry, best: Candidate | undefined): void {
    const { ip, local } = entry
    const { out } = this.#around
    const vni = this.#vni
    // Another VTEP of the segment that one of our ports leads to has told of it.
    this.#setHere(entry, best !== undefined && this.#macs.isBehindPort(best.mac))
    this.#retract(entry)
    out.change({ op: 'neighbourRemove', vni, ip, origin: 'local' })
    if (best === undefined) out.change({ op: 'neighbourRemove', vni, ip, origin: 'remote' })
    if (local !== undefined && (best !== undefined || this.#isRemote(local.mac))) {
      this.#lose(entry, local, best?.mac ?? local.mac)
    }
    if (best === undefined) return
    const { mac } = best
    this.#put(entry, { op: 'neighbourSet', vni, ip, mac, origin: 'remote', ...flagsOf(best) })
  }

  #setHere(entry: IpEntry, isHere: boolean): void {
    if (entry.isHere === isHere) return
    entry.isHere = isHere
    this.#around.gateway.setHere(entry.ip, isHere)
  }

  /** Says again which hosts are here. */
  repeatHere(): void {
    for (const { ip, isHere } of this.#entries.values()) this.#around.gateway.setHere(ip, isHere)
  }

  #put(entry: IpEntry, row: OperationOf<'neighbourSet'>): void {
    if (entry.isDisplaced) this.#around.out.force(row)
    else this.#around.out.change(row)
  }

  /** The address, or its MAC, is behind another VTEP: what is bound waits, what was snooped is over. */
  #lose(entry: IpEntry, local: LocalIp, mac: Mac): void {
    const { ip } = entry
    if (local.bound) {
      if (local.mac !== mac) this.#complain(ip, local.mac, mac)
      return
    }
    const isMove = local.mac !== mac && this.#localClaim(local.mac) !== undefined
    this.#setLocal(entry, undefined)
    this.#dirty.delete(entry)
    this.#around.out.tell([{ op: 'neighbourRemove', vni: this.#vni, ip, origin: 'local' }])
    entry.isDisplaced = true
    if (isMove) this.#moved(entry, local.mac, mac)
  }

  /** Counts it; an address that moves too often is nobody's for a while. */
  #moved(entry: IpEntry, from: Mac, to: Mac): void {
    const { ip } = entry
    if (!this.#duplicates.moved(ip, from, to)) return
    this.#dirty.add(entry)
    const text = `${ip} of network ${this.#vni} moves too often between ${from} and ${to}`
    this.#around.out.notice('duplicateIp', 'warn', text, { vni: this.#vni, ip, from, to })
  }

  #tellCleared(ip: Ip): void {
    const text = `${ip} of network ${this.#vni} is no longer taken for a duplicate`
    this.#around.out.notice('duplicateCleared', 'info', text, { vni: this.#vni, ip })
  }

  #announce(entry: IpEntry, mac: Mac, claim: Claim, flags: AnswerFlags): void {
    const { sequence, sticky, esi } = claim
    const { router, override } = flags
    const text = `${sequence} ${sticky} ${router} ${override} ${esi}`
    if (entry.announced?.mac === mac && entry.announced.text === text) return
    if (entry.announced !== undefined && entry.announced.mac !== mac) this.#retract(entry)
    const said = { sequence, sticky, esi, router, override }
    if (this.#around.announcer.announce(mac, entry.ip, said)) {
      entry.announced = { mac, text }
    }
  }

  #retract(entry: IpEntry): void {
    if (entry.announced === undefined) return
    this.#around.announcer.retract(entry.announced.mac, entry.ip)
    entry.announced = undefined
  }

  #complain(ip: Ip, bound: Mac, mac: Mac): void {
    const text = `${ip} of network ${this.#vni} is bound to ${bound}, claimed by ${mac}`
    this.#around.out.complain('ipConflict', text, { vni: this.#vni, ip, bound, claimed: mac })
  }

  #tidy(entry: IpEntry): void {
    if (entry.local === undefined && entry.remotes.length === 0) this.#entries.delete(entry.ip)
  }
}

/** Of a row: what is usual is left out. */
const flagsOf = ({ router, override }: AnswerFlags) => ({
  router,
  ...(override ? {} : { override }),
})

function isBetter(a: Candidate, b: Candidate): boolean {
  const order = compareClaims(a.claim, b.claim)
  // The same VTEP says so of two MACs: any order will do, if it is always the same.
  return order === 0 ? a.mac > b.mac : order > 0
}

/** Unicast and not the host's own business. Link-local IPv6 addresses count: FRR announces them, too. */
export function isHostAddress(ip: Ip): boolean {
  if (ip.includes(':')) return ip !== '::' && ip !== '::1' && !ip.startsWith('ff')
  const first = Number(ip.slice(0, ip.indexOf('.')))
  return first !== 0 && first !== 127 && first < 224
}
