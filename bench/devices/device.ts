// A thing under test: it joins the tenants of two hosts over the wire between them. One file each, and a line in index.ts.

import type { Host, Namespace } from '../../test/lab/index.js'

export const vni = 10100

/** Tenant and underlay MTU: what a plain Ethernet leaves inside a VXLAN tunnel. */
export const wireMtu = 1500
export const tenantMtu = 1450

/** IPv6 off: an idle tenant says nothing. */
export const tenantOf = (n: number): { mac: string; ip4: string; mtu: number; ipv6: boolean } => ({
  mac: macOf(n),
  ip4: `${ipOf(n)}/24`,
  mtu: tenantMtu,
  ipv6: false,
})
export const macOf = (n: number): string => `02:00:0a:09:00:${n.toString(16).padStart(2, '0')}`
export const ipOf = (n: number): string => `10.9.0.${n}`
/** Of a host's end of the wire. */
export const wireMacOf = (n: number): string => `02:ee:00:00:00:0${n}`

/** Names of further ports, and the numbers of their tenants, which all live at host 1. */
export const extraPorts = (count: number): readonly { name: string; n: number }[] =>
  Array.from({ length: count }, (_, i) => ({ name: `extra${i}`, n: 10 + i }))

/** One of the two hosts: eth0 on the wire with the VTEP address, MACs and neighbours set by hand. */
export interface Site {
  readonly host: Host
  readonly far: Host
  /** The host's number and its tenant's; the far ones are 3 - n. */
  readonly n: number
  /** Further ports with tenants that are only attached; default none. */
  readonly extra: number
}

export interface Device {
  readonly name: string
  /** For the table's legend. */
  readonly summary: string
  /** limit: no overlay, says what the machine or the traffic tools can do at most. */
  readonly kind: 'limit' | 'rival' | 'ours'
  /** Programs that it needs, by name or path. */
  readonly programs: readonly string[]
  /** True: frames are inside VXLAN on the wire. */
  readonly tunnel: boolean
  /** True: it forwards on CPU 1 while CPU 0 is busy with the source, by threads of its own or by moving there: one-host figures leave it that CPU. */
  readonly worksApart: boolean
  /** True: it can only forward between a tenant and the wire of one host. */
  readonly oneHost?: boolean
  /** Probes that it leaves to its siblings, so that a complete run does not take for ever. */
  readonly leaves?: readonly string[]
  /** MiB of huge pages that it needs at both hosts together. */
  readonly hugePages?: number
  /** Starts it at one host and answers the tenant (eth0); the lab ends it. */
  attach(site: Site): Promise<Namespace>
}
