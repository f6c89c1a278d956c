// Migration torture: a host with one MAC and one address goes to and fro, between us and FRR and between two of us, and a
// proxy keeps the withdrawals back, doubles and reorders them. Every move takes effect with the next sequence number,
// what comes late takes nothing back, and at the end all agree. VTEP_TORTURE_MOVES=1000 for the long run.

import { type Test, test } from 'tap'
import {
  BgpProxy,
  type Fabric,
  gratuitousArp,
  type Host,
  type MacRow,
  missing,
  type RouteRow,
  routedFabric,
  sleep,
  startFrr,
  startVtep,
  until,
  type Vtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, vni } from './support.js'

const moves = Number(process.env['VTEP_TORTURE_MOVES'] ?? 100)
const skip = missing('vtysh', 'bgpd', 'python3')
const [mac, ip] = [macOf(1), ipOf(1)]
/** Says nothing by itself: only what the test does is a move. */
const twin = { mac, ip4: `${ip}/24`, ipv6: false }

/** Between h1 and whoever listens on h2. */
async function startProxy({ spine, hosts }: Fabric): Promise<BgpProxy> {
  return BgpProxy.start(spine!, {
    listen: spine!.vtep4,
    connect: { address: hosts[1]!.vtep4, source: spine!.vtep4 },
    delaySeconds: [0.01, 0.5],
    duplicates: 0.5,
    seed: 1,
  })
}

function configOf(host: Host, spine: Host, passive: boolean) {
  const peers = [{ address: spine.vtep4, asn: 65000, passive }]
  return { ...leaf(host, { peers, ports: ['vm1'] }), duplicateDetection: { moves: 0 } }
}

const rowOf = async (vtep: Vtep): Promise<MacRow | undefined> =>
  (await vtep.request<MacRow[]>('GET', `/v1/macs?mac=${mac}`))[0]

/** Now and then a host stays for a while, and what is late arrives; else it goes on at once. */
const stay = async (n: number): Promise<void> => {
  if (n % 3 === 0) await sleep(0.3)
}

/** Quicker than the hundredth of a second that other waits take. */
const quickly = { seconds: 10, everySeconds: 0.005 }

async function moved(vtep: Vtep, want: Partial<MacRow>): Promise<void> {
  await until(
    `${vtep.host.name}: ${JSON.stringify(want)}`,
    async () => {
      const row = await rowOf(vtep)
      const isThere = Object.entries(want).every(
        ([key, value]) => row?.[key as keyof MacRow] === value,
      )
      if (!isThere) throw new Error(JSON.stringify(row))
      return true
    },
    quickly,
  )
}

/**
 * What the host says itself, until `seen` has come true: as QEMU does, some times at short intervals, for a frame that a
 * bridge or a switch sees while the last move is still being written to its tables teaches nothing.
 */
async function insist(speak: () => Promise<void>, seen: () => Promise<unknown>): Promise<void> {
  let isOver = false
  const over = seen().finally(() => {
    isOver = true
  })
  // What is asked for is out before we go on: a late one would be another move.
  while (!isOver) {
    await speak()
    await Promise.race([over, sleep(0.1)])
  }
}

/** By the platform's word, once, or by what the host says itself. */
async function arrive(n: number, vtep: Vtep, speak: () => Promise<void>): Promise<void> {
  const seen = () => moved(vtep, { kind: 'local', ifname: 'vm1', sequence: n })
  if (n % 4 < 2) return insist(speak, seen)
  await vtep.request('POST', '/v1/ports/vm1/move', { mac, ip: [ip] })
  await seen()
}

/** Nothing but the moves has moved it: late withdrawals took nothing from anybody. */
async function checkMoves(t: Test, vtep: Vtep): Promise<void> {
  interface Event {
    readonly kind: string
    readonly fields: { readonly sequence?: number }
  }
  const events = await vtep.request<Event[]>('GET', '/v1/events')
  const sequences = events.flatMap(({ kind, fields }) =>
    kind === 'macMoved' && fields.sequence !== undefined ? [fields.sequence] : [],
  )
  const expected = Array.from({ length: moves }, (_, i) => i + 1)
  t.same(sequences, expected.slice(-sequences.length), `${vtep.host.name} saw each move once`)
  t.ok(sequences.length >= Math.min(moves, 1000), `${sequences.length} moves`)
}

