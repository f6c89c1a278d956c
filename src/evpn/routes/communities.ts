// What our routes of a network say in common, of types 2 and 3.

import { type ExtendedCommunity, iana } from '../../wire/index.js'
import type { Identity } from '../announcer.js'

export function communitiesOf({ exportTargets, siteOfOrigin }: Identity): ExtendedCommunity[] {
  return [
    { type: 'encapsulation', tunnelType: iana.tunnelType.vxlan },
    ...exportTargets.map((target) => ({ type: 'routeTarget', target }) as const),
    ...(siteOfOrigin === undefined ? [] : [{ type: 'routeOrigin', origin: siteOfOrigin } as const]),
  ]
}
