// What the interop tests share: one network, its configurations, and tenants with fixed names and addresses.

import type { Host, PeerSpec, VtepConfig } from '../lab/index.js'

export const vni = 10100
export const network = 'blue'

/** MAC of tenant N. */
export const macOf = (n: number): string => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`

/** Address of tenant N, without length. */
export const ipOf = (n: number): string => `192.168.100.${n}`

export const tenantOptions = (n: number): { mac: string; ip4: string; ip6: string } => ({
  mac: macOf(n),
  ip4: `${ipOf(n)}/24`,
  ip6: `2001:db8:100::${n.toString(16)}/64`,
})

export interface LeafOptions {
  readonly asn?: number
  readonly peers?: readonly (PeerSpec & { readonly families?: readonly string[] })[]
  readonly ports?: readonly (string | Readonly<Record<string, unknown>>)[]
  readonly uplink?: string
  /** VTEP address; default the host's IPv4 one. */
  readonly address?: string
  readonly routeTarget?: string
  readonly remotes?: readonly { readonly address: string; readonly macs?: readonly string[] }[]
  readonly more?: Readonly<Record<string, unknown>>
}

/** A host with one network. */
export function leaf(host: Host, options: LeafOptions): VtepConfig {
  const { asn = 65000, peers = [], ports = [], routeTarget } = options
  const targets = routeTarget === undefined ? undefined : [routeTarget]
  return {
    asn,
    routerId: host.vtep4,
    vtep: { address: options.address ?? host.vtep4, uplink: options.uplink ?? 'auto' },
    bgp: { listen: {}, neighbors: peers.map((peer) => neighbor(peer)) },
    networks: [
      {
        name: network,
        vni,
        ...(targets === undefined ? {} : { routeTargets: { import: targets, export: targets } }),
        ports: ports.map((port) => (typeof port === 'string' ? { name: port } : port)),
        remotes: options.remotes ?? [],
        ...options.more,
      },
    ],
  }
}

/** A route reflector without networks. */
export function reflector(host: Host, asn: number, clients: readonly PeerSpec[]): VtepConfig {
  return {
    asn,
    vtep: { address: host.vtep4 },
    bgp: {
      listen: {},
      neighbors: clients.map((peer) => ({ ...neighbor(peer), routeReflectorClient: true })),
    },
  }
}

function neighbor(
  peer: PeerSpec & { readonly families?: readonly string[] },
): Readonly<Record<string, unknown>> {
  return {
    address: peer.address,
    asn: peer.asn,
    passive: peer.passive ?? false,
    families: peer.families ?? ['evpn'],
    ...(peer.holdTimeSeconds === undefined ? {} : { holdTimeSeconds: peer.holdTimeSeconds }),
  }
}
