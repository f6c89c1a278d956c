// What a leaf has to know of this host, out of the host's configuration and, where it runs, its state.

import { networkInterfaces } from 'node:os'
import { defaultGatewayMac, profiles } from '../../evpn/index.js'
import {
  type Ip,
  ipFamily,
  type Mac,
  parseIp,
  parsePrefix,
  prefixContains,
} from '../../net/index.js'
import type { Config, Neighbor, Network } from '../config/schema.js'
import { parseGateway } from '../config/text.js'
import { neighborId } from '../effective.js'
import { fabricNetworks, fabricVrfs } from '../networks.js'
import type { Traits } from './traits.js'
import { chooseVlans } from './vlans.js'

/** What the operator adds, as the host can not know it. */
export interface FabricOptions {
  /** Which neighbour is the leaf. Default: the first. */
  readonly peer?: string
  /** Port of the leaf that leads to this host. */
  readonly leafPort?: string
  readonly leafAsn?: number
  /** VTEP address of the leaf. */
  readonly leafVtep?: Ip
  /** VLAN of a network or a VRF on the leaf, by name. */
  readonly vlans?: Readonly<Record<string, number>>
  /** The leaf passes routes on, and has no port in our networks. */
  readonly transit?: boolean
}

/** What is known of a running host beside its configuration. */
export interface Live {
  /** AS numbers of its peers. */
  readonly peers: readonly { readonly peer: string; readonly asn: number }[]
  /** MTUs of its ports; 0 where unknown. */
  readonly portMtus: readonly number[]
  /** MTUs on the way to other VTEPs; 0 where unknown. */
  readonly pathMtus: readonly number[]
}

/** The BGP session, as the leaf has to configure it. */
export interface LeafSession {
  /** The neighbour's place in the configuration. */
  readonly where: string
  readonly neighbor: Neighbor
  /** Address of ours that the leaf speaks to; undefined when unnumbered. */
  readonly host?: Ip
  /** Address of the leaf; undefined when unnumbered, or whoever connects. */
  readonly leaf?: Ip
  readonly isUnnumbered: boolean
  readonly isInternal: boolean
  /** No router in between. */
  readonly isDirect: boolean
  /** The leaf is the reflector of this session, and we are its client. */
  readonly reflectsToUs: boolean
}

/** What is told apart by a VNI: a network, or the L3 VNI of a VRF. */
export interface LeafInstance {
  readonly where: string
  readonly name: string
  readonly vni: number
  readonly vlan: number
  /** Route targets as the leaf needs them. */
  readonly imports: readonly string[]
  readonly exports: readonly string[]
  /** Nobody has written ours down. */
  readonly isDerived: boolean
}

export interface LeafNetwork extends LeafInstance {
  readonly vrf?: LeafInstance
  /** Anycast gateway, "address/length". */
  readonly gateway: readonly string[]
  readonly ethernetTag?: number
}

export interface LeafFacts {
  readonly config: Config
  readonly session: LeafSession
  readonly networks: readonly LeafNetwork[]
  readonly vrfs: readonly LeafInstance[]
  readonly gatewayMac: Mac
  /** Of the tenants, and what VXLAN adds to it: outer IP, UDP, VXLAN and the inner Ethernet header. */
  readonly tenantMtu: number
  readonly overhead: number
  /** IP MTU that the leaf needs towards us. */
  readonly mtu: number
  /** Smallest MTU that is known on the way from us to other VTEPs. */
  readonly pathMtu?: number
  readonly leafPort?: string
  readonly leafAsn?: number
  readonly leafVtep?: Ip
  readonly isTransit: boolean
  /** Other neighbours that may be leaves. */
  readonly otherPeers: readonly string[]
}

/** A configuration without a neighbour has no leaf. */
export function leafCandidates({ bgp }: Config): readonly string[] {
  return bgp.neighbors.map(neighborId)
}

