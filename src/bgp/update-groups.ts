// All update groups: which peers are told the same, and what changed for whom.

import type { AdjRibOut } from './adj-rib-out.js'
import type { PathIds } from './path-ids.js'
import type { Exporter } from './policy.js'
import type { LocRib } from './rib.js'
import type { SessionFamily } from './settings.js'
import { type GroupProfile, UpdateGroup } from './update-group.js'

export interface GroupsTables {
  readonly ribs: { readonly [F in SessionFamily]: LocRib }
  readonly exporter: Exporter
  readonly pathIds: PathIds
}

interface Known {
  readonly key: string
  readonly group: UpdateGroup
  readonly family: SessionFamily
  readonly members: Set<AdjRibOut>
}

export class UpdateGroups {
  readonly #tables: GroupsTables
  readonly #byKey = new Map<string, Known>()
  readonly #byGroup = new Map<UpdateGroup, Known>()
  /** Those that go over to another group when that is complete. */
  readonly #waiting = new Set<AdjRibOut>()

  constructor(tables: GroupsTables) {
    this.#tables = tables
  }

  /** The group of a profile, from which it does not go until the member leaves. */
  join(profile: GroupProfile, member: AdjRibOut): UpdateGroup {
    const { family } = profile
    const key = keyOf(profile)
    let known = this.#byKey.get(key)
    if (known === undefined) {
      const { ribs, exporter, pathIds } = this.#tables
      const group = new UpdateGroup(profile, { rib: ribs[family], exporter, pathIds })
      known = { key, group, family, members: new Set() }
      this.#byKey.set(key, known)
      this.#byGroup.set(group, known)
    }
    known.members.add(member)
    return known.group
  }

  leave(group: UpdateGroup, member: AdjRibOut): void {
    const known = this.#byGroup.get(group)
    if (known === undefined) return
    known.members.delete(member)
    if (known.members.size > 0) return
    this.#byKey.delete(known.key)
    this.#byGroup.delete(group)
  }

  await(member: AdjRibOut): void {
    this.#waiting.add(member)
  }

  /** Routes have another best path, or other paths beside the same best one. */
  touch(
    family: SessionFamily,
    best: readonly { readonly key: string }[],
    others: readonly string[],
  ): void {
    for (const known of this.#byKey.values()) {
      if (known.family !== family) continue
      for (const { key } of best) known.group.touch(key)
      if (known.group.tellsAllPaths) for (const key of others) known.group.touch(key)
    }
  }

  /** What may be told has changed for all. */
  touchAll(): void {
    for (const { group } of this.#byKey.values()) group.touchAll()
  }

  /** Looks at up to `limit` changed routes for each group. */
  advance(limit: number): void {
    for (const { group, members } of this.#byKey.values()) {
      if (group.advance(limit) > 0) for (const { wake } of members) wake()
    }
    for (const member of this.#waiting) if (member.move()) this.#waiting.delete(member)
  }

  /** Forgets what all members have read. */
  trim(): void {
    for (const { group, members } of this.#byKey.values()) {
      if (!group.isTrimmable) continue
      let least = group.end.number
      for (const member of members) {
        const place = member.placeIn(group)
        if (place !== undefined && place.number < least) least = place.number
      }
      group.trim(least)
    }
  }

  /** There are routes to look at. */
  get wantsMore(): boolean {
    for (const { group } of this.#byKey.values()) if (group.pending > 0) return true
    return false
  }
}

/** Equal for profiles that tell the same. */
function keyOf({ family, target, addPath, wanted }: GroupProfile): string {
  const { last: _, filter, context, ...rest } = target
  const { fourOctetAs, extendedMessages } = context
  const parts = { ...rest, filter: filter?.rules, fourOctetAs, extendedMessages, addPath }
  return `${family} ${JSON.stringify(parts)} ${wanted?.key}`
}
