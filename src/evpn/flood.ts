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
  /** How many sources name each VTEP. */
  readonly #counts = new Map<Ip, number>()

  /** `onChange`: who is in it, or wants all of multicast, is not as before. */
  constructor(vni: number, out: Output, onChange: () => void) {
    this.#vni = vni
    this.#out = out
    this.#onChange = onChange
  }

  remotes(): IterableIterator<Ip> {
    return this.#counts.keys()
  }

  /** VTEPs that want all multicast of a family. */
  unproxied(family: keyof MulticastProxy): ReadonlySet<Ip> {
    const remotes = new Set<Ip>()
    for (const { remote, proxy } of this.#bySource.values()) if (!proxy[family]) remotes.add(remote)
    return remotes
  }

  /** The source names this VTEP, and no other any more. */
  set(source: string, remote: Ip, proxy: MulticastProxy = NO_PROXY): void {
    const before = this.#bySource.get(source)
    if (before?.remote === remote && sameProxy(before.proxy, proxy)) return
    this.#bySource.set(source, { remote, proxy })
    this.#onChange()
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
    this.#onChange()
    this.#drop(before.remote)
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
