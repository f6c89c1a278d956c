// Whether a full frame of a tenant fits on the way to the VTEP.

import { ipFamily } from '../../../net/index.js'
import { overheadOf } from '../../checks/mtu.js'
import { type Link, ok } from '../link.js'

export const mtu: Link = {
  name: 'mtu',
  of: 'remote',
  async look(subject) {
    const { remotes, remoteStates, ports, vni, probe } = subject
    const [remote] = remotes
    const first = remote === undefined ? undefined : remoteStates.get(remote)
    if (remote === undefined || first === undefined) return undefined
    const own = ports.filter((one) => one.vni === vni && one.mtu > 0)
    const largest = own.reduce((most, one) => (one.mtu > (most?.mtu ?? 0) ? one : most), own[0])
    const overhead = overheadOf(ipFamily(remote))
    const need = largest === undefined ? 0 : largest.mtu + overhead
    const evidence = {
      vtep: remote,
      ifname: largest?.name ?? null,
      portMtu: largest?.mtu ?? 0,
      overhead,
      needed: need,
      nextHopMtu: first.mtu,
    }
    if (need > first.mtu && first.mtu > 0) {
      return {
        status: 'broken',
        code: 'mtuTooSmall',
        text: `port ${largest!.name} has MTU ${largest!.mtu}, which needs ${need} on the way to ${remote}; ${first.mtu} fit: larger frames are dropped (exceeds_mtu)`,
        evidence,
        fix: fixFor(
          largest!.name,
          first.mtu - overhead,
          need,
          subject.source.interfaceName(first.ifindex),
        ),
      }
    }
    // What the next hop says is not what the whole way carries.
    const path = need === 0 ? undefined : await probe?.carries(remote, need)
    if (path === false) {
      const measured = (await probe!.pathMtu(remote, first.mtu)) ?? need - 1
      return {
        status: 'broken',
        code: 'mtuTooSmall',
        text: `port ${largest!.name} has MTU ${largest!.mtu}, which needs ${need}; the interface carries ${first.mtu}, and the way to ${remote} only ${measured} (measured by echo): larger frames are lost without a word`,
        evidence: { ...evidence, pathMtu: measured },
        fix: fixFor(largest!.name, measured - overhead, need, `every link on the way to ${remote}`),
      }
    }
    if (largest === undefined) return ok(`${first.mtu} fit on the way to ${remote}`, evidence)
    const proof = path === true ? `, measured to ${remote}` : ''
    return ok(
      `${largest.mtu} of ${largest.name} and ${overhead} of headers fit into ${first.mtu}${proof}`,
      evidence,
    )
  },
}

const fixFor = (port: string, fits: number, need: number, link: string): string =>
  `raise the MTU of ${link} to ${need}, or lower the tenant's: ip link set ${port} mtu ${fits}`
