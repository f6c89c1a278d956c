// Whether a filter, or a rule of BGP, keeps a route of the host out of the loc-rib.

import { type EvpnRoute, formatEvpnRoute } from '../../../wire/index.js'
import { counted, type Link } from '../link.js'

export const policy: Link = {
  name: 'policy',
  of: 'remote',
  isRare: true,
  look(subject) {
    const { refused, routes, address } = subject
    if (refused.length === 0) return undefined
    const { path, rejected } = refused[0]!
    const evidence = {
      refused: refused.map((one) => ({
        peer: one.path.peer,
        route: formatEvpnRoute(one.path.nlri as EvpnRoute),
        nextHop: one.path.nextHop,
        reason: one.rejected,
      })),
    }
    if (routes.length > 0) {
      const text = `${counted(refused.length, 'other path')} refused (${rejected}); the one in use is not`
      return { status: 'ok', text, evidence }
    }
    return {
      status: 'broken',
      code: 'refusedByPolicy',
      text: `${path.peer} announces ${address} behind ${path.nextHop}, and the path is refused: ${rejected}`,
      evidence,
      fix: fixFor(path.peer, rejected),
    }
  },
}

function fixFor(peer: string, reason: string): string {
  if (/filter/.test(reason))
    return `let it through in bgp.neighbors[${peer}].filterIn (an earlier rule with accept: true), then: vtep reload`
  if (/our AS/.test(reason))
    return `the fabric has one AS on both ends: bgp.neighbors[${peer}].allowAsIn: 1 here, or as-override on the leaf`
  if (/originator|cluster/.test(reason))
    return 'give every speaker a router ID, and every reflector a cluster ID, of its own'
  return `see bgp.neighbors[${peer}]: role, filterIn, allowAsIn`
}
