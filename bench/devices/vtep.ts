// We, on every pair of port and uplink kind, remotes from the configuration.

import { type Fabric, startVtep, type Tenant } from '../../test/lab/index.js'
import { type Device, macOf, type Running, tenantOf, vni } from './device.js'

export const vtep = (port: 'netdev' | 'tap', uplink: 'udp' | 'raw'): Device => ({
  name: `vtep ${port}/${uplink}`,
  summary: `ours: port ${port}, uplink ${uplink}`,
  programs: [],
  async start({ hosts }: Fabric): Promise<Running> {
    const tenants: Tenant[] = []
    for (const [index, host] of hosts.entries()) {
      const [n, other] = index === 0 ? [1, 2] : [2, 1]
      const veth = port === 'netdev' ? await host.tenant('port0', tenantOf(n)) : undefined
      await startVtep(host, {
        asn: 65000,
        vtep: { address: host.vtep4, uplink },
        networks: [
          {
            name: 'bench',
            vni,
            ports: [{ name: 'port0', kind: port }],
            remotes: [{ address: hosts[1 - index]!.vtep4, macs: [macOf(other)] }],
          },
        ],
      })
      tenants.push(veth ?? (await host.tapTenant('vm', 'port0', tenantOf(n))))
    }
    return { tenants: [tenants[0]!, tenants[1]!] }
  },
})
