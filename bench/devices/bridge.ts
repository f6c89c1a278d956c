// The kernel's bridge without any overlay: the ceiling of two hops over veth.

import { type Device, extraPorts, tenantOf } from './device.js'

export const bridge: Device = {
  name: 'bridge',
  summary: 'bridge of the kernel, no overlay: the ceiling',
  kind: 'limit',
  programs: [],
  tunnel: false,
  worksApart: false,
  async attach({ host, n, extra }) {
    await host.ip(
      'link add name br0 type bridge mcast_snooping 0',
      'link set br0 addrgenmode none',
      'link set eth0 master br0',
      'link set br0 up',
    )
    for (const port of extraPorts(extra)) {
      await host.tenant(port.name, { ...tenantOf(port.n), bridge: 'br0' })
    }
    return host.tenant('port0', { ...tenantOf(n), bridge: 'br0' })
  },
}
