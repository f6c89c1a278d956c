// What the attributes of a path say that EVPN cares for, read once.

import type { Mac, RouteTarget } from '../net/index.js'
import { type CommunityNamed, iana, type PathAttributes } from '../wire/index.js'
import type { MulticastProxy } from './flood.js'

/** What the encapsulation communities allow (RFC 8365 section 5.1.3). */
export type Encapsulation = 'vxlan' | 'missing' | 'other'

export interface Facts {
  readonly targets: readonly RouteTarget[]
  /** Of EVI-RT communities (RFC 9251 section 9.5): the networks that a route to VTEPs of a segment is about. */
  readonly eviTargets: readonly RouteTarget[]
  /** Of Route Origin communities: the sites that it comes from (RFC 4360 section 5). */
  readonly sites: readonly RouteTarget[]
  readonly encapsulation: Encapsulation
  readonly sequence: number
  readonly sticky: boolean
  readonly router: boolean
  /** Answers for the address may replace what hosts know. */
  readonly override: boolean
  readonly gateway: boolean
  /** The MAC to route to (RFC 9135 section 8.1). */
  readonly routerMac: Mac | undefined
  /** Of ES-Import communities (RFC 7432 section 7.6). */
  readonly esImports: readonly Mac[]
  /** Of the ESI Label community (RFC 7432 section 7.5). */
  readonly singleActive: boolean
  /** RFC 8584 section 2.2. */
  readonly election: CommunityNamed<'dfElection'> | undefined
  readonly multicastProxy: MulticastProxy
}

/** Paths that came together share their attributes, and so their facts. */
const known = new WeakMap<PathAttributes, Facts>()

export function factsOf(attributes: PathAttributes): Facts {
  let facts = known.get(attributes)
  if (facts === undefined) {
    facts = read(attributes)
    known.set(attributes, facts)
  }
  return facts
}

function read(attributes: PathAttributes): Facts {
  const targets: RouteTarget[] = []
  const eviTargets: RouteTarget[] = []
  const sites: RouteTarget[] = []
  let encapsulation: Encapsulation = 'missing'
  let sequence = 0
  let sticky = false
  let router = false
  let override = true
  let immutable = false
  let gateway = false
  let routerMac: Mac | undefined
  let singleActive = false
  let election: CommunityNamed<'dfElection'> | undefined
  const esImports: Mac[] = []
  let multicastProxy: MulticastProxy = { igmp: false, mld: false }
  for (const community of attributes.extendedCommunities ?? []) {
    switch (community.type) {
      case 'routeTarget':
        targets.push(community.target)
        break
      case 'eviRouteTarget':
        eviTargets.push(community.target)
        break
      case 'routeOrigin':
        sites.push(community.origin)
        break
      case 'encapsulation':
        if (community.tunnelType === iana.tunnelType.vxlan) encapsulation = 'vxlan'
        else if (encapsulation === 'missing') encapsulation = 'other'
        break
      case 'macMobility':
        sequence = community.sequence
        sticky = community.sticky
        break
      case 'arpNd':
        router = community.router
        override = community.override
        immutable = community.immutable
        break
      case 'routerMac':
        routerMac = community.mac
        break
      case 'multicastFlags':
        multicastProxy = { igmp: community.igmp, mld: community.mld }
        break
      case 'defaultGateway':
        gateway = true
        break
      case 'esImport':
        esImports.push(community.target)
        break
      case 'esiLabel':
        singleActive = community.singleActive
        break
      case 'dfElection':
        election = community
        break
    }
  }
  // What may not change does not move, either.
  const mobility = { sequence, sticky: sticky || immutable }
  const segment = { esImports, singleActive, election }
  const ofHost = { ...mobility, router, override, gateway, routerMac }
  return { targets, eviTargets, sites, encapsulation, ...ofHost, ...segment, multicastProxy }
}
