// VLANs have a meaning on the leaf alone; the VNI is what the fabric shares. Where nobody says which, they are chosen so
// that the same configuration gives the same ones.

import type { Config } from '../config/schema.js'
import type { VlanTraits } from './traits.js'

/** The end of the VNI is what people read as its VLAN: 10100 → 100. */
const READABLE = 1000

/** VLAN of each VNI. What `given` says by name holds, whatever it is; the linter looks at it. */
export function chooseVlans(
  { networks, vrfs }: Config,
  traits: VlanTraits,
  given: Readonly<Record<string, number>>,
): ReadonlyMap<number, number> {
  const all = [...networks, ...vrfs]
  const chosen = new Map(
    all.flatMap(({ name, vni }) =>
      given[name] === undefined ? [] : [[vni, given[name]] as const],
    ),
  )
  const taken = new Set(chosen.values())
  for (const { vni } of all) {
    if (chosen.has(vni)) continue
    const free = (vlan: number): boolean => isUsable(vlan, traits) && !taken.has(vlan)
    let vlan = vni % READABLE
    // Where there are more networks than VLANs the last ones get one that does not exist, and the linter says so.
    if (!free(vlan)) for (vlan = traits.least; vlan <= traits.most && !free(vlan); ) vlan++
    taken.add(vlan)
    chosen.set(vni, vlan)
  }
  return chosen
}

/** The platform lets an operator have it. */
export function isUsable(vlan: number, { least, most, reserved }: VlanTraits): boolean {
  if (reserved.some(([first, last]) => vlan >= first && vlan <= last)) return false
  return vlan >= least && vlan <= most
}
