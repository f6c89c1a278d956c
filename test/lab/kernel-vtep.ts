// bridge + vxlan of the kernel: the peer that everybody has, with FRR or with entries by hand.

import { run } from './command.js'
import type { Host } from './host.js'

export interface KernelVtepOptions {
  /** VTEP address; default the host's IPv4 one. */
  readonly local?: string
  /** ARP/ND suppression by the bridge. */
  readonly suppress?: boolean
  /** Address of the bridge in the network, with length: FRR announces MAC+IP only with one. */
  readonly address?: string
  readonly mtu?: number
}

export interface FdbEntry {
  readonly mac: string
  readonly ifname: string
  readonly dst?: string
  readonly flags: readonly string[]
}

export class KernelVtep {
  readonly bridge: string
  readonly device: string

  readonly host: Host
  readonly vni: number

  private constructor(host: Host, vni: number) {
    this.host = host
    this.vni = vni
    this.bridge = `br${vni}`
    this.device = `vxlan${vni}`
  }

  static async create(host: Host, vni: number, options: KernelVtepOptions): Promise<KernelVtep> {
    const vtep = new KernelVtep(host, vni)
    const { bridge, device } = vtep
    const mtu = options.mtu ?? 1500
    await host.ip(
      `link add name ${bridge} type bridge mcast_snooping 0`,
      `link add name ${device} type vxlan id ${vni} local ${options.local ?? host.vtep4} dstport 4789 nolearning`,
      // Neither shall the kernel itself be a silent tenant of the network.
      `link set ${device} addrgenmode none`,
      `link set ${device} mtu ${mtu} master ${bridge} up`,
      ...(options.address === undefined ? [`link set ${bridge} addrgenmode none`] : []),
      `link set ${bridge} mtu ${mtu} up`,
      ...(options.address === undefined ? [] : [`addr add ${options.address} dev ${bridge}`]),
    )
    await host.bridge(
      `link set dev ${device} learning off neigh_suppress ${options.suppress === true ? 'on' : 'off'}`,
    )
    return vtep
  }

  /** The vxlan device's forwarding entries, remote VTEPs included. */
  async fdb(): Promise<readonly FdbEntry[]> {
    const text = await run([
      'bridge',
      '-n',
      this.host.netns,
      '-j',
      'fdb',
      'show',
      'dev',
      this.device,
    ])
    return JSON.parse(text) as FdbEntry[]
  }

  /** VTEP behind which the kernel sees a MAC. */
  async remoteOf(mac: string): Promise<string | undefined> {
    return (await this.fdb()).find((entry) => entry.mac === mac && entry.dst !== undefined)?.dst
  }

  /** Without a control plane: flood to a VTEP, and send a MAC there. */
  async addRemote(address: string, macs: readonly string[] = []): Promise<void> {
    await this.host.bridge(
      ...['00:00:00:00:00:00', ...macs].map(
        (mac) => `fdb append ${mac} dev ${this.device} dst ${address} self`,
      ),
    )
  }
}
