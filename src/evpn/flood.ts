// Who receives broadcast, unknown unicast and multicast of one network: every VTEP that some source names. A source is
// a type 3 route or the configuration.

import type { Ip } from '../net/index.js'
import type { Output } from './output.js'

/** For which families a VTEP tells which groups it wants (RFC 9251 section 9.4); of the others it wants all. */
export interface MulticastProxy {
  readonly igmp: boolean
  readonly mld: boolean
}

const NO_PROXY: MulticastProxy = { igmp: false, mld: false }

interface Source {
  readonly remote: Ip
  readonly proxy: MulticastProxy
}

export class FloodList {
  readonly #vni: number
  readonly #out: Output
  readonly #onChange: () => void
  readonly #bySource = new Map<string, Source>()
  /** How many sources name each VTEP; and how many of those do not say that it proxies. */
  readonly #counts = new Map<Ip, number>()
  readonly #unproxied = { igmp: new Map<Ip, number>(), mld: new Map<Ip, number>() }

  /** `onChange`: other VTEPs than before want all of multicast. */
  constructor(vni: number, out: Output, onChange: () => void) {
    this.#vni = vni
    this.#out = out
    this.#onChange = onChange
  }

  remotes(): IterableIterator<Ip> {
    return this.#counts.keys()
  }

  /** VTEPs that want all multicast of a family. */
  unproxied(family: keyof MulticastProxy): ReadonlyMap<Ip, number> {
    return this.#unproxied[family]
  }

  /** The source names this VTEP, and no other any more. */
  set(source: string, remote: Ip, proxy: MulticastProxy = NO_PROXY): void {
    const before = this.#bySource.get(source)
    if (before?.remote === remote && sameProxy(before.proxy, proxy)) return
    const now = { remote, proxy }
    this.#bySource.set(source, now)
    this.#reckon(now, before)
    if (before?.remote === remote) return
    const count = this.#counts.get(remote) ?? 0
    this.#counts.set(remote, count + 1)
    if (count === 0) this.#out.change({ op: 'floodAdd', vni: this.#vni, remote })
    if (before !== undefined) this.#drop(before.remote)
  }

  delete(source: string): void {
    const before = this.#bySource.get(source)
    if (before === undefined) return
    this.#bySource.delete(source)
    this.#reckon(undefined, before)
    this.#drop(before.remote)
  }

  #reckon(now: Source | undefined, before: Source | undefined): void {
    let isChanged = false
    for (const family of ['igmp', 'mld'] as const) {
      const counts = this.#unproxied[family]
      const by = (source: Source | undefined, change: 1 | -1): void => {
        if (source === undefined || source.proxy[family]) return
        const count = (counts.get(source.remote) ?? 0) + change
        if (count === 0) counts.delete(source.remote)
        else counts.set(source.remote, count)
        isChanged ||= count === (change > 0 ? 1 : 0)
      }
      by(now, 1)
      by(before, -1)
    }
    if (isChanged) this.#onChange()
  }

  #drop(remote: Ip): void {
    const count = this.#counts.get(remote)! - 1
    if (count > 0) {
      this.#counts.set(remote, count)
      return
    }
    this.#counts.delete(remote)
    this.#out.change({ op: 'floodRemove', vni: this.#vni, remote })
  }
}

const sameProxy = (a: MulticastProxy, b: MulticastProxy): boolean =>
  a.igmp === b.igmp && a.mld === b.mld
