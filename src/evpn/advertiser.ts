// What the gateway of a network tells hosts of itself (RFC 4861 section 6.2): at once where a port is new or the gateway is
// another one, when somebody asks, and every few minutes. Every VTEP tells its own hosts, all in the words of the one
// gateway that they are.

import { ipFamily, type Mac } from '../net/index.js'
import type { RouterAdvertisement } from '../wire/index.js'
import type { GatewayAddress } from './events.js'
import type { Ticks } from './expiring.js'
import { linkLocal, subnetOf } from './gateway.js'
import type { Output } from './output.js'

export interface AdvertiserSettings {
  readonly lifetimeSeconds: number
  readonly managed: boolean
  readonly otherConfig: boolean
  /** Hosts make themselves addresses, in prefixes of 64 bits. */
  readonly autonomous: boolean
  readonly mtu?: number
  readonly dnsServers: readonly string[]
}

/** Every three minutes: MaxRtrAdvInterval is ten by default. */
const INTERVAL_TICKS = 6
/** Who asks has just been answered: MIN_DELAY_BETWEEN_RAS. */
const LEAST_NANOSECONDS = 3_000_000_000n
/** The length that hosts can complete to an address (RFC 4862 section 5.5.3). */
const AUTONOMOUS_BITS = 64

export class Advertiser {
  readonly #out: Output
  readonly #ticks: Ticks
  /** Ports, and the tick of the next unasked word. */
  readonly #ports = new Map<number, number>()
  /** Ports that are told at the end of the step. */
  readonly #due = new Set<number>()
  readonly #answered = new Map<number, bigint>()
  #said: RouterAdvertisement | undefined

  constructor(out: Output, ticks: Ticks) {
    this.#out = out
    this.#ticks = ticks
  }

  get isOn(): boolean {
    return this.#said !== undefined
  }

  /** The network has these settings and this gateway; one without IPv6 addresses is no router. */
  become(
    settings: AdvertiserSettings | undefined,
    mac: Mac,
    addresses: readonly GatewayAddress[],
  ): void {
    const before = this.#said
    const six = addresses.filter(({ ip }) => ipFamily(ip) === 6)
    this.#said = settings && six.length > 0 ? wordsOf(settings, mac, six) : undefined
    if (JSON.stringify(before) === JSON.stringify(this.#said)) return
    // Hosts look for another router at once (RFC 4861 section 6.2.5).
    if (this.#said === undefined) this.#tell([...this.#ports.keys()], farewell(before!))
    else this.#greet(this.#ports.keys())
  }

  addPort(port: number): void {
    if (this.#ports.has(port)) return
    this.#ports.set(port, 0)
    this.#greet([port])
  }

  portUp(port: number): void {
    if (this.#ports.has(port)) this.#greet([port])
  }

  removePort(port: number): void {
    this.#ports.delete(port)
    this.#due.delete(port)
    this.#answered.delete(port)
  }

  /** A host behind the port looks for a router. All hosts of the port hear the answer. */
  hear(port: number, timeNanoseconds: bigint): void {
    const last = this.#answered.get(port)
    const isSoon = last !== undefined && timeNanoseconds - last < LEAST_NANOSECONDS
    if (!this.#ports.has(port) || isSoon) return
    this.#answered.set(port, timeNanoseconds)
    this.#due.add(port)
  }

  tick(): void {
    if (!this.isOn) return
    const { now } = this.#ticks
    this.#ticks.wanted = true
    for (const [port, next] of this.#ports) if (next <= now) this.#due.add(port)
  }

  settle(): void {
    if (this.#due.size === 0) return
    const ports = [...this.#due]
    this.#due.clear()
    if (this.#said === undefined) return
    for (const port of ports) this.#ports.set(port, this.#ticks.now + INTERVAL_TICKS)
    this.#tell(ports, this.#said)
  }

  #greet(ports: Iterable<number>): void {
    if (!this.isOn) return
    this.#ticks.wanted = true
    for (const port of ports) this.#due.add(port)
  }

  #tell(ports: readonly number[], advertisement: RouterAdvertisement): void {
    if (ports.length > 0) this.#out.add({ do: 'advertiseRouter', ports, advertisement })
  }
}

function wordsOf(
  { autonomous, ...settings }: AdvertiserSettings,
  mac: Mac,
  addresses: readonly GatewayAddress[],
): RouterAdvertisement {
  return {
    ...settings,
    mac,
    ip: linkLocal(mac),
    prefixes: addresses.map((address) => ({
      prefix: subnetOf(address),
      autonomous: autonomous && address.length === AUTONOMOUS_BITS,
    })),
  }
}

function farewell(said: RouterAdvertisement): RouterAdvertisement {
  return { ...said, lifetimeSeconds: 0, prefixes: [], dnsServers: [] }
}
