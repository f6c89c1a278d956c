// Whether the VTEP is one of the network: announced by a type 3 route, or named by the configuration.

import { type Link, type Look, ok } from '../link.js'
import type { Subject } from '../subject.js'

export const vtep: Link = {
  name: 'vtep',
  of: 'remote',
  look(subject) {
    if (subject.kind === 'vtep') return asked(subject)
    const { remotes, image, network } = subject
    const [remote] = remotes
    if (remote === undefined || network === undefined) return undefined
    const evidence = { vteps: remotes, network: network.name }
    if (image?.floods.has(remote) === true || image?.replicator !== undefined)
      return ok(`${remotes.join(', ')}: announced for ${network.name} (IMET)`, evidence)
    return {
      status: 'warning',
      text: `VTEP ${remote} announces the MAC and no IMET route for ${network.name}: broadcasts, ARP requests among them, do not reach it`,
      evidence,
      fix: `announce VNI ${network.vni} at ${remote} (FRR: advertise-all-vni; EOS and NX-OS: the VLAN in the vxlan interface)`,
    }
  },
}

/** The VTEP itself is asked about. */
function asked({ source, address, now }: Subject): Look {
  const vnis: number[] = []
  for (const [vni, { floods }] of source.evpn.image.networks)
    if (floods.has(address)) vnis.push(vni)
  const { unknown_vtep: dropped = 0 } = source.counters()?.drops ?? {}
  const evidence = { vtep: address, vnis, dropped, now: new Date(now).toISOString() }
  if (vnis.length > 0) {
    const first = vnis.slice(0, 8).join(', ')
    return ok(`${address} is announced for VNI ${first}${vnis.length > 8 ? ' …' : ''}`, evidence)
  }
  return {
    status: 'broken',
    code: 'unknownVtep',
    text: `no route and no line of the configuration names VTEP ${address} for a network here: what it sends is dropped (unknown_vtep, ${dropped} frames so far), and nothing is sent to it`,
    evidence,
    fix: `have it announce the VNI by BGP (vtep why MAC, asked for a MAC behind it, says what is missing), or name it: networks[].remotes: [{address: ${address}}]`,
  }
}
