// Tenants' TCP at full size on every pair of port and uplink kind, over both underlays, offloads on: the case where a
// ping works and TCP stalls.

import { test } from 'tap'
import {
  type Host,
  missing,
  passes,
  reaches,
  routedFabric,
  startVtep,
  type Tenant,
  tcp,
  type Vtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions } from './support.js'

const skip = missing('iperf3')

interface DropRow {
  readonly reason: string
  readonly count: number
}

/** What no TCP connection on an idle wire may cause. */
const neverDropped = [
  'malformed',
  'bad_metadata',
  'outer_malformed',
  'exceeds_mtu',
  'gso_unsupported',
  'rx_truncated',
  'tx_error',
]

async function attach(host: Host, kind: string, n: number): Promise<Tenant> {
  return kind === 'tap'
    ? host.tapTenant(`vm${n}`, 'port0', tenantOptions(n))
    : (host.lab.find(`${host.name}-port0`) as Tenant)
}

/** Mean bytes of a frame that the tenant's interface sent while `during` ran. */
async function meanFrame(tenant: Tenant, during: () => Promise<void>): Promise<number> {
  const before = await tenant.traffic()
  await during()
  const after = await tenant.traffic()
  return (after.txBytes - before.txBytes) / (after.txPackets - before.txPackets)
}

for (const family of [4, 6] as const) {
  for (const port of ['netdev', 'tap'] as const) {
    for (const uplink of ['udp', 'raw'] as const) {
      test(`${port} over ${uplink}, IPv${family} underlay`, { skip }, async (t) => {
        const { hosts } = await routedFabric(t)
        const [h1, h2] = [hosts[0]!, hosts[1]!]
        const addressOf = (host: Host): string => (family === 4 ? host.vtep4 : host.vtep6)
        const tenants: Tenant[] = []
        const daemons: Vtep[] = []
        for (const [index, host] of [h1, h2].entries()) {
          const n = index + 1
          if (port === 'netdev') await host.tenant('port0', tenantOptions(n))
          const far = host === h1 ? h2 : h1
          const vtep = await startVtep(
            host,
            leaf(host, {
              address: addressOf(host),
              uplink,
              ports: [{ name: 'port0', kind: port }],
              remotes: [{ address: addressOf(far), macs: [macOf(n === 1 ? 2 : 1)] }],
            }),
          )
          daemons.push(vtep)
          tenants.push(await attach(host, port, n))
        }
        const [vm1, vm2] = [tenants[0]!, tenants[1]!]
        await reaches(vm1, ipOf(2))
        const whole = await passes(vm1, ipOf(2), { sizeBytes: 1472, whole: true })
        t.ok(whole, 'a full-size packet crosses in one piece')
        for (const address of [ipOf(2), '2001:db8:100::2']) {
          for (const reverse of [false, true]) {
            const sender = reverse ? vm2 : vm1
            let rate = 0
            const mean = await meanFrame(sender, async () => {
              rate = (await tcp(vm1, vm2, address, { reverse })).bitsPerSecond
            })
            const text = `${reverse ? 'from' : 'to'} ${address}: ${Math.round(rate / 1e6)} Mbit/s`
            t.ok(rate > 100e6, text)
            t.ok(mean > 3000, `the tenant sends super-frames: ${Math.round(mean)} bytes a frame`)
          }
        }
        for (const vtep of daemons) {
          const drops = await vtep.read<DropRow[]>('drops')
          const bad = drops.filter(
            ({ reason, count }) => count > 0 && neverDropped.includes(reason),
          )
          t.same(bad, [], `${vtep.host.name} dropped nothing that it had to carry`)
        }
      })
    }
  }
}
