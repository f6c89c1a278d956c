// Every way by which QEMU hands over a guest's frames: one virtual machine with a card of each reaches a container on another
// host and a tenant behind FRR, by TCP at full size, both ways.

import { chownSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import {
  type GuestCard,
  guestImage,
  guestMissing,
  type Host,
  startGuest,
  startVtep,
  streamCard,
  tapCard,
  tapDescriptorCard,
  Vtep,
  vhostCard,
} from '../lab/index.js'
import { checkCard, guestMac, guestScript, overlay } from './overlay.js'

interface Row {
  readonly what: string
  readonly card: (h1: Host, mac: string) => GuestCard
  readonly port: (h1: Host) => Readonly<Record<string, unknown>>
}

const socketOf = (h1: Host, name: string): string => join(h1.directory, `${name}.sock`)

const rows: readonly Row[] = [
  {
    what: '-netdev tap,ifname=',
    card: (h1, mac) => tapCard(h1, mac, 'vnet0'),
    port: () => ({ name: 'vnet0', wait: true }),
  },
  {
    what: '-netdev tap,fd=',
    card: (_, mac) => tapDescriptorCard(mac, 'vnet1'),
    port: () => ({ name: 'vnet1', wait: true }),
  },
  {
    what: '-netdev stream,server=off',
    card: (h1, mac) => streamCard(mac, socketOf(h1, 'served'), false),
    port: (h1) => ({
      name: 'served',
      kind: 'stream',
      options: { socket: socketOf(h1, 'served') },
    }),
  },
  {
    what: '-netdev stream,server=on',
    card: (h1, mac) => streamCard(mac, socketOf(h1, 'called'), true),
    port: (h1) => ({
      name: 'called',
      kind: 'stream',
      options: { socket: socketOf(h1, 'called'), mode: 'client' },
    }),
  },
  {
    what: '-netdev vhost-user',
    card: (h1, mac) => vhostCard(mac, { socket: socketOf(h1, 'vhost'), server: false }),
    port: (h1) => ({
      name: 'vhost',
      kind: 'vhost-user',
      options: { socket: socketOf(h1, 'vhost') },
    }),
  },
]

const skip = guestMissing('fping', 'bgpd', 'vtysh', 'python3')

test('a virtual machine with a card of every kind', { skip, timeout: 150_000 }, async (t) => {
  const { h1, peers, config } = await overlay(t, rows.length)
  const vtep = await startVtep(h1, config(rows.map(({ port }) => port(h1))))
  await vtep.established()
  const numbers = peers.map(({ number }) => number)
  const image = await guestImage(h1, 'guest', guestScript(rows.length, numbers))
  const cards = rows.map(({ card }, i) => card(h1, guestMac(i + 1)))
  const guest = startGuest(h1, 'guest', { image, cards })
  await guest.said(/own [0-9a-f]{32}/, { seconds: 40 })
  for (const [i, { what }] of rows.entries()) {
    await t.test(what, async (t) => {
      await checkCard(t, i + 1, peers, () => guest.log())
      await vtep.learned(guestMac(i + 1), { kind: 'local' })
    })
  }
})

const nobody = 65534

/** The host as an ordinary user sees it. */
function asNobody(host: Host): Host {
  const drop = ['--clear-groups', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all']
  const user = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, ...drop, '--']
  return Object.assign(Object.create(host) as Host, {
    enter: (argv: readonly string[]) => host.enter([...user, ...argv]),
  })
}

test('daemon and QEMU as an ordinary user', { skip, timeout: 100_000 }, async (t) => {
  const { h1, peers, config } = await overlay(t, 1)
  const user = asNobody(h1)
  const vtep = new Vtep(user)
  chownSync(vtep.runtimeDir, nobody, nobody)
  const socket = join(vtep.runtimeDir, 'vm.sock')
  const { bgp, ...rest } = config([{ name: 'vm', kind: 'stream', options: { socket } }])
  // Port 179 is for others.
  vtep.configure({ ...rest, bgp: { neighbors: bgp?.neighbors ?? [] } })
  await vtep.run()
  await vtep.established()
  const numbers = peers.map(({ number }) => number)
  const image = await guestImage(h1, 'guest', guestScript(1, numbers))
  const cards = [streamCard(guestMac(1), socket, false)]
  const guest = startGuest(user, 'guest', { image, cards })
  await guest.said(/own [0-9a-f]{32}/, { seconds: 40 })
  await checkCard(t, 1, peers, () => guest.log())
  const identity = await user.exec([
    'sh',
    '-c',
    `grep -h ^CapEff /proc/self/status /proc/${guest.pid}/status`,
  ])
  t.same(
    identity
      .trim()
      .split(/\s+/)
      .filter((word) => word !== 'CapEff:'),
    ['0'.repeat(16), '0'.repeat(16)],
  )
})
