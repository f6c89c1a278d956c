// Every pair of port kinds over every pair of uplink kinds: ping in full size and TCP in bulk with all offloads on. The signature bug of
// this field is "ping works, TCP stalls"; it hides in one of these pairs.

import t from 'tap'
import { missing, ping, reaches, tcp } from '../lab/index.js'
import { addTenant, overlay, type TenantKind, vni } from './overlay.js'

const uplinks = ['udp', 'raw'] as const
const kinds: readonly TenantKind[] = ['netdev', 'tap']
/** Far below what a working pair gives even on a busy machine, far above what a stalled TCP does. */
const enough = 50e6
/** Before the next hop or a tenant is there, and when a queue is full. */
const harmless = new Set([
  'no_destination',
  // A tap is down while it moves into its tenant's namespace; the other tenant's first frames are flooded to it.
  'port_closed',
  'port_detached',
  'unresolved',
  'tx_queue_full',
  'rx_ring_full',
  'port_down',
])

t.setTimeout(180_000)

for (const left of uplinks) {
  for (const right of uplinks) {
    t.test(
      `${left} to ${right}`,
      { skip: missing('ping', 'iperf3'), timeout: 60_000 },
      async (t) => {
        const { hosts, fabric } = await overlay(t, [{ uplink: left }, { uplink: right }])
        const [a, b] = hosts
        for (const [i, kindA] of kinds.entries()) {
          for (const [j, kindB] of kinds.entries()) {
            const name = `${kindA} to ${kindB}`
            const n = 1 + 2 * (2 * i + j)
            const [ipA, ipB] = [`10.1.0.${n}`, `10.1.0.${n + 1}`]
            const x = await addTenant(a, `x${i}${j}`, kindA, `${ipA}/24`)
            const y = await addTenant(b, `y${i}${j}`, kindB, `${ipB}/24`)
            await a.dataplane.apply([
              {
                op: 'macSetRemote',
                vni,
                mac: await y.tenant.mac(),
                remote: b.host.vtep4,
                sticky: false,
                override: false,
              },
            ])
            await b.dataplane.apply([
              {
                op: 'macSetRemote',
                vni,
                mac: await x.tenant.mac(),
                remote: a.host.vtep4,
                sticky: false,
                override: false,
              },
            ])
            await reaches(x.tenant, ipB)
            const whole = await ping(x.tenant, ipB, {
              count: 3,
              sizeBytes: 1472,
              whole: true,
              intervalSeconds: 0.05,
            })
            t.equal(whole.received, 3, `${name}: full size`)
            const there = await tcp(x.tenant, y.tenant, ipB, { seconds: 1 })
            const back = await tcp(x.tenant, y.tenant, ipB, { seconds: 1, reverse: true })
            t.ok(
              there.bitsPerSecond > enough,
              `${name}: TCP ${Math.round(there.bitsPerSecond / 1e6)} Mb/s`,
            )
            t.ok(
              back.bitsPerSecond > enough,
              `${name}: TCP back ${Math.round(back.bitsPerSecond / 1e6)} Mb/s`,
            )
          }
        }
        for (const { dataplane } of hosts) {
          const lost = Object.entries(dataplane.counters().drops).filter(
            ([reason, count]) => count > 0 && !harmless.has(reason),
          )
          t.same(lost, [], 'nothing is lost for a reason that a good frame can not have')
        }
        await fabric.lab.close()
      },
    )
  }
}
