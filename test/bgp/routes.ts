// Routes for tests.

import type { OriginatedRoute } from '../../src/bgp/index.js'
import type { EvpnRoute, ExtendedCommunity, PathAttributes } from '../../src/wire/index.js'

export const macOf = (n: number): string =>
  `02:00:${[24, 16, 8, 0].map((bits) => ((n >>> bits) & 0xff).toString(16).padStart(2, '0')).join(':')}`

export interface MacIpOptions {
  readonly rd?: string
  readonly ip?: string
  readonly vni?: number
  readonly nextHop?: string
  readonly sequence?: number
  readonly sticky?: boolean
  readonly attributes?: PathAttributes
}

const encapsulation: ExtendedCommunity = { type: 'encapsulation', tunnelType: 8 }
const routeTarget = (vni: number): ExtendedCommunity => ({
  type: 'routeTarget',
  target: `65000:${vni}`,
})

/** MAC number `n` as a type 2 route. */
export function macIp(n: number, options: MacIpOptions = {}): OriginatedRoute {
  const { rd = '10.0.0.1:100', ip, vni = 10100, nextHop = '10.0.0.1' } = options
  const nlri: EvpnRoute = {
    type: 'macIp',
    rd,
    esi: '00:00:00:00:00:00:00:00:00:00',
    ethernetTag: 0,
    mac: macOf(n),
    ...(ip === undefined ? {} : { ip }),
    label: vni,
  }
  const { sequence, sticky = false } = options
  const mobility: ExtendedCommunity[] =
    sequence === undefined ? [] : [{ type: 'macMobility', sequence, sticky }]
  return {
    family: 'evpn',
    nlri,
    nextHop,
    attributes: {
      extendedCommunities: [routeTarget(vni), encapsulation, ...mobility],
      ...options.attributes,
    },
  }
}

/** A type 3 route with ingress replication. */
export function imet(rd: string, vtep: string, vni = 10100): OriginatedRoute {
  return {
    family: 'evpn',
    nlri: { type: 'imet', rd, ethernetTag: 0, originator: vtep },
    nextHop: vtep,
    attributes: {
      extendedCommunities: [routeTarget(vni), encapsulation],
      pmsiTunnel: { flags: 0, tunnelType: 6, label: vni, endpoint: vtep },
    },
  }
}
