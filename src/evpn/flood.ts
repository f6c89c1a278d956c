// Who receives broadcast, unknown unicast and multicast of one network: every VTEP that some source names. A source is
// a type 3 route or the configuration.

import type { Ip } from '../net/index.js'
import type { Output } from './output.js'

export class FloodList {
  readonly #vni: number
  readonly #out: Output
  readonly #bySource = new Map<string, Ip>()
  /** How many sources name each VTEP. */
  readonly #counts = new Map<Ip, number>()

  constructor(vni: number, out: Output) {
    this.#vni = vni
    this.#out = out
  }

  remotes(): IterableIterator<Ip> {
    return this.#counts.keys()
  }

  /** The source names this VTEP, and no other any more. */
  set(source: string, remote: Ip): void {
    const before = this.#bySource.get(source)
    if (before === remote) return
    this.#bySource.set(source, remote)
    const count = this.#counts.get(remote) ?? 0
    this.#counts.set(remote, count + 1)
    if (count === 0) this.#out.change({ op: 'floodAdd', vni: this.#vni, remote })
    if (before !== undefined) this.#drop(before)
  }

  delete(source: string): void {
    const remote = this.#bySource.get(source)
    if (remote === undefined) return
    this.#bySource.delete(source)
    this.#drop(remote)
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
