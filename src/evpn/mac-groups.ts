// By which VTEPs the hosts of Ethernet segments can be reached in one network. MACs lead to a group of the packet path, not
// to a VTEP, so that a VTEP comes and goes for all of them at once (RFC 7432 sections 8.2 to 8.4):
//
// - all-active: one group of a segment, by every VTEP that is connected to it (type 1 per ES) and has it in this network
//   (type 1 per EVI), whoever announces the MACs. Where a VTEP announces MACs of the segment here, that says as much: some
//   vendors send no routes per EVI;
// - single-active: one group for each VTEP that announces MACs. It leads there while that one is connected, else to the
//   only other one; among several nobody knows which one is active now.

import { type MacRow, macGroupKey } from '../fib/index.js'
import { type Esi, type Ip, type Mac, ZERO_ESI } from '../net/index.js'
import { MOST_MEMBERS } from './local-segment.js'
import type { Claim } from './mobility.js'
import type { Output } from './output.js'
import { erase, insert } from './route-targets.js'
import type { Segments } from './segments.js'

/** Where a MAC of another VTEP is. */
export type MacPlace =
  | { readonly remote: Ip }
  | { readonly esi: Esi; readonly via?: Ip }
  /** The segment is one of ours. */
  | { readonly port: number }

export interface GroupsSurroundings {
  readonly out: Output
  readonly segments: Segments
  readonly ignoreEadPerEvi: boolean
}

interface Group {
  readonly esi: Esi
  readonly via?: Ip
}

export class MacGroups {
  readonly #vni: number
  readonly #around: GroupsSurroundings
  /** Type 1 per EVI: segment and VTEP by the key of the route. */
  readonly #circuits = new Map<string, { readonly esi: Esi; readonly vtep: Ip }>()
  /** Keys of those of one segment and VTEP. */
  readonly #circuitKeys = new Map<string, Set<string>>()
  /** How many claims each VTEP makes to hosts of a segment. */
  readonly #claims = new Map<Esi, Map<Ip, number>>()
  /** Of each segment, by key. */
  readonly #groups = new Map<Esi, Map<string, Group>>()
  readonly #unwanted = new Map<string, Group>()
  readonly #dirty = new Set<Esi>()
  /** Of each segment with claims: what decides in which group a host is. */
  readonly #ways = new Map<Esi, string>()
  /** Hosts of the segment are somewhere else now. */
  onMoved: (esi: Esi) => void = () => {}
  /** Its hosts may be reached by other VTEPs than before. */
  onReach: (esi: Esi) => void = () => {}

  constructor(vni: number, around: GroupsSurroundings) {
    this.#vni = vni
    this.#around = around
  }

