// Where paths of one IP-VRF lead that do not say it themselves, but by an overlay index (RFC 9136 section 3.2): a host, a segment, or
// the MAC of a router. Also hosts behind a segment, which all its VTEPs reach (aliasing, RFC 7432 section 8.4).
//
// A segment's VTEP is used while it is connected (type 1 per ES) and has it here (type 1 per EVI): in the IP-VRF, with a label and a
// router MAC (draft-ietf-bess-evpn-ip-aliasing), or in one of its networks.

import type { RouteHop } from '../fib/index.js'
import type { Esi, Ip, Mac, RouteDistinguisher } from '../net/index.js'
import { erase, insert } from './route-targets.js'

type RemoteHop = Extract<RouteHop, { readonly kind: 'remote' }>

/** A host behind a segment that a VTEP tells of, with the way by that one; and the network that it is in. */
interface SegmentHost {
  readonly segment: Esi
  readonly by: RemoteHop
  readonly network: number
}

/** A prefix behind a segment: what is sent there has this MAC (RFC 9136 section 4.3). */
interface SegmentPrefix {
  readonly segment: Esi
  readonly teller: Ip
  readonly mac: Mac | undefined
}

/** Where a path leads, or what tells so when it is wanted. */
export type Leads =
  | RouteHop
  /** By way of this host, in whichever network of ours that is. */
  | { readonly gateway: Ip }
  /** Where the IP-VRF of ours that announces the prefix leads it. */
  | { readonly origin: RouteDistinguisher }
  | SegmentHost
  | SegmentPrefix
  /** By way of the router with this MAC (RFC 9136 section 4.4.3). */
  | { readonly router: Mac }

/** All that lead by way of a host, and of a router's MAC. */
export const GATEWAYS = 'gateways'
export const ROUTERS = 'routers'

/** What decides where it leads, by name. */
export function indicesOf(leads: Leads): readonly string[] {
  if ('gateway' in leads) return [leads.gateway, GATEWAYS]
  if ('segment' in leads) return [leads.segment]
  return 'router' in leads ? [leads.router, ROUTERS] : NONE
}

const NONE: readonly string[] = []

/** A type 1 route per EVI of the IP-VRF, which its label is of. */
export interface VrfCircuit {
  readonly esi: Esi
  readonly vtep: Ip
  readonly vni: number
  readonly mac: Mac | undefined
}

/** A type 2 route without an address that the IP-VRF imports. */
export interface RouterClaim {
  readonly mac: Mac
  readonly vtep: Ip
  readonly vni: number
  readonly sequence: number
}

/** A network of the IP-VRF. */
export interface OverlayNetwork {
  readonly vni: number
  hasCircuit(esi: Esi, vtep: Ip): boolean
  /** VTEPs by which a MAC is reached that is not here. */
  remotesOf(mac: Mac): readonly Ip[]
}

export interface OverlaySurroundings {
  readonly ignoreEadPerEvi: boolean
  readonly segments: {
    connected(esi: Esi): readonly Ip[]
    isConnected(esi: Esi, vtep: Ip): boolean
    isSingleActive(esi: Esi): boolean
  }
  readonly network: (vni: number) => OverlayNetwork | undefined
  /** Those of an IP-VRF. */
  readonly networksOf: (vrf: number) => readonly OverlayNetwork[]
}

/** Several of one kind, of which the first in order counts. */
type Ways = Map<string, { readonly hop: RemoteHop; count: number }>

export class Overlay {
  readonly #vrf: number
  readonly #around: OverlaySurroundings
  /** Paths that name it are other ones now. */
  readonly #onChange: (index: string) => void
  readonly #circuits = new Map<string, VrfCircuit>()
  readonly #circuitsOf = new Map<string, Set<string>>()
  readonly #routers = new Map<string, RouterClaim>()
  readonly #routersOf = new Map<Mac, Set<string>>()
  /** By which label and MAC each VTEP routes here: as its other routes say. */
  readonly #ways = new Map<Ip, Ways>()
  /** How many hosts of a segment a VTEP tells of, by both; and the segments. */
  readonly #hosts = new Map<string, number>()
  readonly #segments = new Map<Esi, number>()

  constructor(vrf: number, around: OverlaySurroundings, onChange: (index: string) => void) {
    this.#vrf = vrf
    this.#around = around
    this.#onChange = onChange
  }

