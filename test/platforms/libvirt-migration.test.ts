// `virsh migrate --live` between two hosts with the hook on both. The target has the guest's ports long before the guest: until
// it speaks there nothing changes for anybody, and then at once.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { leaf, macOf } from '../interop/support.js'
import {
  guestImage,
  guestMissing,
  type Host,
  type MacRow,
  reaches,
  root,
  routedFabric,
  sleep,
  startVtep,
  until,
} from '../lab/index.js'
import { echoed, startEcho } from './echo.js'
import { exampleDomain, Libvirt, withQemuUser } from './libvirt.js'
import { addressOf, guestMac } from './overlay.js'

const skip = guestMissing('fping', 'libvirtd', 'virsh')
const hook = join(root, 'bin/libvirt/vtep')
const cards = [1, 2]
const echoPort = 7

test('virsh migrate --live', { skip, timeout: 250_000 }, async (t) => {
  const { hosts } = await routedFabric(t, { hosts: 3 })
  const [h1, h2, h3] = [withQemuUser(hosts[0]!), withQemuUser(hosts[1]!), hosts[2]!]
  const container = await h3.tenant('c1', { mac: macOf(3) })
  await container.ip(...cards.map((card) => `addr add ${addressOf(card, 3)}/24 dev eth0`))
  const mesh = (self: Host) =>
    hosts
      .filter(({ number }) => number !== self.number)
      .map(({ vtep4, number }) => ({ address: vtep4, asn: 65000, passive: number > self.number }))
  const start = (host: Host) =>
    startVtep(host, leaf(host, { peers: mesh(host), ports: host === h3 ? ['c1'] : [] }))
  const [here, there, far] = [await start(h1), await start(h2), await start(h3)]
  await far.established()
  const [source, target] = [new Libvirt(h1), new Libvirt(h2)]
  for (const [libvirt, vtep] of [
    [source, here],
    [target, there],
  ] as const)
    libvirt.hook('qemu.d/vtep', `VTEP_RUNTIME_DIR=${vtep.runtimeDir} exec ${hook} "$@"`)
  await Promise.all([source.start(), target.start()])

  const image = await guestImage(h1, 'guest', [
    'echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore',
    ...cards.flatMap((card) => [
      `ip addr add ${addressOf(card, 1)}/24 dev eth${card - 1}`,
      `ip link set eth${card - 1} up`,
    ]),
    `nc -ll -p ${echoPort} -e cat`,
  ])
  const console = join(h1.directory, 'console')
  writeFileSync(console, '')
  chmodSync(console, 0o666)
  await source.define(exampleDomain({ image, console }))
  await source.virsh('start', 'vm1')
  t.teardown(() => target.attempt('destroy', 'vm1'))
  const behind = async (): Promise<string[]> => {
    const rows = await far.request<MacRow[]>('GET', '/v1/macs?kind=remote')
    return cards.map((card) => rows.find(({ mac }) => mac === guestMac(card))?.dst ?? '')
  }
  for (const card of cards) await reaches(container, addressOf(card, 1), 40)
  const first = await behind()
  const echoes = await Promise.all(
    cards.map((card) => startEcho(container, addressOf(card, 1), echoPort)),
  )

  // Slow enough that who moves too early is seen.
  await source.virsh('migrate-setspeed', 'vm1', '16')
  const begun = performance.now()
  const migration = source.virsh('migrate', '--live', 'vm1', target.uri, `tcp://${h2.vtep4}`)
  const paused = pauseWhenHalfIsCopied(source)
  let [prepared, moved] = [0, 0]
  const watching = until(
    'both cards are there',
    async () => {
      const ports = await there.request<{ ifname: string }[]>('GET', '/v1/ports')
      if (prepared === 0 && ports.length === 2) prepared = performance.now()
      const all = await behind()
      if (moved === 0 && all.includes(h2.vtep4)) moved = performance.now()
      return all.every((dst) => dst === h2.vtep4)
    },
    { seconds: 60, everySeconds: 0.005 },
  )
  await Promise.all([migration, paused, watching])
  await sleep(1)
  const ends = await Promise.all(echoes.map(echoed))
  const ports = async (vtep: typeof here) =>
    (await vtep.request<{ ifname: string; state: string }[]>('GET', '/v1/ports'))
      .map(({ ifname, state }) => `${ifname} ${state}`)
      .sort()
  const [portsThere, portsHere] = [await ports(there), await ports(here)]
  t.same(first, [h1.vtep4, h1.vtep4])
  t.ok(moved - prepared > 1000, `its ports were there ${Math.round(moved - prepared)} ms before it`)
  for (const [i, echo] of ends.entries()) {
    const { received, stoodMilliseconds, silentMilliseconds, problem } = echo
    const what = ['bridge', 'ethernet'][i]!
    t.equal(problem, '', `${what}: the TCP stream is whole`)
    t.ok(received > 100_000, `${received} octets came back`)
    t.ok(silentMilliseconds < 1500, 'and go on doing so')
    t.ok(stoodMilliseconds < 2000, `${what}: TCP stood still for ${stoodMilliseconds} ms`)
    t.comment(
      `${what}: TCP stood for ${stoodMilliseconds} ms; the move took ${Math.round(moved - begun)} ms`,
    )
  }
  t.same(portsThere, ['vm1-eth1 up', 'vxlan10100 up'])
  t.same(portsHere, ['vxlan10100 up'], 'the old host has given back what it had')
})

/**
 * Without hardware help a guest that runs while QEMU looks up which of its memory has changed may die of it (migrate.ts), so it stands from
 * before QEMU looks again, as `virsh migrate --timeout-suspend` has it, and the rest is copied fast. (Postcopy needs a right that QEMU's
 * user does not have.)
 */
async function pauseWhenHalfIsCopied(source: Libvirt): Promise<void> {
  await until(
    'half is copied',
    async () => {
      const statistics = await source.virsh('domjobinfo', 'vm1', '--rawstats')
      const octets = (name: string) => Number(new RegExp(`${name}: (\\d+)`).exec(statistics)?.[1])
      const [total, remaining] = [octets('memory_total'), octets('memory_remaining')]
      return total > 0 && remaining < total / 2
    },
    { seconds: 60 },
  )
  await source.virsh('suspend', 'vm1')
  await source.virsh('migrate-setspeed', 'vm1', '1000')
}
