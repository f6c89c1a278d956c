// BFD with FRR's bfdd (RFC 5880, RFC 5881, RFC 5883): up beside BGP, and a broken path is noticed at once.

import { test } from 'tap'
import {
  type Host,
  missing,
  plantHarm,
  routedFabric,
  startFrr,
  startVtep,
  until,
  type Vtep,
  wire,
} from '../lab/index.js'
import { leaf } from './support.js'

const skip = missing('vtysh', 'bgpd', 'bfdd')

interface PeerRow {
  readonly state: string
  readonly bfd: string
}

interface Case {
  readonly name: string
  readonly asns: readonly [number, number]
  readonly far: boolean
  readonly bfd: Readonly<Record<string, number>>
  readonly lines: readonly string[]
}

const cases: readonly Case[] = [
  {
    name: 'one hop, 3 × 50 ms',
    asns: [65001, 65002],
    far: false,
    bfd: { transmitMilliseconds: 50, receiveMilliseconds: 50 },
    lines: ['bfd 3 50 50'],
  },
  {
    name: 'behind a router',
    asns: [65000, 65000],
    far: true,
    bfd: {},
    lines: ['bfd'],
  },
]

for (const { name, asns, far, bfd, lines } of cases) {
  test(name, { skip }, async (t) => {
    const { hosts } = far ? await routedFabric(t) : await wire(t)
    const [h1, h2] = [hosts[0] as Host, hosts[1] as Host]
    const [ours, theirs] = asns
    const extra = [
      `router bgp ${theirs}`,
      // One hop: no multihop, or bfdd would speak RFC 5883.
      ...(far
        ? []
        : [` no neighbor ${h1.vtep4} ebgp-multihop`, ` no neighbor ${h1.vtep4} update-source`]),
      ...lines.map((line) => ` neighbor ${h1.vtep4} ${line}`),
      'exit',
    ]
    const peers = [{ address: h1.vtep4, asn: ours }]
    const frr = await startFrr(h2, { asn: theirs, peers, extra, bfd: true })
    const config = leaf(h1, { asn: ours })
    const neighbor = { address: h2.vtep4, asn: theirs, bfd }
    const vtep = await startVtep(h1, { ...config, bgp: { neighbors: [neighbor] } })
    await vtep.established()
    const ourPeer = async (): Promise<PeerRow> => (await vtep.read<PeerRow[]>('peers'))[0]!
    const theirPeer = async (): Promise<string> =>
      (await frr.json<{ status: string }[]>('show bfd peers'))[0]?.status ?? 'none'
    await until('BFD is up here', async () => (await ourPeer()).bfd === 'up')
    await until('and there', async () => (await theirPeer()) === 'up')

    await t.test('a silent path ends the session long before the hold time', async (t) => {
      const since = Date.now()
      // Frames vanish, and no interface goes down.
      const heal = await plantHarm(h1, 'eth0', 'everything')
      const row = await until(
        'the session ended',
        async () => {
          const now = await ourPeer()
          return now.state === 'Established' ? undefined : now
        },
        { everySeconds: 0.02, seconds: 8 },
      )
      const milliseconds = Date.now() - since
      t.ok(milliseconds < 5000, `${milliseconds} ms, process starts included`)
      t.equal(row.bfd, '')
      t.match(vtep.service.log(), /BFD with peer .* is down: nothing was heard in time/)
      await heal()
      await vtep.established(h2.vtep4, 40)
      await until('BFD is back', async () => (await ourPeer()).bfd === 'up')
    })

    await t.test('a session that ends for another reason is not a broken path there', async (t) => {
      t.equal((await vtep.cli('peer', 'remove', h2.vtep4)).code, 0)
      await until('it knows that we stopped', async () => {
        const [peer] = await frr.json<{ 'remote-diagnostic': string }[]>('show bfd peers')
        return /administratively/i.test(peer?.['remote-diagnostic'] ?? '')
      })
      t.pass()
    })
  })
}

test('over link-local addresses', { skip }, async (t) => {
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const extra = [
    'router bgp 65002',
    ' neighbor eth0 interface remote-as external',
    ' neighbor eth0 timers 3 9',
    ' neighbor eth0 timers connect 1',
    ' neighbor eth0 bfd',
    ' address-family l2vpn evpn',
    '  neighbor eth0 activate',
    ' exit-address-family',
    'exit',
  ]
  const frr = await startFrr(h2, { asn: 65002, peers: [], extra, bfd: true })
  const neighbor = { interface: 'eth0', asn: 'external', bfd: {} }
  const vtep = await startVtep(h1, { ...leaf(h1, { asn: 65001 }), bgp: { neighbors: [neighbor] } })
  await vtep.established('eth0', 30)
  await until('BFD is up here', async () => (await vtep.read<PeerRow[]>('peers'))[0]?.bfd === 'up')
  const theirs = await until('and there', async () => {
    const [row] = await frr.json<{ status: string; interface?: string }[]>('show bfd peers')
    return row?.status === 'up' ? row : undefined
  })
  t.equal(theirs.interface, 'eth0')
})

test('two of us hold 3 × 50 ms while everybody else wants the processor', {
  skip: missing(),
}, async (t) => {
  const { hosts } = await wire(t)
  const daemons: Vtep[] = []
  for (const [i, host] of hosts.entries()) {
    const bfd = { transmitMilliseconds: 50, receiveMilliseconds: 50 }
    const other = hosts[1 - i]!
    const config = leaf(host, { asn: 65001 + i })
    const bgp = { listen: {}, neighbors: [{ address: other.vtep4, asn: 65002 - i, bfd }] }
    daemons.push(await startVtep(host, { ...config, bgp }))
  }
  const [v1] = daemons
  await v1!.established()
  const state = async (): Promise<string> => (await v1!.read<PeerRow[]>('peers'))[0]!.bfd
  await until('BFD is up', async () => (await state()) === 'up')
  const busy = Array.from({ length: 8 }, (_, i) =>
    hosts[0]!.start(`busy-${i}`, ['timeout', '6', 'sh', '-c', 'while :; do :; done']),
  )
  for (const one of busy) await one.ended({ seconds: 20 })
  t.equal(await state(), 'up')
  for (const daemon of daemons) t.notMatch(daemon.service.log(), /is down/)
})
