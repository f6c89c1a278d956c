// Two hosts on a wire, one device: what probes measure on. First one host is there, then both.

import { type Fabric, type Namespace, reaches, run, sleep, wire } from '../test/lab/index.js'
import { type Device, forgetDpdk, ipOf, type Site, wireMacOf, wireMtu } from './devices/index.js'

export interface BedOptions {
  /** Holds the wire to frames of its MTU, with or without merging on receipt; default whole super-frames, as veth does. */
  readonly framed?: { readonly gro: boolean }
  /** Further ports at host 1. */
  readonly extra?: number
}

/** Super-frames of every kind, inside tunnels and outside. */
const segmentation = [
  'tso',
  'gso',
  'tx-udp_tnl-segmentation',
  'tx-udp_tnl-csum-segmentation',
  'tx-udp-segmentation',
  'tx-gso-list',
]

export class Bed {
  readonly device: Device
  readonly #fabric: Fabric
  readonly #options: BedOptions
  readonly #tenants: Namespace[] = []

  private constructor(device: Device, fabric: Fabric, options: BedOptions) {
    this.device = device
    this.#fabric = fabric
    this.#options = options
  }

  static async open(device: Device, options: BedOptions = {}): Promise<Bed> {
    const bed = new Bed(device, await wire(undefined, { mtu: wireMtu }), options)
    try {
      await bed.#prepare()
    } catch (error) {
      await bed.close()
      throw error
    }
    return bed
  }

  async #prepare(): Promise<void> {
    for (const [index, host] of this.hosts.entries()) {
      const n = index + 1
      await host.ip(
        'link set eth0 addrgenmode none',
        `link set eth0 address ${wireMacOf(n)}`,
        // Until its device is attached, an end of the wire says nothing and answers nothing.
        'addr flush dev eth0',
      )
      const framed = this.#options.framed
      if (framed === undefined) continue
      for (const feature of [
        ...segmentation.map((name) => [name, false] as const),
        ['gro', framed.gro] as const,
      ]) {
        // Not every kernel has every kind.
        await host.attempt(['ethtool', '-K', 'eth0', feature[0], feature[1] ? 'on' : 'off'])
      }
    }
  }

  get hosts() {
    return this.#fabric.hosts
  }

  /** The tenant of host 1 or 2, eth0. */
  tenant(n: 1 | 2): Namespace {
    return this.#tenants[n - 1]!
  }

  /** Host 1 has the device, host 2 is a bare end of the wire. */
  async one(): Promise<void> {
    await this.#attach(1)
  }

  /** Both have it, and the tenants reach each other. */
  async both(): Promise<void> {
    const missing = ([1, 2] as const).filter((n) => this.#tenants[n - 1] === undefined)
    await Promise.all(missing.map((n) => this.#attach(n)))
    await reaches(this.tenant(1), ipOf(2), 15)
  }

  async #attach(n: 1 | 2): Promise<void> {
    const [host, far] = [this.hosts[n - 1]!, this.hosts[2 - n]!]
    await host.ip(
      `addr add ${host.vtep4}/24 dev eth0`,
      `neigh replace ${far.vtep4} lladdr ${wireMacOf(3 - n)} dev eth0 nud permanent`,
    )
    const extra = n === 1 ? (this.#options.extra ?? 0) : 0
    const site: Site = { host, far, n, extra }
    const tenant = await this.device.attach(site)
    // The kernel keeps what TCP found out about a destination: one measurement would begin with what the one before left.
    await tenant.sysctl({ 'net.ipv4.tcp_no_metrics_save': 1 })
    this.#tenants[n - 1] = tenant
  }

  /** Processes of a host, by pid. */
  async processes(n: 1 | 2): Promise<readonly number[]> {
    const text = await run(['ip', 'netns', 'pids', this.hosts[n - 1]!.netns])
    return text.split('\n').filter(Boolean).map(Number)
  }

  async close(): Promise<void> {
    const hosts = this.hosts
    await this.#fabric.lab.close()
    for (const host of hosts) forgetDpdk(host)
    // Interfaces and huge pages go in the background.
    await sleep(0.3)
  }
}
