// Every pair of port kinds, and every pair of uplink kinds: ping in full size and TCP in bulk with all offloads on. The signature bug of
// this field is "ping works, TCP stalls"; it hides in one of these pairs.

import t from 'tap'
import { missing, passes, reaches, tcp } from '../lab/index.js'
import { addTenant, type DataplaneHost, overlay, type TenantKind, vni } from './overlay.js'

type KindPair = readonly [TenantKind, TenantKind]
const product = (kinds: readonly TenantKind[]): KindPair[] =>
  kinds.flatMap((a) => kinds.map((b): KindPair => [a, b]))

/** Uplinks left and right, the underlay's family, and port kinds left and right. */
const rows: readonly (readonly [string, string, 4 | 6, readonly KindPair[]])[] = [
  ['udp', 'udp', 4, product(['netdev', 'tap', 'af_xdp'])],
  ['udp', 'raw', 4, product(['netdev', 'tap'])],
  ['raw', 'udp', 4, product(['netdev', 'tap'])],
  ['raw', 'raw', 4, product(['netdev', 'tap'])],
  [
    'af_xdp',
    'af_xdp',
    4,
    [
      ['af_xdp', 'af_xdp'],
      ['netdev', 'af_xdp'],
      ['tap', 'tap'],
    ],
  ],
  ['af_xdp', 'raw', 4, [['af_xdp', 'tap']]],
  ['udp', 'af_xdp', 4, [['tap', 'netdev']]],
  ['af_xdp', 'af_xdp', 6, [['netdev', 'tap']]],
  ['raw', 'af_xdp', 6, [['tap', 'af_xdp']]],
]
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

for (const [left, right, family, pairs] of rows) {
  t.test(
    `${left} to ${right} over IPv${family}`,
    { skip: missing('fping', 'iperf3'), timeout: 90_000 },
    async (t) => {
      const options = [
        { uplink: left, family },
        { uplink: right, family },
      ] as const
      const { hosts, fabric } = await overlay(t, options)
      const [a, b] = hosts
      const vtepOf = ({ host }: DataplaneHost) => (family === 4 ? host.vtep4 : host.vtep6)
      for (const [i, [kindA, kindB]] of pairs.entries()) {
        const name = `${kindA} to ${kindB}`
        const [ipA, ipB] = [`10.1.0.${1 + 2 * i}`, `10.1.0.${2 + 2 * i}`]
        const x = await addTenant(a, `x${i}`, kindA, `${ipA}/24`)
        const y = await addTenant(b, `y${i}`, kindB, `${ipB}/24`)
        await a.dataplane.apply([
          {
            op: 'macSetRemote',
            vni,
            mac: await y.tenant.mac(),
            remote: vtepOf(b),
            sticky: false,
            override: false,
          },
        ])
        await b.dataplane.apply([
          {
            op: 'macSetRemote',
            vni,
            mac: await x.tenant.mac(),
            remote: vtepOf(a),
            sticky: false,
            override: false,
          },
        ])
        await reaches(x.tenant, ipB)
        t.ok(await passes(x.tenant, ipB, { sizeBytes: 1472, whole: true }), `${name}: full size`)
        const there = await tcp(x.tenant, y.tenant, ipB)
        const back = await tcp(x.tenant, y.tenant, ipB, { reverse: true })
        t.ok(
          there.bitsPerSecond > enough,
          `${name}: TCP ${Math.round(there.bitsPerSecond / 1e6)} Mb/s`,
        )
        t.ok(
          back.bitsPerSecond > enough,
          `${name}: TCP back ${Math.round(back.bitsPerSecond / 1e6)} Mb/s`,
        )
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
