// A tenant behind two hosts that share an Ethernet segment, and a third host: nothing arrives twice or comes back, flows
// take both ways, and when a link fails they go on by the other.

import { test } from 'tap'
import type { SegmentView } from '../../src/host/views/index.js'
import {
  counted,
  type Host,
  MulticastHost,
  Multihomed,
  missing,
  ping,
  reaches,
  routedFabric,
  sendFrames,
  sleep,
  startVtep,
  type Tenant,
  until,
  type Vtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, reflector } from './support.js'

const skip = missing('tcpdump', 'bridge')

const ESI = '03:02:00:00:00:00:01:00:00:01'
const ASN = 65000
const CE = 9

interface Scene {
  readonly hosts: readonly [Host, Host, Host]
  readonly daemons: readonly [Vtep, Vtep, Vtep]
  readonly ce: Multihomed
  /** Behind the first host, which shares the segment, and behind the third. */
  readonly vm1: Tenant
  readonly vm3: Tenant
}

async function build(
  t: { teardown(handler: () => Promise<void>): void },
  mode: 'all-active' | 'single-active',
  more: object = {},
): Promise<Scene> {
  const { spine, hosts: all } = await routedFabric(t, { hosts: 3 })
  const hosts = [all[0]!, all[1]!, all[2]!] as const
  const ce = await Multihomed.create(hosts.slice(0, 2), 'ce', {
    mac: macOf(CE),
    ip4: `${ipOf(CE)}/24`,
  })
  const tenant = (n: number) => ({ mac: macOf(n), ip4: `${ipOf(n)}/24`, ipv6: false })
  const vm1 = await hosts[0].tenant('vm1', tenant(1))
  const vm3 = await hosts[2].tenant('vm3', tenant(3))
  const clients = hosts.map(({ vtep4 }) => ({ address: vtep4, asn: ASN, passive: true }))
  await startVtep(spine, reflector(spine, ASN, clients))
  const df = { algorithm: 'preference', preference: 100, waitSeconds: 1 }
  const daemons: Vtep[] = []
  for (const host of hosts) {
    const preference = host === hosts[1] ? 200 : 100
    const segment = { esi: ESI, mode, df: { ...df, preference } }
    const port = { name: 'ce', ethernetSegment: segment }
    const ports = host === hosts[0] ? [port, 'vm1'] : host === hosts[1] ? [port] : ['vm3']
    const peers = [{ address: spine.vtep4, asn: ASN }]
    daemons.push(await startVtep(host, leaf(host, { asn: ASN, peers, ports, more: { ...more } })))
  }
  for (const daemon of daemons) await daemon.established()
  await until('the second host is the forwarder', async () => {
    for (const daemon of daemons.slice(0, 2)) {
      const [segment] = await daemon.request<SegmentView[]>('GET', '/v1/segments')
      if (segment?.networks[0]?.df !== hosts[1].vtep4) return false
    }
    return true
  })
  const [d1, d2, d3] = daemons as [Vtep, Vtep, Vtep]
  return { hosts, daemons: [d1, d2, d3], ce, vm1, vm3 }
}

const segmentsOf = (daemon: Vtep): Promise<SegmentView[]> =>
  daemon.request<SegmentView[]>('GET', '/v1/segments')

const dropsOf = async (daemon: Vtep, reason: string): Promise<number> => {
  const drops = await daemon.request<{ reason: string; count: number }[]>('GET', '/v1/drops')
  return drops.find((row) => row.reason === reason)?.count ?? 0
}

/** What is seen at each link while something happens. */
async function seen(
  ce: Multihomed,
  filter: string,
  during: () => Promise<unknown>,
): Promise<readonly number[]> {
  const [first, second] = ce.links as [string, string]
  let inner: readonly string[] = []
  const outer = await counted(ce, first, filter, async () => {
    inner = await counted(ce, second, filter, async () => {
      await during()
    })
  })
  return [outer.length, inner.length]
}

/** Five broadcasts that nobody answers. */
function broadcast(from: Tenant | Multihomed, n: number): Promise<void> {
  const source = macOf(n)
    .split(':')
    .map((octet) => Number.parseInt(octet, 16))
  const frame = [...Array(6).fill(0xff), ...source, 0x88, 0xb5, ...Array(46).fill(0)]
  return sendFrames(from, 'eth0', Array(5).fill(frame))
}

/** As many flows as datagrams. */
async function flows(from: Tenant, count: number): Promise<void> {
  const script = `for i in $(seq ${count}); do echo x > /dev/udp/${ipOf(CE)}/$((10000 + i)); done`
  await from.exec(['bash', '-c', script])
}

