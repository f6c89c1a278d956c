// Whether the network imports one of the route's route targets.

import { profileFor } from '../../../evpn/index.js'
import { type Link, ok } from '../link.js'
import type { Subject } from '../subject.js'

export const targets: Link = {
  name: 'import',
  of: 'remote',
  look(subject) {
    const { routes, network, vni, source } = subject
    const [best] = routes
    if (best?.account === undefined || subject.kind !== 'host') return undefined
    const { targets: carried, uses } = best.account
    const remote = best.entry.best.nextHop
    const user = uses.find((use) => use.kind === 'network' && use.vni === vni)
    const list = carried.join(', ') || 'no route target'
    if (network === undefined) {
      const text = `it carries ${list}, which no network here imports`
      return { status: 'unknown', text, evidence: { remote, routeTargets: carried } }
    }
    const imports = importTargets(subject)
    const evidence = { remote, routeTargets: carried, imports, network: network.name }
    if (user !== undefined)
      return ok(`${list} is imported by ${network.name} (${imports.join(', ')})`, evidence)
    // The targets of another VNI: that they are not imported is no fault of theirs.
    if (best.label !== vni) {
      const text = `${list} is not imported by ${network.name} (${imports.join(', ')}): it is about another VNI`
      return { status: 'unknown', text, evidence }
    }
    const { asn, routeTargetAsn = asn } = source.effective.config
    const profile = carried
      .map((target) => profileFor(routeTargetAsn, network.vni, target))
      .find((name) => name !== undefined)
    return {
      status: 'broken',
      code: 'routeTargetMismatch',
      text: `VTEP ${remote} announces it in VNI ${vni} under ${list}; network ${network.name} imports ${imports.join(', ')}`,
      evidence,
      fix:
        profile === undefined
          ? `add ${carried[0] ?? 'a common route target'} to routeTargets.import of network ${network.name} (and ours to the import of ${remote}), then: vtep reload`
          : `profile: ${profile} on network ${network.name} would import it; then: vtep reload`,
    }
  },
}

export function importTargets({ source, vni }: Subject): readonly string[] {
  return source.evpn.account.importTargets(vni ?? 0)
}
