// Networks and VRFs of the configuration in the words of evpn.

import type { Derivation, NetworkSettings, VrfSettings } from '../evpn/index.js'
import type { Config, Network, Vrf } from './config/schema.js'
import { parseGateway } from './config/text.js'

/** A network with what it has from the fabric as a whole. */
export interface FabricNetwork extends Network {
  readonly derivation: Derivation
  readonly siteOfOrigin?: string
  /** L3 VNI of its VRF. */
  readonly l3Vni?: number
}

export interface FabricVrf extends Vrf {
  readonly derivation: Derivation
}

const usualDerivation = ({ profile, asn, routeTargetAsn = asn }: Config): Derivation => ({
  profile,
  asn: routeTargetAsn,
})

export function fabricNetworks(config: Config): FabricNetwork[] {
  const usual = usualDerivation(config)
  const { siteOfOrigin } = config
  const site = siteOfOrigin === undefined ? {} : { siteOfOrigin }
  return config.networks.map((network) => {
    const { profile = usual.profile } = network
    const vrf = config.vrfs.find(({ name }) => name === network.vrf)
    const routed = vrf === undefined ? {} : { l3Vni: vrf.vni }
    return { ...network, derivation: { ...usual, profile }, ...site, ...routed }
  })
}

export function fabricVrfs(config: Config): FabricVrf[] {
  return config.vrfs.map((vrf) => ({ ...vrf, derivation: usualDerivation(config) }))
}

/** `derivedRd` holds where the configuration gives no route distinguisher. */
export function networkSettings(network: FabricNetwork, derivedRd: string): NetworkSettings {
  const { name, vni, routeTargets, agingSeconds, suppress, remotes, routeDistinguisher } = network
  const { stormControl, derivation, gateway, l3Vni, ethernetTag, multicast } = network
  const { routerAdvertisements: advertise, assistedReplication, prunedFloodLists } = network
  const { siteOfOrigin } = network
  const { broadcasts: noBroadcasts, unknownUnicast: noUnknown } = prunedFloodLists
  return {
    name,
    vni,
    rd: routeDistinguisher ?? derivedRd,
    ...(routeTargets?.import === undefined ? {} : { importTargets: routeTargets.import }),
    ...(routeTargets?.export === undefined ? {} : { exportTargets: routeTargets.export }),
    derivation,
    ...(siteOfOrigin === undefined ? {} : { siteOfOrigin }),
    agingSeconds,
    suppress,
    ...(network.suppressUnknown ? { suppressUnknown: true } : {}),
    stormFramesPerSecond: stormControl.framesPerSecond,
    stormBurst: stormControl.burst,
    staticRemotes: remotes,
    ...(ethernetTag === undefined ? {} : { ethernetTag }),
    ...(multicast.snooping ? { multicast: { querier: multicast.querier === 'auto' } } : {}),
    ...(assistedReplication === undefined ? {} : { assistedReplication }),
    ...(noBroadcasts || noUnknown ? { prunedFloodLists: { noBroadcasts, noUnknown } } : {}),
    ...(l3Vni === undefined ? {} : { vrf: l3Vni, gateway: gateway.map(parseGateway) }),
    ...(advertise === undefined ? {} : { advertise }),
  }
}

export function vrfSettings(vrf: FabricVrf, derivedRd: string): VrfSettings {
  const { name, vni, routeTargets, routeDistinguisher, derivation } = vrf
  return {
    name,
    vni,
    rd: routeDistinguisher ?? derivedRd,
    derivation,
    ...(routeTargets?.import === undefined ? {} : { importTargets: routeTargets.import }),
    ...(routeTargets?.export === undefined ? {} : { exportTargets: routeTargets.export }),
    routes: vrf.routes.map(({ announce, ...route }) => ({ ...route, announced: announce })),
  }
}