/** Pings every 10 ms for as long as it takes; how many in a row were lost at most. */
async function longestGap(
  from: Tenant,
  address: string,
  during: () => Promise<void>,
): Promise<{ readonly gap: number; readonly received: number }> {
  const count = 150
  const argv = ['ping', '-n', '-D', '-i', '0.01', '-c', `${count}`, '-W', '1', address]
  const running = from.attempt(argv, { timeoutSeconds: 20 })
  await sleep(0.5)
  await during()
  const { stdout } = await running
  const numbers = [...stdout.matchAll(/icmp_seq=(\d+)/g)].map((match) => Number(match[1]))
  let gap = 0
  for (const [i, number] of [...numbers, count + 1].entries()) {
    gap = Math.max(gap, number - (numbers[i - 1] ?? 0) - 1)
  }
  return { gap, received: numbers.length }
}

test('all-active', { skip }, async (t) => {
  const { hosts, daemons, ce, vm1, vm3 } = await build(t, 'all-active')
  const [d1, d2, d3] = daemons

  await t.test('all three hosts know the segment', async (t) => {
    t.match(await segmentsOf(d1), [
      {
        esi: ESI,
        kind: 'local',
        algorithm: 'preference',
        networks: [{ network: 'blue', ifname: 'ce', designated: false, blocked: false }],
        members: [{ dst: hosts[1].vtep4, active: true, algorithm: 'preference', preference: 200 }],
      },
    ])
    t.match(await segmentsOf(d3), [
      {
        esi: ESI,
        kind: 'remote',
        members: hosts.slice(0, 2).map((host) => ({ dst: host.vtep4, active: true })),
      },
    ])
  })

  await t.test(
    'a broadcast arrives once, by the forwarder or by the host it comes from',
    async (t) => {
      const ours = `ether broadcast and ether src ${macOf(3)}`
      t.same(await seen(ce, ours, () => broadcast(vm3, 3)), [0, 5], 'by the second host')
      const theirs = `ether broadcast and ether src ${macOf(1)}`
      t.same(await seen(ce, theirs, () => broadcast(vm1, 1)), [5, 0], 'by its own host')
      t.ok((await dropsOf(d1, 'not_designated')) >= 5)
      t.ok((await dropsOf(d2, 'local_bias')) >= 5)
    },
  )

  await t.test('what the tenant sends does not come back', async (t) => {
    const own = `ether src ${macOf(CE)}`
    for (const [i, link] of ce.links.entries()) {
      await ce.prefer(link)
      const counts = await seen(ce, own, () => broadcast(ce, CE))
      t.same(counts, i === 0 ? [5, 0] : [0, 5], `by ${link}`)
    }
    await ce.prefer(ce.links[0]!)
  })

  await t.test('flows take both ways, whoever has seen the host', async (t) => {
    await reaches(vm3, ipOf(CE))
    const row = await d3.learned(macOf(CE), { kind: 'remote' })
    t.match(row, { esi: ESI, sequence: 0 })
    const filter = `udp and ether src ${macOf(3)}`
    const sent = 64
    const [first = 0, second = 0] = await seen(ce, filter, () => flows(vm3, sent))
    t.equal(first + second, sent, 'each once')
    t.ok(first > 10 && second > 10, `${first} by the first link, ${second} by the second`)
  })

  await t.test('both hosts reach it by their own link', async (t) => {
    await reaches(vm1, ipOf(CE))
    const rows = await d2.learned(macOf(CE), {})
    t.match(rows, { ifname: 'ce', esi: ESI })
    t.equal(rows.sequence, 0, 'and nothing has moved')
  })

  await t.test('a link fails, and traffic goes on by the other', async (t) => {
    for (const tenant of [vm3, vm1]) {
      const filter = `icmp and ether src ${await tenant.mac()}`
      const [first = 0, second = 0] = await seen(ce, filter, async () => {
        await ping(tenant, ipOf(CE), { count: 3 })
      })
      t.equal(Math.max(first, second), first + second, 'one flow goes one way')
      const link = ce.links[first > 0 ? 0 : 1]!
      const { gap, received } = await longestGap(tenant, ipOf(CE), () => ce.cut(link))
      t.ok(gap < 20, `${tenant.name}: ${gap} of 150 pings in a row lost, ${received} answered`)
      t.ok(received > 120)
      const index = ce.links.indexOf(link)
      await until('the others know', async () => {
        const [segment] = await segmentsOf(d3)
        return segment?.members.every(({ dst, active }) => dst !== hosts[index]!.vtep4 || !active)
      })
      t.match(await segmentsOf(daemons[index]!), [{ state: 'down' }])
      if (tenant === vm1) continue
      await ce.ip(`link set ${link} up`)
      await until('it is back', async () => {
        const [segment] = await segmentsOf(daemons[index]!)
        return segment?.state === 'up'
      })
    }
  })
})

