// Routes of an IP-VRF as a plain list, and which of several next hops a flow takes.

import {
  type Ip,
  ipFamily,
  type Mac,
  type Prefix,
  prefixContains,
  splitPrefix,
} from '../../net/index.js'
import { ip16 } from './bytes.js'
import { mix } from './layers.js'

/** Where a route leads; the fields that a kind does not use are 0 and "::". */
export interface RouteHop {
  readonly kind: keyof typeof routeKinds
  /** Label of `remote`; the network of `connected` and `gateway`. */
  readonly vni: number
  /** VTEP of `remote`, the host of `gateway`. */
  readonly via: Ip
  /** Router MAC of `remote`. */
  readonly mac: Mac
}

/** As numbers, for what is hashed. */
const routeKinds = { own: 1, connected: 2, gateway: 3, remote: 4, blackhole: 5 } as const

export const ROUTE_SEED = 0x7674657072746573n
const BUCKETS = 128

export class Routes {
  readonly #hops = new Map<Prefix, RouteHop[]>()

  get size(): number {
    return this.#hops.size
  }

  hops(): RouteHop[] {
    return [...this.#hops.values()].flat()
  }

  entries(): (readonly [Prefix, RouteHop])[] {
    return [...this.#hops].flatMap(([prefix, hops]) => hops.map((hop) => [prefix, hop] as const))
  }

  add(prefix: Prefix, hop: RouteHop): void {
    const hops = this.#hops.get(prefix) ?? []
    this.#hops.set(prefix, hops)
    if (!hops.some((each) => isSame(each, hop))) hops.push(hop)
  }

  remove(prefix: Prefix, hop: RouteHop): void {
    const left = (this.#hops.get(prefix) ?? []).filter((each) => !isSame(each, hop))
    if (left.length > 0) this.#hops.set(prefix, left)
    else this.#hops.delete(prefix)
  }

  /** The next hop of a flow by the longest prefix. `vrf`: VNI of this IP-VRF. */
  find(ip: Ip, flowHash: number, vrf: number): RouteHop | undefined {
    const matching = [...this.#hops].filter(([prefix]) => prefixContains(prefix, ip))
    const bits = ([prefix]: readonly [Prefix, unknown]) => splitPrefix(prefix).length
    const [longest] = matching.sort((a, b) => bits(b) - bits(a))
    return longest && rendezvous(longest[1], (hop) => identity(hop, vrf), flowHash)
  }
}

/** Rendezvous hashing over 128 buckets: what comes or goes moves only its own share of the flows. */
export function rendezvous<T>(
  members: readonly T[],
  identity: (member: T) => bigint,
  flowHash: number,
): T | undefined {
  const bucket = BigInt(flowHash >>> 25) + 1n
  if (bucket > BUCKETS) throw new RangeError('a flow hash has 32 bits')
  const score = (member: T) => mix(identity(member) ^ mix(bucket))
  const [first, ...rest] = members
  if (first === undefined) return undefined
  return rest.reduce((best, member) => (score(member) > score(best) ? member : best), first)
}

function identity({ kind, vni, via, mac }: RouteHop, vrf: number): bigint {
  const uses = { mac: kind === 'remote', via: kind === 'remote' || kind === 'gateway' }
  const address = uses.via ? ip16(via) : new Uint8Array(16)
  const view = new DataView(address.buffer, address.byteOffset)
  const octets = mac.split(':').map((octet) => BigInt(`0x${octet}`))
  const macWord = uses.mac ? octets.reduceRight((word, octet) => (word << 8n) | octet, 0n) : 0n
  const leads = kind === 'own' || kind === 'blackhole' ? vrf : vni
  const words = [
    view.getBigUint64(0, true),
    view.getBigUint64(8, true),
    macWord,
    BigInt(leads) | (BigInt(routeKinds[kind]) << 32n),
  ]
  return words.reduce((h, word) => mix(h ^ word), ROUTE_SEED)
}

/** By what the kind uses. */
const isSame = (a: RouteHop, b: RouteHop): boolean =>
  a.kind === b.kind && identity(a, 0) === identity(b, 0)

export const isLinkLocal = (ip: Ip): boolean => ipFamily(ip) === 6 && /^fe[89ab]/.test(ip)
