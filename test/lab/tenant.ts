// A tenant (VM or container): a namespace whose eth0 is attached to a host's port.

import type { Host } from './host.js'
import { type LinkCounters, Namespace } from './namespace.js'

export interface TenantOptions {
  readonly mac?: string
  /** With prefix length: 192.168.100.11/24. */
  readonly ip4?: string
  readonly ip6?: string
  readonly mtu?: number
  /** False: no IPv6, so that the tenant says nothing that nobody asked for. */
  readonly ipv6?: boolean
  /** Bridge of the host that the port joins (a kernel VTEP). */
  readonly bridge?: string
}

/** Lines that give eth0 its identity and bring it up. */
export function addressing(options: TenantOptions): string[] {
  return [
    ...(options.mac === undefined ? [] : [`link set eth0 address ${options.mac}`]),
    `link set eth0 mtu ${options.mtu ?? 1500} up`,
    ...(options.ip4 === undefined ? [] : [`addr add ${options.ip4} dev eth0`]),
    ...(options.ip6 === undefined ? [] : [`addr add ${options.ip6} dev eth0`]),
  ]
}

export class Tenant extends Namespace {
  #host: Host

  /** Also the name of the port in the host. */
  readonly port: string

  constructor(host: Host, port: string) {
    super(host.lab, `${host.name}-${port}`)
    this.port = port
    this.#host = host
  }

  /** What has to be settled before eth0 is there. */
  async settle(options: TenantOptions): Promise<void> {
    if (options.ipv6 === false) await this.sysctl({ 'net.ipv6.conf.default.disable_ipv6': 1 })
  }

  get host(): Host {
    return this.#host
  }

  async mac(): Promise<string> {
    const [link] = await this.json<{ address: string }[]>(['ip', '-j', 'link', 'show', 'eth0'])
    return link!.address
  }

  /** What its stack has received and sent. Of a tap that was moved here the veth beside it counts what goes the fast path. */
  async traffic(): Promise<LinkCounters> {
    const links = await this.exec(['ip', '-o', 'link'])
    const names = links.match(/\b(eth0|vtep-tap\d+)(?=[:@])/g) ?? []
    const all = await Promise.all(names.map((name) => this.counters(name)))
    const sum = (key: keyof LinkCounters) => all.reduce((total, row) => total + row[key], 0)
    return {
      rxPackets: sum('rxPackets'),
      rxBytes: sum('rxBytes'),
      txPackets: sum('txPackets'),
      txBytes: sum('txBytes'),
    }
  }

  /** Live migration: the port goes to another host, MAC and addresses stay. */
  async move(to: Host, bridge?: string): Promise<void> {
    await this.#host.ip(`link set ${this.port} nomaster`, `link set ${this.port} netns ${to.netns}`)
    await to.ip(
      `link set ${this.port} addrgenmode none`,
      `link set ${this.port}${bridge === undefined ? '' : ` master ${bridge}`} up`,
    )
    this.#host = to
  }

  /** Gratuitous ARP, as a hypervisor sends it at the end of a migration. */
  async announce(address: string): Promise<void> {
    await this.attempt(['arping', '-c', '1', '-U', '-I', 'eth0', address])
  }
}
