// What the EVPN machine is told for its whole life.

import type { EvpnSettings } from '../evpn/index.js'
import type { Config } from './config/schema.js'

export function evpnSettings(
  { asn, vtep, profile, duplicateDetection, multihoming }: Config,
  routerId: string,
): EvpnSettings {
  const { moves, seconds } = duplicateDetection
  const { replicatorAddress, routerMac, gatewayMac } = vtep
  return {
    asn,
    routerId,
    vtep: vtep.address,
    ...(replicatorAddress === undefined ? {} : { replicator: replicatorAddress }),
    ...(routerMac === undefined ? {} : { routerMac }),
    ...(gatewayMac === undefined ? {} : { gatewayMac }),
    profile,
    duplicates: moves > 0 && { moves, seconds },
    ignoreEadPerEvi: multihoming.eadPerEvi === 'ignore',
  }
}
