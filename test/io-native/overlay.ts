// Two hosts with a dataplane process each and tenants on them, joined by static remotes.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { Operation } from '../../src/fib/dataplane.js'
import { NativeDataplane } from '../../src/io/native.js'
import {
  type Fabric,
  type Host,
  type Owner,
  passes,
  ping,
  reaches,
  routedFabric,
  type Service,
  sleep,
  type Tenant,
} from '../lab/index.js'

export const vni = 10100

const processScript = fileURLToPath(new URL('./dataplane-process.js', import.meta.url))

export interface DataplaneHost {
  readonly host: Host
  readonly path: string
  readonly process: Service
  readonly dataplane: NativeDataplane
}

export interface HostOptions {
  readonly workers?: number
  readonly uplink?: string
  readonly family?: 4 | 6
}

/** Starts a dataplane process in a host, attaches as its controller and brings the underlay up. */
export async function startHost(
  owner: Owner,
  host: Host,
  options: HostOptions = {},
): Promise<DataplaneHost> {
  const { workers = 1, uplink = 'auto', family = 4 } = options
  const path = join(host.directory, 'control')
  const dataplaneProcess = host.start('dataplane', [
    process.execPath,
    processScript,
    path,
    String(workers),
  ])
  await dataplaneProcess.said('dataplane: ready')
  const dataplane = NativeDataplane.attach({ controlPath: path, role: 'controller' })
  owner.teardown(() => dataplane.detach())
  await dataplane.configure({
    address: family === 4 ? host.vtep4 : host.vtep6,
    udpPort: 4789,
    uplink,
    interfaces: [],
  })
  await dataplane.apply([{ op: 'networkSet', vni, suppress: true, agingSeconds: 300 }])
  return { host, path, process: dataplaneProcess, dataplane }
}

export type TenantKind = 'netdev' | 'tap' | 'af_xdp'

/** A tenant in a Linux bridge of the host, which a tap connects with the network. */
export async function addBridgedTenant(
  { host, dataplane }: DataplaneHost,
  name: string,
  ip4: string,
): Promise<{
  readonly tenant: Tenant
  readonly port: number
  readonly tap: string
  readonly bridge: string
}> {
  const [tap, bridge] = [`tap-${name}`, `br-${name}`]
  const port = await dataplane.openPort({ name: tap, kind: 'tap', options: {} })
  await dataplane.apply([{ op: 'portAttach', port, vni }])
  await host.ip(
    `link add ${bridge} type bridge`,
    `link set ${bridge} addrgenmode none`,
    `link set ${tap} addrgenmode none master ${bridge}`,
    `link set ${bridge} up`,
  )
  return { tenant: await host.tenant(name, { ip4, bridge }), port, tap, bridge }
}

/** A tenant on a port of this kind, attached to the network. */
export async function addTenant(
  { host, dataplane }: DataplaneHost,
  name: string,
  kind: TenantKind,
  ip4: string,
  ip6?: string,
): Promise<{ readonly tenant: Tenant; readonly port: number }> {
  const addresses = { ip4, ...(ip6 === undefined ? {} : { ip6 }) }
  const attach = (port: number): Operation => ({ op: 'portAttach', port, vni })
  if (kind !== 'tap') {
    const tenant = await host.tenant(name, addresses)
    const port = await dataplane.openPort({ name, kind, options: {} })
    await dataplane.apply([attach(port)])
    return { tenant, port }
  }
  const port = await dataplane.openPort({ name, kind, options: {} })
  await dataplane.apply([attach(port)])
  return { tenant: await host.tapTenant(name, name, addresses), port }
}

export interface Overlay {
  readonly fabric: Fabric
  readonly hosts: readonly [DataplaneHost, DataplaneHost]
}

/** Two hosts behind a router, each the other's flood remote. */
export async function overlay(
  owner: Owner,
  options: readonly [HostOptions, HostOptions] = [{}, {}],
): Promise<Overlay> {
  const fabric = await routedFabric(owner)
  const [h1, h2] = [fabric.hosts[0]!, fabric.hosts[1]!]
  const a = await startHost(owner, h1, options[0])
  const b = await startHost(owner, h2, options[1])
  const remote = (host: Host): string => (options[0].family === 6 ? host.vtep6 : host.vtep4)
  await a.dataplane.apply([{ op: 'floodAdd', vni, remote: remote(h2) }])
  await b.dataplane.apply([{ op: 'floodAdd', vni, remote: remote(h1) }])
  return { fabric, hosts: [a, b] }
}

/** A MAC behind this VTEP. */
export const behind = (mac: string, remote: string): Operation => ({
  op: 'macSetRemote',
  vni,
  mac,
  remote,
  sticky: false,
  override: true,
})

/** While the dataplanes' processes are stopped only the kernel forwards. */
export async function whileStopped<T>(
  hosts: readonly DataplaneHost[],
  act: () => Promise<T>,
): Promise<T> {
  try {
    for (const { process } of hosts) await process.pause()
    return await act()
  } finally {
    for (const { process } of hosts) process.resume()
  }
}

/** The kernel's part is in them once a second. */
async function settledCounters(host: DataplaneHost, port: number) {
  await sleep(1.2)
  return host.dataplane.counters().ports.find((row) => row.port === port)!
}

/** What the kernel carries is counted as if a worker had. */
export async function countsLikeWorker(
  t: Test,
  host: DataplaneHost,
  { tenant, port }: { readonly tenant: Tenant; readonly port: number },
  to: string,
): Promise<void> {
  const [count, octets] = [50, 98]
  const before = await settledCounters(host, port)
  await ping(tenant, to, { count, intervalSeconds: 0.01 })
  const after = await settledCounters(host, port)
  for (const [what, number] of [
    ['frames from it', after.rxFrames - before.rxFrames],
    ['frames to it', after.txFrames - before.txFrames],
    ['octets from it, in frames', (after.rxBytes - before.rxBytes) / octets],
  ] as const) {
    // A neighbour or a router may be asked for meanwhile, and a full queue of a processor loses one.
    t.ok(number > count - 5 && number < count + 10, `${what}: ${number}`)
  }
}

/** Whether the kernel alone carries packets there and back. */
export const kernelCarries = (
  hosts: readonly DataplaneHost[],
  from: Tenant,
  to: string,
): Promise<boolean> => whileStopped(hosts, () => passes(from, to))

/** Warm: neighbours are known and both directions are in the maps. */
export async function warm(from: Tenant, to: string): Promise<void> {
  await reaches(from, to)
  await ping(from, to, { count: 5, intervalSeconds: 0.05 })
  await sleep(0.1)
}
