// Who else on this host has what we are about to take. What the kernel refuses by itself (a UDP or TCP port, a port of a
// bridge, a second XDP program) is refused where it is taken, with its holder; here is what it would let us do, and
// what then breaks: two programs that own one thing.

import { connectionHolder, formatHolder, readDevices, unitOf } from '../io/index.js'
import type { Config } from './config/schema.js'

type Check = (config: Config) => Promise<readonly string[]> | readonly string[]

/** Everything that somebody else has, a sentence each with the way to free it; empty when nothing is. */
export async function checkCoexistence(config: Config): Promise<string[]> {
  const found = await Promise.all(checks.map((check) => check(config)))
  return found.flat()
}

const checks: readonly Check[] = [
  /** A VNI of ours in a bridge of the kernel: whatever its UDP port, each network would be here twice, and loop. */
  async function vnis({ networks, vrfs }) {
    const ours = new Map([
      ...networks.map(({ name, vni }) => [vni, `network ${name}`] as const),
      ...vrfs.map(({ name, vni }) => [vni, `VRF ${name}`] as const),
    ])
    // Without iproute2 nobody has made such a device.
    const devices = await readDevices().catch(() => [])
    return devices.flatMap(({ ifname, flags, master, linkinfo }) => {
      const vni = linkinfo?.info_kind === 'vxlan' ? linkinfo.info_data?.['id'] : undefined
      const what = typeof vni === 'number' ? ours.get(vni) : undefined
      if (what === undefined || !flags.includes('UP')) return []
      const place = master === undefined ? '' : ` in ${master}`
      return [
        `${what}: the kernel's VXLAN device ${ifname}${place} has VNI ${vni}; remove it: ip link del ${ifname} (\`vtep import\` writes a configuration from such devices)`,
      ]
    })
  },

  /** Another speaker's session with a peer of ours: the peer takes the second for a collision, and one ends the other. */
  function sessions({ bgp }) {
    return bgp.neighbors.flatMap(({ address, port }, i) => {
      const holder = address === undefined ? undefined : connectionHolder(address, port)
      // Several of us are told apart by their addresses.
      const unit = holder === undefined ? undefined : unitOf(holder)
      if (unit === undefined) return []
      const hint = unit === 'frr' ? ' (`vtep import` writes a configuration from its frr.conf)' : ''
      return [
        `bgp.neighbors[${i}]: ${address} has a BGP session with this host already, by ${formatHolder(holder)}${hint}`,
      ]
    })
  },
]