  setCircuit(key: string, esi: Esi, vtep: Ip): void {
    this.#circuits.set(key, { esi, vtep })
    insert(this.#circuitKeys, `${esi} ${vtep}`, key)
    this.#circuitsChanged(esi)
  }

  deleteCircuit(key: string): void {
    const circuit = this.#circuits.get(key)
    if (circuit === undefined) return
    const { esi, vtep } = circuit
    this.#circuits.delete(key)
    erase(this.#circuitKeys, `${esi} ${vtep}`, key)
    this.#circuitsChanged(esi)
  }

  hasCircuit(esi: Esi, vtep: Ip): boolean {
    return this.#circuitKeys.has(`${esi} ${vtep}`)
  }

  #circuitsChanged(esi: Esi): void {
    this.segmentChanged(esi)
    this.#around.segments.circuitsChanged(esi)
    this.onReach(esi)
  }

  /** One more, or less, claim to a host. */
  count({ esi, vtep }: Claim, by: 1 | -1): void {
    if (esi === ZERO_ESI) return
    const claims = this.#claims.get(esi) ?? new Map<Ip, number>()
    const count = (claims.get(vtep) ?? 0) + by
    if (count > 0) claims.set(vtep, count)
    else claims.delete(vtep)
    if (claims.size > 0) this.#claims.set(esi, claims)
    else this.#claims.delete(esi)
    if (count === 0 || (count === 1 && by === 1)) this.#dirty.add(esi)
  }

  /** The segment is not as it was. True when that is of interest here. */
  segmentChanged(esi: Esi): boolean {
    const isKnown = this.#claims.has(esi)
    if (isKnown) this.#dirty.add(esi)
    return isKnown
  }

  placeOf({ esi, vtep }: Claim): MacPlace {
    if (esi === ZERO_ESI) return { remote: vtep }
    const { segments } = this.#around
    const port = segments.portOf(esi, this.#vni)
    if (port !== undefined) return { port }
    return segments.isSingleActive(esi) ? { esi, via: vtep } : { esi }
  }

  /** VTEPs by which such a MAC is reached. */
  remotesOf(claim: Claim): readonly Ip[] {
    const place = this.placeOf(claim)
    if ('port' in place) return []
    return 'remote' in place ? [place.remote] : this.#remotes(place)
  }

  /** Before the MACs. */
  settle(): void {
    const { segments } = this.#around
    for (const esi of this.#dirty) {
      for (const [key, group] of this.#groups.get(esi) ?? []) this.#unwanted.set(key, group)
      const claims = this.#claims.get(esi)
      const vias =
        claims === undefined ? [] : segments.isSingleActive(esi) ? claims.keys() : [undefined]
      for (const via of vias) this.#set({ esi, ...(via === undefined ? {} : { via }) })
      this.#settleWay(esi)
      this.onReach(esi)
    }
    this.#dirty.clear()
  }

  /** Behind the MACs, none of which leads there any more. */
  tidy(): void {
    for (const [key, group] of this.#unwanted) {
      const groups = this.#groups.get(group.esi)
      groups?.delete(key)
      if (groups?.size === 0) this.#groups.delete(group.esi)
      this.#around.out.change({ op: 'macGroupRemove', vni: this.#vni, ...group })
    }
    this.#unwanted.clear()
  }

  #set(group: Group): void {
    const key = macGroupKey(group)
    this.#unwanted.delete(key)
    const groups = this.#groups.get(group.esi) ?? new Map<string, Group>()
    this.#groups.set(group.esi, groups.set(key, group))
    const remotes = this.#remotes(group)
    this.#around.out.change({ op: 'macGroupSet', vni: this.#vni, ...group, remotes })
  }

  #settleWay(esi: Esi): void {
    const { segments } = this.#around
    const isKnown = this.#claims.has(esi)
    const way = `${segments.portOf(esi, this.#vni)} ${segments.isSingleActive(esi)}`
    const before = this.#ways.get(esi)
    if (isKnown) this.#ways.set(esi, way)
    else this.#ways.delete(esi)
    if (isKnown && before !== undefined && before !== way) this.onMoved(esi)
  }

  #remotes({ esi, via }: Group): readonly Ip[] {
    const claims = this.#claims.get(esi)
    const usable = this.#around.segments
      .connected(esi)
      .filter(
        (vtep) => this.#around.ignoreEadPerEvi || claims?.has(vtep) || this.hasCircuit(esi, vtep),
      )
    if (via === undefined) return usable.slice(0, MOST_MEMBERS)
    if (usable.includes(via)) return [via]
    return usable.length === 1 ? usable : []
  }
}

/** The row of a host there. */
export function rowOf(
  place: MacPlace,
  host: { readonly vni: number; readonly mac: Mac },
  how: { readonly sticky: boolean; readonly override: boolean },
): MacRow {
  if ('port' in place) return { op: 'macSetPeer', ...host, ...place, ...how }
  if ('esi' in place) return { op: 'macSetGroup', ...host, ...place, ...how }
  return { op: 'macSetRemote', ...host, ...place, ...how }
}

export function isAt(row: MacRow, place: MacPlace): boolean {
  if ('port' in place) return row.op === 'macSetPeer' && row.port === place.port
  if ('esi' in place) {
    return row.op === 'macSetGroup' && row.esi === place.esi && row.via === place.via
  }
  return row.op === 'macSetRemote' && row.remote === place.remote
}
