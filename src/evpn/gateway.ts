// The distributed anycast gateway of a network (RFC 9135 section 4): its addresses and its MAC are the same on every
// VTEP, so they belong to the network and never move, whoever claims them.

import type { Ip, Mac, Prefix } from '../net/index.js'
import {
  ipFamily,
  ipToBytes,
  macToBytes,
  parseIp,
  prefixContains,
  prefixFromBytes,
} from '../net/index.js'
import type { GatewayAddress } from './events.js'
import { hostPrefix, type IpVrf } from './ip-vrf.js'
import type { Output } from './output.js'

/** Of anycast gateways, where nobody chose another one: locally administered, "vtep" and 1. */
export const defaultGatewayMac = '02:76:74:65:70:01'

export class Gateway {
  readonly #vni: number
  readonly #mac: Mac
  readonly #out: Output
  #addresses: readonly GatewayAddress[] = []
  #vrf: IpVrf | undefined
  readonly #here = new Set<Ip>()

  constructor(vni: number, mac: Mac, out: Output) {
    this.#vni = vni
    this.#mac = mac
    this.#out = out
  }

  get vrf(): IpVrf | undefined {
    return this.#vrf
  }

  /** What it adds to the settings of its network. */
  get settings() {
    if (this.#vrf === undefined) return {}
    const first = (family: 4 | 6) => this.#addresses.find(({ ip }) => ipFamily(ip) === family)?.ip
    const [address4, address6] = [first(4), first(6)]
    return {
      vrf: this.#vrf.vni,
      ...(this.#addresses.length === 0 ? {} : { routerMac: this.#mac }),
      ...(address4 === undefined ? {} : { address4 }),
      ...(address6 === undefined ? {} : { address6 }),
    }
  }

  owns(mac: Mac): boolean {
    return this.#addresses.length > 0 && mac === this.#mac
  }

  hasAddress(ip: Ip): boolean {
    return this.#own().includes(ip)
  }

  /** Takes back what is there under other settings, before the network changes. */
  leave(): void {
    const vrf = this.#vrf
    if (vrf === undefined) return
    for (const ip of this.#own()) {
      this.#out.change({ op: 'neighbourRemove', vni: this.#vni, ip, origin: 'local' })
      vrf.deleteLocal(this.#source, hostPrefix(ip))
    }
    for (const address of this.#addresses) vrf.deleteLocal(this.#source, subnetOf(address))
    for (const ip of this.#here) this.#set(vrf, ip, false)
    this.#here.clear()
    this.#vrf = undefined
    this.#addresses = []
  }

  /** Announces the subnets, and answers for the addresses. The network is there. */
  join(vrf: IpVrf | undefined, addresses: readonly GatewayAddress[]): void {
    this.#vrf = vrf
    this.#addresses = vrf === undefined ? [] : addresses
  }

  fill(): void {
    const { vrf } = this
    if (vrf === undefined) return
    const vni = this.#vni
    for (const ip of this.#own()) {
      const answer = { ip, mac: this.#mac, origin: 'local', router: true, gateway: true } as const
      this.#out.change({ op: 'neighbourSet', vni, ...answer })
      vrf.setLocal(this.#source, hostPrefix(ip), { kind: 'own' }, false)
    }
    for (const address of this.#addresses) {
      // Where hosts have no subnet the gateway's address is all there is.
      if (subnetOf(address) === hostPrefix(address.ip)) continue
      vrf.setLocal(this.#source, subnetOf(address), { kind: 'connected', vni }, true)
    }
  }

  /** A host of this address is behind one of our ports, or not any more. */
  setHere(ip: Ip, isHere: boolean): void {
    if (this.#vrf === undefined || this.#here.has(ip) === isHere) return
    if (isHere) this.#here.add(ip)
    else this.#here.delete(ip)
    this.#set(this.#vrf, ip, isHere)
  }

  /** A host outside of every subnet of ours is reached by a route of its own, as in networks without layer 2. */
  #set(vrf: IpVrf, ip: Ip, isHere: boolean): void {
    vrf.setHere(ip, isHere)
    const isRouted = this.#addresses.some((address) => ipFamily(address.ip) === ipFamily(ip))
    if (!isRouted || isLinkLocal(ip)) return
    if (this.#addresses.some((address) => prefixContains(subnetOf(address), ip))) return
    const hop = { kind: 'connected', vni: this.#vni } as const
    if (isHere) vrf.setLocal(this.#source, hostPrefix(ip), hop, false)
    else vrf.deleteLocal(this.#source, hostPrefix(ip))
  }

  get #source(): string {
    return `network ${this.#vni}`
  }

  /** With the link-local address that hosts of IPv6 know a router by. */
  #own(): readonly Ip[] {
    const ips = this.#addresses.map(({ ip }) => ip)
    return ips.some((ip) => ipFamily(ip) === 6) ? [...ips, linkLocal(this.#mac)] : ips
  }
}

const isLinkLocal = (ip: Ip): boolean => /^fe[89ab]/.test(ip)

export function subnetOf({ ip, length }: GatewayAddress): Prefix {
  return prefixFromBytes(ipToBytes(ip), length)
}

/** The link-local address of a MAC (RFC 4291 appendix A). */
export function linkLocal(mac: Mac): Ip {
  const [a, b, c, d, e, f] = macToBytes(mac) as unknown as number[]
  const word = (high: number, low: number) => ((high << 8) | low).toString(16)
  return parseIp(`fe80::${word(a! ^ 2, b!)}:${word(c!, 0xff)}:${word(0xfe, d!)}:${word(e!, f!)}`)
}
