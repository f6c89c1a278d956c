// A tenant with a link to each of several hosts, as behind a static LAG: one MAC and one address on all of them, frames
// leave by one link, and what comes by one never leaves by another. A bridge does it whose links are isolated from each
// other, so no module for bonds is needed.

import type { Host } from './host.js'
import type { Lab } from './lab.js'
import { connect, Namespace } from './namespace.js'
import type { TenantOptions } from './tenant.js'

export class Multihomed extends Namespace {
  /** Link N leads to host N, where the port has the tenant's name. */
  readonly links: readonly string[]

  private constructor(lab: Lab, name: string, links: readonly string[]) {
    super(lab, name)
    this.links = links
  }

  /** Broadcasts, and frames to whom has not spoken yet, leave by the first link. */
  static async create(
    hosts: readonly Host[],
    name: string,
    { mac, ip4 }: Required<Pick<TenantOptions, 'mac' | 'ip4'>>,
  ): Promise<Multihomed> {
    const links = hosts.map((_, i) => `eth${i + 1}`)
    const tenant = await hosts[0]!.lab.add(new Multihomed(hosts[0]!.lab, name, links))
    await tenant.sysctl({ 'net.ipv6.conf.default.disable_ipv6': 1 })
    // What a bridge sends itself goes everywhere, so the tenant is behind a port of it.
    await tenant.ip(
      'link add lag type bridge mcast_snooping 0',
      'link set lag arp off',
      `link add eth0 address ${mac} type veth peer name lag0`,
      'link set lag0 master lag up',
      'link set lag up',
      'link set eth0 up',
      `addr add ${ip4} dev eth0`,
    )
    for (const [i, host] of hosts.entries()) {
      const ifname = links[i]!
      await connect({ namespace: tenant, ifname }, { namespace: host, ifname: name }, 1500)
      await host.ip(`link set ${name} addrgenmode none`)
      await tenant.ip(`link set ${ifname} master lag`)
      await tenant.bridge(`link set dev ${ifname} isolated on`)
    }
    await tenant.prefer(links[0]!)
    return tenant
  }

  /** Broadcasts, and frames to whom is not known, leave by this link from now on. */
  async prefer(ifname: string): Promise<void> {
    await this.bridge(
      ...this.links.map((link) => {
        const is = link === ifname ? 'on' : 'off'
        return `link set dev ${link} flood ${is} mcast_flood ${is} bcast_flood ${is}`
      }),
    )
  }

  /** The link fails; a bond would see that, and go on by the other one. */
  async cut(ifname: string): Promise<void> {
    await this.prefer(this.links.find((link) => link !== ifname)!)
    await this.ip(`link set ${ifname} down`)
  }
}
