// Type 6, Selective Multicast Ethernet Tag: a VTEP wants a multicast group, or all of them (RFC 9251 section 9.1). Who excludes one
// source wants the group: that its hosts leave that source is theirs to see to.

import type { Ip } from '../../net/index.js'
import type { MembershipFlags, SmetRoute } from '../../wire/index.js'
import type { Identity } from '../announcer.js'
import type { OriginatedRoute } from '../events.js'
import { factsOf } from '../facts.js'
import type { RouteMeaning } from './meaning.js'
import { refuse, unreachableTunnel } from './refusal.js'

export const smet: RouteMeaning<SmetRoute> = {
  byTag: true,
  network: {
    install(vrf, key, route, path) {
      const { nextHop: remote } = path
      // It has no label and no encapsulation of its own: what counts is the tunnel of the type 3 route.
      const reason = unreachableTunnel(vrf.vtep, factsOf(path.attributes), remote)
      if (reason !== undefined) {
        vrf.multicast.unclaim(key)
        refuse(vrf, 'SMET', { endpoint: remote, label: vrf.vni }, reason)
        return
      }
      const { group, source, flags } = route
      vrf.multicast.claim(key, {
        remote,
        ...(group === undefined ? {} : { group }),
        ...(source === undefined || flags.exclude ? {} : { source }),
      })
    },
    remove(vrf, key) {
      vrf.multicast.unclaim(key)
    },
  },
}

/** Left out: all. */
export interface WantedChannel {
  readonly group: Ip | undefined
  readonly source: Ip | undefined
}

export function smetRoute(
  { rd, ethernetTag, vtep, exportTargets }: Identity,
  { group, source }: WantedChannel,
  flags: MembershipFlags,
): OriginatedRoute & { readonly nlri: SmetRoute } {
  const channel = {
    ...(source === undefined ? {} : { source }),
    ...(group === undefined ? {} : { group }),
  }
  return {
    family: 'evpn',
    nlri: { type: 'smet', rd, ethernetTag, ...channel, originator: vtep, flags },
    nextHop: vtep,
    attributes: {
      extendedCommunities: exportTargets.map(
        (target) => ({ type: 'routeTarget', target }) as const,
      ),
    },
  }
}
