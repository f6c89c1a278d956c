// A host of the fabric: an underlay interface eth0, VTEP addresses, tenants, and perhaps a VTEP of the kernel.

import { KernelVtep, type KernelVtepOptions } from './kernel-vtep.js'
import type { Lab } from './lab.js'
import { connect, Namespace } from './namespace.js'
import { addressing, Tenant, type TenantOptions } from './tenant.js'

export class Host extends Namespace {
  readonly vtep4: string
  readonly vtep6: string

  readonly number: number

  constructor(lab: Lab, name: string, number: number) {
    super(lab, name)
    this.number = number
    this.vtep4 = `10.255.0.${number}`
    this.vtep6 = `fd00:255::${number.toString(16)}`
  }

  /**
   * A tenant on a veth: eth0 inside, the port called `name` in the host. With `bridge` the port is enslaved, without it
   * is left for a daemon to open. Offloads stay as the kernel sets them: on.
   */
  async tenant(name: string, options: TenantOptions = {}): Promise<Tenant> {
    const tenant = await this.lab.add(new Tenant(this, name))
    await tenant.settle(options)
    const mtu = options.mtu ?? 1500
    await connect({ namespace: tenant, ifname: 'eth0' }, { namespace: this, ifname: name }, mtu)
    await tenant.ip(...addressing(options))
    // The port itself must stay silent: only tenants speak on it.
    await this.ip(`link set ${name} addrgenmode none`)
    if (options.bridge !== undefined) await this.ip(`link set ${name} master ${options.bridge}`)
    return tenant
  }

  /** A tenant on a tap that a daemon in this host has opened: the interface moves in, the descriptor goes on carrying frames. */
  async tapTenant(name: string, tap: string, options: TenantOptions = {}): Promise<Tenant> {
    const tenant = await this.lab.add(new Tenant(this, name))
    await tenant.settle(options)
    await this.ip(`link set ${tap} down`, `link set ${tap} name eth0 netns ${tenant.netns}`)
    await tenant.ip(...addressing(options))
    return tenant
  }

  /** The kernel's own VTEP for one network: bridge and vxlan device, filled by routes and not by the data plane. */
  kernelVtep(vni: number, options: KernelVtepOptions = {}): Promise<KernelVtep> {
    return KernelVtep.create(this, vni, options)
  }
}
