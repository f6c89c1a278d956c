// The multicast lists of one network as the packet path has them: for each channel who gets it. A list is whole, so that a frame takes
// one and no other; what changes of it is told alone.

import type { Ip } from '../net/index.js'
import type { Output } from './output.js'

/** A port by its number, a VTEP by its address. */
export type Place = number | Ip
/** Undefined: any. */
export type Source = Ip | undefined

/** Who wants what now. */
export interface Wishes {
  /** Sources of the group that have a list. */
  sources(group: Ip): ReadonlySet<Source>
  /** Who is on it. */
  places(group: Ip, source: Source): ReadonlySet<Place>
  /** Whether one is. */
  isOn(group: Ip, source: Source, place: Place): boolean
}

export class Listeners {
  readonly #vni: number
  readonly #out: Output
  readonly #wishes: Wishes
  readonly #lists = new Map<Ip, Map<Source, Set<Place>>>()

  constructor(vni: number, out: Output, wishes: Wishes) {
    this.#vni = vni
    this.#out = out
    this.#wishes = wishes
  }

  /** Groups that have a list. */
  groups(): IterableIterator<Ip> {
    return this.#lists.keys()
  }

  /** Makes the lists of the group what they should be. `places`: only these may have changed their mind. */
  settle(group: Ip, places?: Iterable<Place>): void {
    const lists = this.#lists.get(group) ?? new Map<Source, Set<Place>>()
    const wanted = this.#wishes.sources(group)
    for (const source of wanted) {
      const list = lists.get(source)
      if (list === undefined || places === undefined) {
        lists.set(source, this.#replace(group, source, list ?? NOBODY))
        continue
      }
      for (const place of places) {
        const isOn = this.#wishes.isOn(group, source, place)
        if (isOn === list.has(place)) continue
        this.#tell(isOn, group, source, place)
        if (isOn) list.add(place)
        else list.delete(place)
      }
    }
    for (const [source, list] of lists) {
      if (wanted.has(source)) continue
      lists.delete(source)
      for (const place of list) this.#tell(false, group, source, place)
    }
    if (lists.size === 0) this.#lists.delete(group)
    else this.#lists.set(group, lists)
  }

  /** First who is new, so that nobody is without what stays. */
  #replace(group: Ip, source: Source, before: ReadonlySet<Place>): Set<Place> {
    const now = new Set(this.#wishes.places(group, source))
    for (const place of now) if (!before.has(place)) this.#tell(true, group, source, place)
    for (const place of before) if (!now.has(place)) this.#tell(false, group, source, place)
    return now
  }

  #tell(isOn: boolean, group: Ip, source: Source, place: Place): void {
    this.#out.change({
      op: isOn ? 'listenerAdd' : 'listenerRemove',
      vni: this.#vni,
      group,
      ...(source === undefined ? {} : { source }),
      ...(typeof place === 'number' ? { port: place } : { remote: place }),
    })
  }
}

const NOBODY: ReadonlySet<Place> = new Set()