  setCircuit(key: string, circuit: VrfCircuit): void {
    this.deleteCircuit(key)
    this.#circuits.set(key, circuit)
    insert(this.#circuitsOf, placeKey(circuit), key)
    this.#onChange(circuit.esi)
  }

  deleteCircuit(key: string): void {
    const circuit = this.#circuits.get(key)
    if (circuit === undefined) return
    this.#circuits.delete(key)
    erase(this.#circuitsOf, placeKey(circuit), key)
    this.#onChange(circuit.esi)
  }

  setRouter(key: string, router: RouterClaim): void {
    this.deleteRouter(key)
    this.#routers.set(key, router)
    insert(this.#routersOf, router.mac, key)
    this.#onChange(router.mac)
  }

  deleteRouter(key: string): void {
    const router = this.#routers.get(key)
    if (router === undefined) return
    this.#routers.delete(key)
    erase(this.#routersOf, router.mac, key)
    this.#onChange(router.mac)
  }

  /** One more path that leads there, or one less. */
  count(leads: Leads, by: 1 | -1): void {
    const isHost = 'by' in leads
    const hop = isHost ? leads.by : 'kind' in leads && leads.kind === 'remote' ? leads : undefined
    if (isHost) {
      const key = placeKey({ esi: leads.segment, vtep: leads.by.via })
      if (add(this.#hosts, key, by)) this.#onChange(leads.segment)
      add(this.#segments, leads.segment, by)
    }
    if (hop === undefined) return
    const before = this.#wayOf(hop.via)
    const ways: Ways = this.#ways.get(hop.via) ?? new Map()
    const key = `${hop.vni} ${hop.mac}`
    const way = ways.get(key) ?? { hop, count: 0 }
    way.count += by
    if (way.count > 0) ways.set(key, way)
    else ways.delete(key)
    if (ways.size > 0) this.#ways.set(hop.via, ways)
    else this.#ways.delete(hop.via)
    const now = this.#wayOf(hop.via)
    if (before?.vni === now?.vni && before?.mac === now?.mac) return
    const { segments } = this.#around
    for (const esi of this.#segments.keys()) {
      if (segments.isConnected(esi, hop.via)) this.#onChange(esi)
    }
  }

  /** By which VTEPs it is reached now. */
  ofSegment(leads: SegmentHost | SegmentPrefix): readonly RouteHop[] {
    const { segments } = this.#around
    const { segment: esi } = leads
    const teller = 'by' in leads ? leads.by.via : leads.teller
    const hops = segments.connected(esi).flatMap((vtep) => this.#by(leads, vtep) ?? [])
    if (!segments.isSingleActive(esi)) return hops
    // As of MACs: by whoever tells of it, else by the only other one.
    const told = hops.find(({ via }) => via === teller)
    if (told !== undefined) return [told]
    return hops.length === 1 ? hops : []
  }

  #by(leads: SegmentHost | SegmentPrefix, vtep: Ip): RemoteHop | undefined {
    const { segment: esi } = leads
    const circuit = this.#circuitOf(esi, vtep)
    if ('by' in leads) {
      if (leads.by.via === vtep) return leads.by
      if (circuit?.mac !== undefined) return hopOf(vtep, circuit.vni, circuit.mac)
      return this.#has(leads, vtep) ? this.#wayOf(vtep) : undefined
    }
    const mac = circuit?.mac ?? leads.mac
    if (mac === undefined) return undefined
    if (circuit !== undefined) return hopOf(vtep, circuit.vni, mac)
    const network = this.#networks().find((each) => each.hasCircuit(esi, vtep))
    return network && hopOf(vtep, network.vni, mac)
  }

  /** Whether a VTEP has the segment in the network of the host. */
  #has({ segment: esi, network }: SegmentHost, vtep: Ip): boolean {
    if (this.#around.ignoreEadPerEvi || this.#hosts.has(placeKey({ esi, vtep }))) return true
    return this.#around.network(network)?.hasCircuit(esi, vtep) === true
  }

  /** Networks first: they know about moves. */
  ofRouter(mac: Mac): readonly RouteHop[] {
    for (const network of this.#networks()) {
      const hops = network.remotesOf(mac).map((via) => hopOf(via, network.vni, mac))
      if (hops.length > 0) return hops
    }
    const claims = Array.from(this.#routersOf.get(mac) ?? [], (key) => this.#routers.get(key)!)
    const [best] = claims.sort((a, b) => b.sequence - a.sequence || (a.vtep < b.vtep ? -1 : 1))
    return best === undefined ? [] : [hopOf(best.vtep, best.vni, mac)]
  }

  #networks(): readonly OverlayNetwork[] {
    return [...this.#around.networksOf(this.#vrf)].sort((a, b) => a.vni - b.vni)
  }

  #circuitOf(esi: Esi, vtep: Ip): VrfCircuit | undefined {
    const keys = this.#circuitsOf.get(placeKey({ esi, vtep })) ?? []
    const circuits = Array.from(keys, (key) => this.#circuits.get(key)!)
    return first(circuits, ({ vni, mac }) => `${mac === undefined ? 1 : 0} ${vni} ${mac}`)
  }

  #wayOf(vtep: Ip): RemoteHop | undefined {
    const ways = [...(this.#ways.get(vtep)?.values() ?? [])]
    return first(ways, ({ hop }) => `${hop.vni} ${hop.mac}`)?.hop
  }
}

const hopOf = (via: Ip, vni: number, mac: Mac): RemoteHop => ({ kind: 'remote', vni, via, mac })

const placeKey = ({ esi, vtep }: { readonly esi: Esi; readonly vtep: Ip }): string =>
  `${esi} ${vtep}`

/** The lowest of some. */
function first<T>(all: readonly T[], textOf: (one: T) => string): T | undefined {
  return all.reduce<T | undefined>(
    (best, one) => (best === undefined || textOf(one) < textOf(best) ? one : best),
    undefined,
  )
}

/** True when there is the first, or none any more. */
function add<K>(counts: Map<K, number>, key: K, by: 1 | -1): boolean {
  const count = (counts.get(key) ?? 0) + by
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
  return count === 0 || (by === 1 && count === 1)
}
