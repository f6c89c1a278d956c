// Routes of ours that tell which channels are wanted, by group: made to say what is to be said, and nothing twice.

import type { Ip } from '../net/index.js'
import type { MembershipFlags } from '../wire/index.js'
import type { WantedChannel } from './routes/smet.js'

/** Of one group, by source; undefined: any. */
export type Flags = ReadonlyMap<Ip | undefined, MembershipFlags>

export const NO_FLAGS: Flags = new Map()

export class GroupRoutes {
  readonly #announce: (channel: WantedChannel, flags: MembershipFlags) => void
  readonly #retract: (channel: WantedChannel) => void
  /** The group undefined: of all. */
  readonly #said = new Map<Ip | undefined, Flags>()

  constructor(
    announce: (channel: WantedChannel, flags: MembershipFlags) => void,
    retract: (channel: WantedChannel) => void,
  ) {
    this.#announce = announce
    this.#retract = retract
  }

  groups(): IterableIterator<Ip | undefined> {
    return this.#said.keys()
  }

  /** `repeats`: the routes look otherwise than before, though the flags are the same. */
  say(group: Ip | undefined, flags: Flags, repeats: boolean): void {
    const before = this.#said.get(group) ?? NO_FLAGS
    for (const [source, now] of flags) {
      if (!repeats && sameFlags(before.get(source), now)) continue
      this.#announce({ group, source }, now)
    }
    for (const source of before.keys()) {
      if (!flags.has(source)) this.#retract({ group, source })
    }
    if (flags.size === 0) this.#said.delete(group)
    else this.#said.set(group, flags)
  }

  retractAll(): void {
    for (const group of [...this.#said.keys()]) this.say(group, NO_FLAGS, false)
  }
}

const sameFlags = (a: MembershipFlags | undefined, b: MembershipFlags): boolean =>
  a !== undefined && a.v1 === b.v1 && a.v2 === b.v2 && a.v3 === b.v3 && a.exclude === b.exclude
