// The IP addresses of one network: whose they are. From the remote ones come the answers for ARP/ND suppression
// (RFC 9161), from the local ones our MAC/IP routes. An address is where its MAC is; when two MACs claim one, the
// configuration decides, else the claim of the MAC with the higher sequence number (RFC 9721), as for MACs.

import type { Ip, Mac } from '../net/index.js'
import { Duplicates } from './duplicates.js'
import type { MacEntry, MacSurroundings, Macs, RemoteClaim } from './macs.js'
import { type Claim, compareClaims } from './mobility.js'

interface LocalIp {
  readonly mac: Mac
  readonly bound: boolean
  readonly router: boolean
}

interface IpEntry {
  readonly ip: Ip
  local: LocalIp | undefined
  readonly remotes: RemoteClaim[]
  /** What our route says. */
  announced: { readonly mac: Mac; readonly text: string } | undefined
}

/** A MAC that may have the address; `bound` by our configuration, `remote` by somebody's route. */
interface Candidate {
  readonly mac: Mac
  readonly claim: Claim
  readonly router: boolean
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

  /** An ARP or ND frame of a local host was seen. */
  learn(ip: Ip, mac: Mac, router: boolean): void {
    if (!isHostAddress(ip)) return
    const entry = this.#obtain(ip)
    const { local } = entry
    if (local?.bound) {
      if (local.mac !== mac) this.#complain(ip, local.mac, mac)
      return
    }
    const before = this.#best(entry)
    this.#setLocal(entry, { mac, bound: false, router })
    if (before === undefined || before.mac === mac) return
    // "the new MAC's sequence number has to be higher than the old one's", or others would not believe the new route.
    this.#macs.raise(mac, before.claim.sequence)
    this.#moved(entry, before.mac, mac)
  }

  /** The snooped binding has aged. */
  forget(ip: Ip, mac: Mac): void {
    const entry = this.#entries.get(ip)
    if (entry?.local?.mac === mac && !entry.local.bound) this.#setLocal(entry, undefined)
  }

  /** The configuration says whose the address is. */
  bind(ip: Ip, mac: Mac): void {
    this.#setLocal(this.#obtain(ip), { mac, bound: true, router: false })
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
    }
  }

  tick(): void {
    this.#duplicates.expire((ip) => {
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
      entry = { ip, local: undefined, remotes: [], announced: undefined }
      this.#entries.set(ip, entry)
    }
    return entry
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
      const { mac, router } = claim
      if (!this.#isRemote(mac)) continue
      const candidate = { mac, claim, router, bound: false, isLocal: false }
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

  #settle(entry: IpEntry): void {
    const { ip } = entry
    const { out } = this.#around
    const vni = this.#vni
    const best = this.#duplicates.has(ip) ? undefined : this.#best(entry)
    if (best === undefined || !best.isLocal) this.#retract(entry)
    if (best?.isLocal) {
      out.change({ op: 'neighbourRemove', vni, ip, origin: 'remote' })
      if (best.bound) {
        const { mac, router } = best
        out.change({ op: 'neighbourSet', vni, ip, mac, origin: 'local', router })
      } else {
        out.change({ op: 'neighbourRemove', vni, ip, origin: 'local' })
      }
      this.#announce(entry, best)
      return
    }
    out.change({ op: 'neighbourRemove', vni, ip, origin: 'local' })
    if (best === undefined) out.change({ op: 'neighbourRemove', vni, ip, origin: 'remote' })
    else {
      const { mac, router } = best
      const row = { op: 'neighbourSet', vni, ip, mac, origin: 'remote', router } as const
      // The image may have the row all the time, while the tables have what was snooped.
      if (this.#lose(entry, mac)) out.force(row)
      else out.change(row)
    }
    this.#tidy(entry)
  }

  /** Another VTEP has the address: what we have snooped is old, what is bound waits. True when something was snooped. */
  #lose(entry: IpEntry, mac: Mac): boolean {
    const { local } = entry
    if (local === undefined || local.bound) return false
    const isMove = local.mac !== mac && this.#localClaim(local.mac) !== undefined
    this.#setLocal(entry, undefined)
    this.#dirty.delete(entry)
    if (isMove) this.#moved(entry, local.mac, mac)
    return true
  }

  /** Counts it; an address that moves too often is nobody's for a while. */
  #moved(entry: IpEntry, from: Mac, to: Mac): void {
    const { ip } = entry
    if (!this.#duplicates.moved(ip)) return
    this.#dirty.add(entry)
    const text = `${ip} of network ${this.#vni} moves too often between ${from} and ${to}`
    this.#around.out.notice('duplicateIp', 'warn', text, { vni: this.#vni, ip, from, to })
  }

  #announce(entry: IpEntry, best: Candidate): void {
    const { mac, router } = best
    const { sequence, sticky } = best.claim
    const text = `${sequence} ${sticky} ${router}`
    if (entry.announced?.mac === mac && entry.announced.text === text) return
    if (entry.announced !== undefined && entry.announced.mac !== mac) this.#retract(entry)
    if (this.#around.announcer.announce(mac, entry.ip, { sequence, sticky, router })) {
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

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.bound !== b.bound) return a.bound
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
