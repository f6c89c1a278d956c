// No device at all: the tenants are the two ends of the wire. What the traffic tools and the tenants' stacks reach by themselves.

import { type Device, ipOf, macOf, wireMtu } from './device.js'

export const direct: Device = {
  name: 'tools alone',
  summary: 'no device: source and sink at the two ends of one veth; what the traffic tools can do',
  kind: 'limit',
  programs: [],
  tunnel: false,
  worksApart: false,
  async attach({ host, n }) {
    await host.ip(
      'addr flush dev eth0',
      `link set eth0 address ${macOf(n)} mtu ${wireMtu - 50}`,
      `addr add ${ipOf(n)}/24 dev eth0`,
    )
    return host
  },
}