test('single-active', { skip }, async (t) => {
  const { hosts, daemons, ce, vm3 } = await build(t, 'single-active')
  const [d1, d2, d3] = daemons
  await ce.prefer(ce.links[1]!)
  await reaches(vm3, ipOf(CE))
  t.match(await segmentsOf(d1), [
    { mode: 'single-active', networks: [{ blocked: true, designated: false }] },
  ])
  t.match(await segmentsOf(d2), [{ networks: [{ blocked: false, designated: true }] }])
  const all = `ether src ${macOf(3)}`
  const [first, second = 0] = await seen(ce, all, () => flows(vm3, 32))
  t.equal(first, 0, 'nothing by the first link')
  t.ok(second >= 32)

  const before = await dropsOf(d1, 'segment_blocked')
  await ce.prefer(ce.links[0]!)
  await broadcast(ce, CE)
  t.ok((await dropsOf(d1, 'segment_blocked')) >= before + 5, 'what comes by it is lost by name')
  await ce.prefer(ce.links[1]!)

  const { gap } = await longestGap(vm3, ipOf(CE), () => ce.cut(ce.links[1]!))
  t.ok(gap < 20, `${gap} pings in a row lost when the active link fails`)
  t.match(await segmentsOf(d1), [{ networks: [{ blocked: false, designated: true }] }])
  t.match(await d3.learned(macOf(CE), { dst: hosts[0].vtep4 }), { esi: ESI })
})

test('multicast to a segment', { skip }, async (t) => {
  const multicast = { multicast: { snooping: true } }
  const { hosts, daemons, ce, vm1, vm3 } = await build(t, 'all-active', multicast)
  const [h1, h2] = hosts
  const group = '239.1.1.1'
  const [member, near, far] = [
    await MulticastHost.start(ce),
    await MulticastHost.start(vm1),
    await MulticastHost.start(vm3),
  ]
  interface Row {
    readonly group: string
    readonly ports: readonly string[]
    readonly vteps: readonly string[]
  }
  const rowOf = async (daemon: Vtep): Promise<Row | undefined> =>
    (await daemon.request<Row[]>('GET', '/v1/groups')).find((row) => row.group === group)
  /** Both hosts of the segment know, whichever has heard it, and one of them has the others send it. */
  const known = (from: Host | undefined) =>
    until(`${from?.name ?? 'nobody'} fetches it`, async () => {
      const rows = await Promise.all(daemons.map(rowOf))
      if (from === undefined) return rows.every((row) => row === undefined)
      const isHere = rows.slice(0, 2).every((row) => row?.ports.includes('ce') === true)
      return isHere && rows[2]?.vteps.join() === from.vtep4
    })
  const filter = 'udp and dst net 239.0.0.0/8'
  const arriving = (from: MulticastHost, to: string) => seen(ce, filter, () => from.send(to, 10))

  for (const link of ce.links) {
    // One host hears of it, the other one is the forwarder, or is both.
    await ce.prefer(link)
    member.join(group)
    await known(h2)
    t.match(await daemons[2].routes('--type', '6'), [{ group, nextHop: h2.vtep4 }])
    t.same(await arriving(far, group), [0, 10], 'once, by the forwarder')
    t.same(await arriving(near, group), [10, 0], 'once, by its own host')
    if (link === ce.links[1]) break
    // Who hears of the end is another one than who heard of the beginning.
    await ce.prefer(ce.links[1]!)
    member.leave(group)
    await known(undefined)
    t.same(await arriving(far, group), [0, 0], 'nobody wants it any more')
  }

  // The forwarder fails, with what it alone has heard.
  await ce.cut(ce.links[1]!)
  await until('the other host fetches it', async () => {
    const row = await rowOf(daemons[2])
    return row?.vteps.join() === h1.vtep4
  })
  const lines = await counted(ce, ce.links[0]!, filter, () => far.send(group, 10))
  t.equal(lines.length, 10, 'once, by the other host')
  member.leave(group)
  await known(undefined)
})
