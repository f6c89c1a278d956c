// bridge + vxlan of the kernel, entries by hand: what everybody has.

import type { Fabric, Tenant } from '../../test/lab/index.js'
import { type Device, macOf, type Running, tenantMtu, tenantOf, vni } from './device.js'

export const kernel: Device = {
  name: 'kernel',
  summary: 'bridge + vxlan of the kernel, static entries',
  programs: [],
  async start({ hosts }: Fabric): Promise<Running> {
    const tenants: Tenant[] = []
    for (const [index, host] of hosts.entries()) {
      const [n, other] = index === 0 ? [1, 2] : [2, 1]
      const vtep = await host.kernelVtep(vni, { mtu: tenantMtu })
      await vtep.addRemote(hosts[1 - index]!.vtep4, [macOf(other)])
      tenants.push(await host.tenant('port0', { ...tenantOf(n), bridge: vtep.bridge }))
    }
    return { tenants: [tenants[0]!, tenants[1]!] }
  },
}
