// Numbers of derived route distinguishers (RFC 4364 type 1, router ID and 16 bits; RFC 7432 section 7.9). A VNI that
// fits is its own number. Others get one that is remembered: a route distinguisher that changed with a restart would
// leave the old routes beside the new ones until the session's end.

export interface AssignedNumber {
  readonly number: number
  /** What to remember from now on: the given record, if nothing new was assigned. */
  readonly assigned: Readonly<Record<string, number>>
}

/** The number of `vni`. `others` are VNIs of this host, whose own numbers are better left alone. */
export function distinguisherNumber(
  vni: number,
  assigned: Readonly<Record<string, number>>,
  others: readonly number[],
): AssignedNumber {
  const known = assigned[vni]
  if (known !== undefined) return { number: known, assigned }
  const taken = new Set(Object.values(assigned))
  if (vni <= 0xffff && !taken.has(vni)) return { number: vni, assigned }
  const avoided = new Set(others)
  for (let number = 0xffff; number > 0; number--) {
    if (taken.has(number) || avoided.has(number)) continue
    return { number, assigned: { ...assigned, [vni]: number } }
  }
  throw new RangeError(`network ${vni}: all 65535 numbers of route distinguishers are in use`)
}

/** What to remember when these are the VNIs of this host: the given record, if nothing new is needed. */
export function assignNumbers(
  vnis: readonly number[],
  assigned: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  return vnis.reduce((all, vni) => distinguisherNumber(vni, all, vnis).assigned, assigned)
}
