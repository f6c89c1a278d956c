// How good a path to a prefix is, where routes of several route distinguishers meet in an IP-VRF: the steps of RFC 4271
// section 9.1.2.2 that do not depend on who told it. As numbers, higher is better.

import type { PathAttributes } from '../wire/index.js'

const DEFAULT_LOCAL_PREF = 100
const origins = { igp: 0, egp: 1, incomplete: 2 } as const

export function rankOf({ localPref, asPath, origin, med }: PathAttributes): readonly number[] {
  let length = 0
  for (const { type, asns } of asPath ?? []) {
    // A set counts as one, confederations do not count (RFC 5065 section 5.3).
    if (type === 'sequence') length += asns.length
    else if (type === 'set') length++
  }
  return [localPref ?? DEFAULT_LOCAL_PREF, -length, -origins[origin ?? 'incomplete'], -(med ?? 0)]
}
