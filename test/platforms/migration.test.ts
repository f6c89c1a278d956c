// Live migration of a virtual machine between two QEMUs on two hosts, seen by a container on a third: its TCP stream lives on,
// and the route of the new host wins at once, by what QEMU announces and by the platform's word.

import { join } from 'node:path'
import { test } from 'tap'
import { leaf, macOf } from '../interop/support.js'
import {
  type GuestCard,
  guestImage,
  guestMissing,
  type Host,
  type MacRow,
  monitorWords,
  Qmp,
  reaches,
  routedFabric,
  sleep,
  startGuest,
  startVtep,
  streamCard,
  type Tenant,
  tapCard,
  until,
  type Vtep,
} from '../lab/index.js'
import { echoed, startEcho } from './echo.js'
import { migrateLive } from './migrate.js'
import { addressOf, guestMac } from './overlay.js'

const mac = guestMac(1)
const ip = addressOf(1, 1)
const echoPort = 7

interface Row {
  readonly what: string
  readonly port: (host: Host) => Readonly<Record<string, unknown>>
  readonly card: (host: Host) => GuestCard
  /** What happens when the guest runs on the new host. */
  readonly arrive: (vtep: Vtep) => Promise<unknown>
}

const socketOf = (host: Host): string => join(host.directory, 'vm.sock')

const rows: readonly Row[] = [
  {
    what: 'a tap, and the platform says that it has arrived',
    port: () => ({ name: 'vnet0', wait: true }),
    card: (host) => tapCard(host, mac, 'vnet0'),
    arrive: (vtep) => vtep.request('POST', '/v1/ports/vnet0/move', { mac, ip: [ip] }),
  },
  {
    what: 'a stream, and only QEMU announces it',
    port: (host) => ({ name: 'vm', kind: 'stream', options: { socket: socketOf(host) } }),
    card: (host) => streamCard(mac, socketOf(host), false),
    arrive: async () => undefined,
  },
]

const skip = guestMissing('fping')

for (const { what, port, card, arrive } of rows) {
  test(what, { skip, timeout: 200_000 }, async (t) => {
    const { hosts } = await routedFabric(t, { hosts: 3 })
    const [h1, h2, h3] = hosts as [Host, Host, Host]
    const container = await h3.tenant('c1', { mac: macOf(3), ip4: `${addressOf(1, 3)}/24` })
    const mesh = (self: Host) =>
      hosts
        .filter((host) => host !== self)
        .map(({ vtep4, number }) => ({
          address: vtep4,
          asn: 65000,
          passive: number > self.number,
        }))
    const config = (self: Host) =>
      leaf(self, { peers: mesh(self), ports: [self === h3 ? 'c1' : port(self)] })
    const [, there, far] = await Promise.all(hosts.map((host) => startVtep(host, config(host))))
    await Promise.all([there!.established(), far!.established()])

    const image = await guestImage(h1, 'guest', [
      `ip addr add ${ip}/24 dev eth0`,
      'ip link set eth0 up',
      `nc -ll -p ${echoPort} -e cat &`,
      'echo ready',
    ])
    const start = (host: Host, ...words: readonly string[]) => {
      const monitor = join(host.directory, 'qmp')
      const all = [...monitorWords(monitor), ...words]
      const guest = startGuest(host, 'guest', { image, cards: [card(host)], words: all })
      return { guest, monitor }
    }
    const before = start(h1)
    const incoming = `tcp:${h2.vtep4}:4444`
    const after = start(h2, '-incoming', incoming)
    const [source, target] = [await Qmp.open(before.monitor), await Qmp.open(after.monitor)]
    t.teardown(() => {
      for (const monitor of [source, target]) monitor.close()
    })
    await before.guest.said('ready', { seconds: 40 })
    await reaches(container, ip)
    await far!.learned(mac, { dst: h1.vtep4 })

    const stream = await startEcho(container, ip, echoPort)
    const pings = pingOften(container)
    const { whole } = await migrateLive(source, target, incoming)
    const arrived = await target.happened('RESUME', { seconds: 40 })
    const wins = until(
      'the route of the new host wins',
      async () => {
        const [row] = await far!.request<MacRow[]>('GET', `/v1/macs?mac=${mac}`)
        if (row?.dst !== h2.vtep4) throw new Error(JSON.stringify(row))
        return performance.now()
      },
      { everySeconds: 0.002 },
    )
    const [wonAt] = await Promise.all([wins, arrive(there!)])
    const won = wonAt - arrived.at
    const stopped = source.events.filter(({ event }) => event === 'STOP').at(-1)!
    const { lookups } = await whole()
    await before.guest.stop()
    await reaches(container, ip)
    // What would go wrong later, as when the old host withdraws, has time to.
    await far!.learned(mac, { dst: h2.vtep4 })
    await sleep(1)
    const stood = arrived.at - stopped.at
    const echo = await echoed(stream)
    const lost = await pings()
    t.equal(lookups, 2, 'what changed was looked up only while the guest stood')
    t.equal(echo.problem, '', 'the TCP stream is whole')
    t.ok(echo.received > 100_000, `${echo.received} octets came back`)
    t.ok(echo.silentMilliseconds < 1500, 'and go on doing so')
    t.ok(won < 500, `the new route won ${Math.round(won)} ms after the guest ran there`)
    t.ok(lost.milliseconds < 2000, `no ping was answered for ${lost.milliseconds} ms`)
    t.ok(echo.stoodMilliseconds < 3000, `TCP stood still for ${echo.stoodMilliseconds} ms`)
    t.comment(
      `${what}: the guest stood for ${Math.round(stood)} ms, no ping was answered for ${lost.milliseconds} ms (${lost.lost} of ${lost.sent} lost), TCP stood for ${echo.stoodMilliseconds} ms, the route won after ${Math.round(won)} ms`,
    )
  })
}

/** Pings the guest every 10 ms; answers what ends that and tells the longest time without an answer. */
function pingOften(container: Tenant) {
  const every = 10
  const service = container.start('pings', ['ping', '-n', '-D', '-i', `${every / 1000}`, ip])
  return async () => {
    service.signal('SIGINT')
    await service.ended()
    const times = [...service.log().matchAll(/^\[(\d+\.\d+)\] .*icmp_seq/gm)].map(
      ([, time]) => Number(time) * 1000,
    )
    const gaps = times.slice(1).map((time, i) => time - times[i]!)
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(service.log())!
    return {
      milliseconds: Math.round(Math.max(...gaps)),
      sent: Number(sent),
      lost: Number(sent) - Number(received),
    }
  }
}
