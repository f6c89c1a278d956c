// What the tests with virtual machines share: a host for the machine, one with a container, and FRR with a tenant of the
// kernel's VTEP; files that are fetched from each other and compared.

import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { leaf, macOf, vni } from '../interop/support.js'
import {
  type Host,
  passes,
  reaches,
  routedFabric,
  startFrr,
  startVtep,
  type Tenant,
  until,
  type VtepConfig,
} from '../lab/index.js'

/** In subnet N of the one network a guest's card is number 1. */
export const addressOf = (subnet: number, number: number): string => `10.0.${subnet}.${number}`

export const guestMac = (card: number): string => `52:54:00:00:00:0${card}`

export const megabytes = 2

/** Lines for a guest whose card N is in subnet N+1: it serves a file on all, and fetches one from everybody by each. */
export function guestScript(cards: number, peers: readonly number[]): string[] {
  const each = Array.from({ length: cards }, (_, i) => i + 1)
  return [
    // Each card answers for itself alone, though all are in one network.
    'echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore',
    'echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce',
    ...each.flatMap((n) => [
      `ip addr add ${addressOf(n, 1)}/24 dev eth${n - 1}`,
      `ip link set eth${n - 1} up`,
    ]),
    'mkdir /www',
    `dd if=/dev/urandom of=/www/file bs=1M count=${megabytes} 2> /dev/null`,
    'httpd -p 80 -h /www',
    'echo own $(md5sum < /www/file)',
    ...each.flatMap((n) =>
      peers.flatMap((peer) => [
        `until ping -c 1 -W 1 ${addressOf(n, peer)} > /dev/null; do :; done`,
        `echo card ${n} peer ${peer} $(wget -q -O - http://${addressOf(n, peer)}/file | md5sum)`,
      ]),
    ),
  ]
}

export interface Peer {
  readonly number: number
  readonly what: string
  readonly tenant: Tenant
  /** Checksum of the file that it serves. */
  readonly file: string
}

export interface Overlay {
  readonly h1: Host
  readonly peers: readonly Peer[]
  /** Of the daemon of h1. */
  config(ports: readonly Readonly<Record<string, unknown>>[]): VtepConfig
}

/** Everything but the daemon of h1. */
export async function overlay(t: Test, subnets: number): Promise<Overlay> {
  const { hosts } = await routedFabric(t, { hosts: 3 })
  const [h1, h2, h3] = hosts as [Host, Host, Host]
  const container = await h2.tenant('c1', { mac: macOf(2) })
  const kernel = await h3.kernelVtep(vni)
  const behindFrr = await h3.tenant('k1', { mac: macOf(3), bridge: kernel.bridge })
  const peer = (address: string, passive: boolean) => ({ address, asn: 65000, passive })
  await startFrr(h3, { asn: 65000, peers: [peer(h1.vtep4, true)] })
  await startVtep(h2, leaf(h2, { peers: [peer(h1.vtep4, true)], ports: ['c1'] }))
  const peers = [
    { number: 2, what: 'a container on another host', tenant: container },
    { number: 3, what: 'a tenant behind FRR', tenant: behindFrr },
  ]
  for (const { number, tenant } of peers) {
    const all = Array.from({ length: subnets }, (_, i) => addressOf(i + 1, number))
    await tenant.ip(...all.map((address) => `addr add ${address}/24 dev eth0`))
  }
  return {
    h1,
    peers: await Promise.all(peers.map(async (one) => ({ ...one, file: await serve(one.tenant) }))),
    config: (ports) => leaf(h1, { peers: [h2, h3].map(({ vtep4 }) => peer(vtep4, false)), ports }),
  }
}

/** Serves a file in the tenant and tells its checksum. */
async function serve(tenant: Tenant): Promise<string> {
  writeFileSync(join(tenant.directory, 'file'), randomBytes(megabytes << 20))
  tenant.start('httpd', ['busybox', 'httpd', '-f', '-p', '80', '-h', tenant.directory])
  return (await tenant.exec(['md5sum', join(tenant.directory, 'file')])).slice(0, 32)
}

/** The guest behind a card and everybody reach each other at full size, both ways; `log` is what the guest has said. */
export async function checkCard(
  t: Test,
  card: number,
  peers: readonly Peer[],
  log: () => string,
): Promise<void> {
  const own = /own ([0-9a-f]{32})/.exec(log())![1]!
  for (const { number, what, tenant, file } of peers) {
    const address = addressOf(card, 1)
    await until(
      `the guest has read from ${what} by card ${card}`,
      () => log().includes(`card ${card} peer ${number} `),
      { seconds: 30 },
    )
    t.match(log(), `card ${card} peer ${number} ${file}`, `the guest reads from ${what}`)
    await reaches(tenant, address)
    const whole = await passes(tenant, address, { sizeBytes: 1472, whole: true })
    t.ok(whole, `${what} pings at full size`)
    const before = await tenant.traffic()
    const fetch = `busybox wget -q -O - http://${address}/file | md5sum`
    t.equal((await tenant.exec(['sh', '-c', fetch])).slice(0, 32), own, `${what} reads from it`)
    const after = await tenant.traffic()
    const mean = (after.rxBytes - before.rxBytes) / (after.rxPackets - before.rxPackets)
    t.ok(mean > 1400, `in frames of ${Math.round(mean)} octets in the mean`)
  }
}
