// Who receives broadcast, unknown unicast and multicast of one network: every VTEP that some source names. A source is
// a type 3 route or the configuration. What a VTEP does not want it does not get (RFC 9574 section 7).

import { type Pruning, samePruning } from '../fib/index.js'
import type { Ip } from '../net/index.js'
import type { Output } from './output.js'

/** For which families a VTEP tells which groups it wants (RFC 9251 section 9.4); of the others it wants all. */
export interface MulticastProxy {
  readonly igmp: boolean
  readonly mld: boolean
}

/** What a source says of its VTEP. */
export interface FloodWish extends Pruning {
  readonly proxy: MulticastProxy
}

const ALL: FloodWish = { proxy: { igmp: false, mld: false } }

interface Source extends FloodWish {
  readonly remote: Ip
}

export class FloodList {
  readonly #vni: number
  readonly #out: Output
  readonly #onChange: () => void
  readonly #bySource = new Map<string, Source>()
  /** The sources that name a VTEP. */
  readonly #byRemote = new Map<Ip, Set<Source>>()
  /** How many of its sources want all multicast of a family. */
  readonly #unproxied = { igmp: new Map<Ip, number>(), mld: new Map<Ip, number>() }

  /** `onChange`: other VTEPs than before want all of multicast. */
  constructor(vni: number, out: Output, onChange: () => void) {
    this.#vni = vni
    this.#out = out
    this.#onChange = onChange
  }

  remotes(): IterableIterator<Ip> {
    return this.#byRemote.keys()
  }

  /** VTEPs that want all multicast of a family. */
  unproxied(family: keyof MulticastProxy): ReadonlyMap<Ip, number> {
    return this.#unproxied[family]
  }

  /** The source names this VTEP, and no other any more. */
  set(source: string, remote: Ip, wish: FloodWish = ALL): void {
    const before = this.#bySource.get(source)
    if (before?.remote === remote && sameWish(before, wish)) return
    const now = { remote, ...wish }
    this.#bySource.set(source, now)
    const sources = this.#byRemote.get(remote) ?? new Set()
    if (before !== undefined && before.remote === remote) sources.delete(before)
    this.#byRemote.set(remote, sources.add(now))
    this.#reckon(now, before)
    this.#tell(remote)
    if (before !== undefined && before.remote !== remote) this.#drop(before)
  }

  delete(source: string): void {
    const before = this.#bySource.get(source)
    if (before === undefined) return
    this.#bySource.delete(source)
    this.#reckon(undefined, before)
    this.#drop(before)
  }

  #reckon(now: Source | undefined, before: Source | undefined): void {
    let isChanged = false
    for (const family of ['igmp', 'mld'] as const) {
      const counts = this.#unproxied[family]
      const by = (source: Source | undefined, change: 1 | -1): void => {
        if (source === undefined || source.proxy[family] || source.noBroadcasts === true) return
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

  /** It gets what any of its sources wants. */
  #tell(remote: Ip): void {
    const sources = [...this.#byRemote.get(remote)!]
    this.#out.change({
      op: 'floodAdd',
      vni: this.#vni,
      remote,
      ...(sources.every(({ noBroadcasts }) => noBroadcasts === true) ? { noBroadcasts: true } : {}),
      ...(sources.every(({ noUnknown }) => noUnknown === true) ? { noUnknown: true } : {}),
    })
  }

  #drop(source: Source): void {
    const { remote } = source
    const sources = this.#byRemote.get(remote)!
    sources.delete(source)
    if (sources.size > 0) {
      this.#tell(remote)
      return
    }
    this.#byRemote.delete(remote)
    this.#out.change({ op: 'floodRemove', vni: this.#vni, remote })
  }
}

const sameWish = (a: FloodWish, b: FloodWish): boolean =>
  a.proxy.igmp === b.proxy.igmp && a.proxy.mld === b.proxy.mld && samePruning(a, b)