/** `options.peer` is one of the candidates, of which there is at least one. */
export function leafFacts(
  config: Config,
  traits: Traits,
  options: FabricOptions,
  live: Live | undefined,
): LeafFacts {
  const { peer = leafCandidates(config)[0] } = options
  const at = config.bgp.neighbors.findIndex((one) => neighborId(one) === peer)
  const session = sessionOf(config, at)
  const { transit = false, vlans = {} } = options
  const chosen = chooseVlans(config, traits.vlans, vlans)
  const vrfs = fabricVrfs(config).map((vrf, i) => ({
    ...instance(vrf, `vrfs[${i}]`),
    vlan: chosen.get(vrf.vni)!,
  }))
  const networks = fabricNetworks(config).map((network, i): LeafNetwork => {
    const { ethernetTag, gateway } = network
    const vrf = vrfs.find(({ name }) => name === network.vrf)
    return {
      ...instance(network, `networks[${i}]`),
      vlan: chosen.get(network.vni)!,
      gateway,
      ...(vrf === undefined ? {} : { vrf }),
      ...(ethernetTag === undefined ? {} : { ethernetTag }),
    }
  })
  const overhead = ipFamily(config.vtep.address) === 4 ? 50 : 70
  const tenantMtu = largestPort(config, live)
  const pathMtus = (live?.pathMtus ?? []).filter((mtu) => mtu > 0)
  const leafAsn = options.leafAsn ?? knownAsn(config, session, live)
  const leafVtep = options.leafVtep ?? (session.isDirect ? undefined : session.leaf)
  return {
    config,
    session,
    networks,
    vrfs,
    gatewayMac: config.vtep.gatewayMac ?? defaultGatewayMac,
    tenantMtu,
    overhead,
    mtu: tenantMtu + overhead,
    ...(pathMtus.length === 0 ? {} : { pathMtu: Math.min(...pathMtus) }),
    ...(options.leafPort === undefined ? {} : { leafPort: options.leafPort }),
    ...(leafAsn === undefined ? {} : { leafAsn }),
    ...(leafVtep === undefined ? {} : { leafVtep }),
    isTransit: transit,
    otherPeers: leafCandidates(config).filter((_, i) => i !== at),
  }
}

interface Targeted {
  readonly name: string
  readonly vni: number
  readonly routeTargets?: NonNullable<Network['routeTargets']>
  readonly derivation: ReturnType<typeof fabricVrfs>[number]['derivation']
}

/** What we export the leaf imports; what it exports has to be among what we import, of which some are patterns. */
function instance({ name, vni, routeTargets, derivation }: Targeted, where: string) {
  const derived = profiles[derivation.profile].exported(derivation.asn, vni)
  const imports = routeTargets?.export ?? [derived]
  const isDerived = routeTargets?.export === undefined || routeTargets.import === undefined
  const exports = routeTargets?.import ?? [derived]
  return { where, name, vni, imports, exports, isDerived }
}

function sessionOf(config: Config, at: number): LeafSession {
  const neighbor = config.bgp.neighbors[at]!
  const { address, interface: ifname, asn, routeReflectorClient } = neighbor
  const isInternal = asn === 'internal' || asn === config.asn
  const host = ifname === undefined ? hostAddress(config, neighbor) : undefined
  const isConnected = address !== undefined && connectedTo(address) !== undefined
  return {
    where: `bgp.neighbors[${at}]`,
    neighbor,
    ...(host === undefined ? {} : { host }),
    ...(address === undefined ? {} : { leaf: address }),
    isUnnumbered: ifname !== undefined,
    isInternal,
    isDirect: ifname !== undefined || neighbor.ttlSecurity === 1 || isConnected,
    reflectsToUs: isInternal && !routeReflectorClient,
  }
}

/** As peering.ts connects: from the address beside the peer on a connected network, else from the VTEP address. */
function hostAddress(config: Config, neighbor: Neighbor): Ip | undefined {
  const { address, updateSource } = neighbor
  const { vtep, bgp } = config
  if (updateSource !== undefined) return updateSource
  if (address === undefined) {
    const listens = bgp.listen?.address
    return listens === undefined || /^(?:0\.0\.0\.0|::)$/.test(listens) ? vtep.address : listens
  }
  const beside = connectedTo(address)
  if (beside !== undefined) return beside
  return ipFamily(address) === ipFamily(vtep.address) ? vtep.address : undefined
}

/** Our address on the network that a peer is connected to, on the host that this runs on. */
function connectedTo(peer: Ip): Ip | undefined {
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ cidr, address }) => {
      if (cidr === null || address.startsWith('fe80:')) return false
      return prefixContains(parsePrefix(cidr), peer)
    })
  return found === undefined ? undefined : parseIp(found.address)
}

function knownAsn(config: Config, session: LeafSession, live: Live | undefined) {
  const { neighbor, isInternal } = session
  if (isInternal) return config.asn
  if (typeof neighbor.asn === 'number') return neighbor.asn
  const asn = live?.peers.find(({ peer }) => peer === neighborId(neighbor))?.asn
  return asn === 0 ? undefined : asn
}

const USUAL_MTU = 1500

/** What the largest port needs: as it is where the host runs, else as the configuration gives it. */
function largestPort(config: Config, live: Live | undefined): number {
  const given = config.networks.flatMap(({ ports }) =>
    ports.map(({ options }) => Number(options['mtu'] ?? 0)),
  )
  const known = [...(live?.portMtus ?? []), ...given].filter((mtu) => mtu > 0)
  return known.length === 0 ? USUAL_MTU : Math.max(...known)
}

/** "10.1.0.1/24" in its parts, and which family it is of. */
export function gatewayParts(text: string) {
  const { ip, length } = parseGateway(text)
  return { ip, length, text, family: ipFamily(ip) }
}