function checkProxy(t: Test, proxy: BgpProxy): void {
  const { delayed, duplicated, late } = proxy.counts()
  t.ok(delayed >= moves, `${delayed} withdrawals were kept back`)
  t.ok(duplicated > moves / 4, `${duplicated} came twice`)
  t.ok(late > moves / 4, `${late} came late`)
}

test(`${moves} moves between FRR and us`, { skip, timeout: 900_000 }, async (t) => {
  const fabric = await routedFabric(t)
  const [h1, h2] = [fabric.hosts[0]!, fabric.hosts[1]!]
  const ours = await h1.tenant('vm1', twin)
  const kernel = await h2.kernelVtep(vni)
  const theirs = await h2.tenant('vm1', { ...twin, bridge: kernel.bridge })
  const frr = await startFrr(h2, {
    asn: 65000,
    peers: [{ address: fabric.spine.vtep4, asn: 65000, passive: true }],
    extra: ['router bgp 65000', 'address-family l2vpn evpn', 'no dup-addr-detection'],
  })
  const proxy = await startProxy(fabric)
  const vtep = await startVtep(h1, configOf(h1, fabric.spine, false))
  await vtep.established()

  const here = await gratuitousArp(ours, mac, ip)
  const there = await gratuitousArp(theirs, mac, ip)
  const leave = (n: number) =>
    insist(there, () => moved(vtep, { kind: 'remote', dst: h2.vtep4, sequence: n }))
  await leave(0)
  for (let n = 1; n <= moves; n++) {
    if (n % 2 === 1) {
      await arrive(n, vtep, here)
      await until(
        `FRR yields at move ${n}`,
        async () => {
          const row = await frr.mac(vni, mac)
          if (row?.type !== 'remote' || row.remoteSequence !== n)
            throw new Error(JSON.stringify(row))
          return true
        },
        quickly,
      )
    } else {
      await leave(n)
    }
    await stay(n)
  }
  const last = await rowOf(vtep)
  await until('the last withdrawals are there', async () => {
    const own = (await vtep.request<RouteRow[]>('GET', `/v1/routes?mac=${mac}`)).map(
      (row) => row.nextHop,
    )
    return new Set(own).size === 1
  })
  t.match(last, { sequence: moves, kind: moves % 2 === 1 ? 'local' : 'remote' })
  const row = await frr.mac(vni, mac)
  t.equal(row?.type, moves % 2 === 1 ? 'remote' : 'local', 'FRR agrees')
  await checkMoves(t, vtep)
  checkProxy(t, proxy)
})

test(`${moves} moves between two of us`, {
  skip: missing('python3'),
  timeout: 900_000,
}, async (t) => {
  const fabric = await routedFabric(t)
  const [h1, h2] = [fabric.hosts[0]!, fabric.hosts[1]!]
  const tenants = [await h1.tenant('vm1', twin), await h2.tenant('vm1', twin)] as const
  const second = await startVtep(h2, configOf(h2, fabric.spine, true))
  const proxy = await startProxy(fabric)
  const first = await startVtep(h1, configOf(h1, fabric.spine, false))
  await first.established()
  const speak = [
    await gratuitousArp(tenants[0], mac, ip),
    await gratuitousArp(tenants[1], mac, ip),
  ] as const

  await arrive(0, second, speak[1])
  await moved(first, { kind: 'remote', dst: h2.vtep4, sequence: 0 })
  for (let n = 1; n <= moves; n++) {
    const [here, there, host] = n % 2 === 1 ? [first, second, h1] : [second, first, h2]
    await arrive(n, here, speak[n % 2 === 1 ? 0 : 1])
    await moved(there, { kind: 'remote', dst: host.vtep4, sequence: n })
    await stay(n)
  }
  for (const vtep of [first, second]) {
    await until('the last withdrawals are there', async () => {
      const rows = await vtep.request<RouteRow[]>('GET', `/v1/routes?mac=${mac}`)
      return new Set(rows.map(({ nextHop }) => nextHop)).size === 1
    })
    const row = await rowOf(vtep)
    const isHere = (vtep === first) === (moves % 2 === 1)
    t.match(row, { kind: isHere ? 'local' : 'remote', sequence: moves, ips: [ip] })
    await checkMoves(t, vtep)
  }
  checkProxy(t, proxy)
})
