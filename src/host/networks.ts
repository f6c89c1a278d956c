// Networks of the configuration in the words of evpn.

import type { NetworkSettings } from '../evpn/index.js'
import type { Network } from './config/schema.js'

/** `derivedRd` holds where the configuration gives no route distinguisher. */
export function networkSettings(network: Network, derivedRd: string): NetworkSettings {
  const { name, vni, routeTargets, agingSeconds, suppress, remotes, routeDistinguisher } = network
  const { stormControl } = network
  return {
    name,
    vni,
    rd: routeDistinguisher ?? derivedRd,
    ...(routeTargets?.import === undefined ? {} : { importTargets: routeTargets.import }),
    ...(routeTargets?.export === undefined ? {} : { exportTargets: routeTargets.export }),
    agingSeconds,
    suppress,
    stormFramesPerSecond: stormControl.framesPerSecond,
    stormBurst: stormControl.burst,
    staticRemotes: remotes,
  }
}
