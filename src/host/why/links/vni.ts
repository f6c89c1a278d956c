// Whether the route says the VNI that the network has, and whether it can be used at all.

import { type Link, ok } from '../link.js'

export const vni: Link = {
  name: 'vni',
  of: 'remote',
  look(subject) {
    const { routes, network, vni: ours, address } = subject
    const [best] = routes
    if (best === undefined || subject.kind !== 'host') return undefined
    const { label, account, entry } = best
    const { nextHop: remote } = entry.best
    const evidence = { remote, label, vni: ours ?? null, network: network?.name ?? null }
    if (ours === undefined || label !== ours) {
      const here =
        network === undefined
          ? 'no network here has that VNI'
          : `network ${network.name} has VNI ${ours}`
      return {
        status: 'broken',
        code: 'vniMismatch',
        text: `VTEP ${remote} announces ${address} in VNI ${label}; ${here}`,
        evidence,
        fix:
          network === undefined
            ? `add the network, if it shall be here: vtep network add NAME --vni ${label}`
            : `give both ends one VNI: ${ours} at ${remote}, or vni: ${label} for network ${network.name} here`,
      }
    }
    const refusal = account?.uses.find((use) => use.kind === 'network' && use.vni === ours)?.refusal
    if (refusal !== undefined) {
      return {
        status: 'broken',
        code: 'routeRefused',
        text: `the route of ${remote} can not be used: ${refusal}`,
        evidence: { ...evidence, refusal },
        fix: `mend what ${remote} announces: ${refusal}`,
      }
    }
    return ok(`label ${label} is the VNI of ${network!.name}`, evidence)
  },
}
