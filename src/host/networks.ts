// Networks of the configuration in the words of evpn.

import type { Derivation, NetworkSettings } from '../evpn/index.js'
import type { Config, Network } from './config/schema.js'

/** A network with what it has from the fabric as a whole. */
export interface FabricNetwork extends Network {
  readonly derivation: Derivation
}

export function fabricNetworks(config: Config): FabricNetwork[] {
  const { networks, profile: usual, asn: own, routeTargetAsn: asn = own } = config
  return networks.map((network) => {
    const { profile = usual } = network
    return { ...network, derivation: { profile, asn } }
  })
}

/** `derivedRd` holds where the configuration gives no route distinguisher. */
export function networkSettings(network: FabricNetwork, derivedRd: string): NetworkSettings {
  const { name, vni, routeTargets, agingSeconds, suppress, remotes, routeDistinguisher } = network
  const { stormControl, derivation } = network
  return {
    name,
    vni,
    rd: routeDistinguisher ?? derivedRd,
    ...(routeTargets?.import === undefined ? {} : { importTargets: routeTargets.import }),
    ...(routeTargets?.export === undefined ? {} : { exportTargets: routeTargets.export }),
    derivation,
    agingSeconds,
    suppress,
    stormFramesPerSecond: stormControl.framesPerSecond,
    stormBurst: stormControl.burst,
    staticRemotes: remotes,
  }
}
