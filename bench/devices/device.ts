// A thing under test: it joins the tenants of two hosts over the wire between them.

import type { Fabric, Tenant } from '../../test/lab/index.js'

export const vni = 10100

/** Tenant and underlay MTU: what a plain Ethernet leaves inside a VXLAN tunnel. */
export const wireMtu = 1500
export const tenantMtu = 1450

export const tenantOf = (n: number): { mac: string; ip4: string; mtu: number } => ({
  mac: macOf(n),
  ip4: `${ipOf(n)}/24`,
  mtu: tenantMtu,
})
export const macOf = (n: number): string => `02:00:0a:09:00:0${n}`
export const ipOf = (n: number): string => `10.9.0.${n}`

export interface Running {
  /** One behind each host, with the addresses of `tenantOf`. */
  readonly tenants: readonly [Tenant, Tenant]
}

export interface Device {
  readonly name: string
  /** For the table's legend. */
  readonly summary: string
  /** Programs that it needs. */
  readonly programs: readonly string[]
  /** Starts it at both hosts; their lab ends it. */
  start(fabric: Fabric): Promise<Running>
}
