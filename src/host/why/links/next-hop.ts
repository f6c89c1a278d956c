// The underlay: the next hop towards the VTEP, as the dataplane has it.

import { type Link, ok } from '../link.js'

export const nextHop: Link = {
  name: 'nextHop',
  of: 'remote',
  look(subject) {
    const { remotes, remoteStates, source } = subject
    if (remotes.length === 0) return undefined
    const looks = remotes.map((remote) => ({ remote, state: remoteStates.get(remote) }))
    const lost = looks.find(({ state }) => state?.resolved !== true)
    if (lost !== undefined) {
      const { remote, state } = lost
      return {
        status: 'broken',
        code: 'nextHopUnresolved',
        text:
          state === undefined
            ? `the dataplane does not know VTEP ${remote}: it has no row for it`
            : `the underlay has no route, or no neighbour, to VTEP ${remote}: what is for it is dropped (unresolved)`,
        evidence: { vtep: remote, resolved: false },
        fix: `ip route get ${remote}; ip neigh show; then set the uplink up or add the route: ip route add ${remote} via GATEWAY dev UPLINK`,
      }
    }
    const { remote, state } = looks[0]!
    const { nextHop: via, nextHopMac: lladdr, ifindex } = state!
    const ifname = source.interfaceName(ifindex)
    const evidence = { vtep: remote, via, lladdr, ifname }
    return ok(`${remote} via ${via} (${lladdr}) dev ${ifname}`, evidence)
  },
}
