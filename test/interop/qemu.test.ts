// A QEMU guest on a vhost-user port: it talks to tenants of its own host and, through the overlay, of another one. Its
// kernel's virtio driver negotiates what it likes; files are compared by their checksum.

import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import {
  guestImage,
  guestMissing,
  type Host,
  passes,
  reaches,
  routedFabric,
  startGuest,
  startVtep,
  type Tenant,
  until,
  type Vtep,
  vhostCard,
} from '../lab/index.js'
import { ipOf, leaf, macOf, network, tenantOptions } from './support.js'

interface PortRow {
  readonly ifname: string
  readonly state: string
  readonly rxFrames: number
  readonly rxBytes: number
  readonly txFrames: number
  readonly txBytes: number
}

const megabytes = 8
/** Bits of virtio-net that both sides of a Linux guest's card have here: CSUM to HOST_ECN, MRG_RXBUF, EVENT_IDX. */
const offloads = [0, 1, 7, 8, 9, 11, 12, 13, 15, 29]
const ringPacked = 34

/** Serves a file in the tenant and tells its checksum. */
async function serve(tenant: Tenant): Promise<string> {
  writeFileSync(join(tenant.directory, 'file'), randomBytes(megabytes << 20))
  tenant.start('httpd', ['busybox', 'httpd', '-f', '-p', '80', '-h', tenant.directory])
  return (await tenant.exec(['md5sum', join(tenant.directory, 'file')])).slice(0, 32)
}

const portOf = async (vtep: Vtep, name: string): Promise<PortRow> => {
  const { stdout } = await vtep.cli('ports', '--json')
  return (JSON.parse(stdout) as PortRow[]).find(({ ifname }) => ifname === name)!
}

for (const packed of [false, true]) {
  // One form of ring each way round: who makes the socket differs, too.
  const server = packed
  const title = `${packed ? 'packed' : 'split'} rings, ${server ? 'QEMU' : 'the port'} makes the socket`
  test(title, { skip: guestMissing('fping'), timeout: 100_000 }, async (t) => {
    const { hosts } = await routedFabric(t)
    const [h1, h2] = [hosts[0]!, hosts[1]!]
    const socket = join(h1.directory, 'vm1.sock')
    const near = await h1.tenant('port2', tenantOptions(2))
    const far = await h2.tenant('port3', tenantOptions(3))
    const image = await guestImage(h1, 'guest', [
      'ip link set eth0 up',
      `ip addr add ${ipOf(1)}/24 dev eth0`,
      'echo features $(cat /sys/class/net/eth0/device/features)',
      'mkdir /www',
      `dd if=/dev/urandom of=/www/file bs=1M count=${megabytes} 2> /dev/null`,
      'echo own $(md5sum < /www/file)',
      'httpd -p 80 -h /www',
      `until ping -c 1 -W 1 ${ipOf(2)} > /dev/null; do :; done`,
      `until ping -c 1 -W 1 ${ipOf(3)} > /dev/null; do :; done`,
      `ping -c 3 -s 1472 ${ipOf(2)} | grep received`,
      'echo ready',
      `echo near $(wget -q -O - http://${ipOf(2)}/file | md5sum)`,
      `echo far $(wget -q -O - http://${ipOf(3)}/file | md5sum)`,
    ])
    const card = vhostCard(macOf(1), { socket, server, packed, queues: 2 })
    const guest = startGuest(h1, 'guest', { image, cards: [card] })
    const start = (host: Host, other: Host, mac: string, port: object): Promise<Vtep> =>
      startVtep(
        host,
        leaf(host, {
          ports: [...(host === h1 ? ['port2'] : []), port as Readonly<Record<string, unknown>>],
          remotes: [{ address: other.vtep4, macs: [mac] }],
        }),
      )
    const [nearFile, farFile] = [await serve(near), await serve(far)]
    const mode = server ? { mode: 'client' } : {}
    const vtep = await start(h1, h2, macOf(3), {
      name: 'vm1',
      kind: 'vhost-user',
      options: { socket, ...mode },
    })
    await start(h2, h1, macOf(1), { name: 'port3' })

    await guest.said('ready', { seconds: 40 })
    t.match(guest.log(), '3 packets received')
    const features = /features ([01]+)/.exec(guest.log())![1]!
    for (const bit of offloads) t.equal(features[bit], '1', `virtio feature ${bit}`)
    t.equal(features[ringPacked], packed ? '1' : '0')
    await until('the port is up', async () => (await portOf(vtep, 'vm1')).state === 'up')

    await guest.said(/far [0-9a-f]{32}/, { seconds: 40 })
    t.match(guest.log(), `near ${nearFile}`, 'the guest reads a file of its neighbour')
    t.match(guest.log(), `far ${farFile}`, 'the guest reads a file through the overlay')
    const own = /own ([0-9a-f]{32})/.exec(guest.log())![1]!
    const readFile = `busybox wget -q -O - http://${ipOf(1)}/file | md5sum`
    for (const tenant of [near, far]) {
      await reaches(tenant, ipOf(1))
      const whole = await passes(tenant, ipOf(1), { sizeBytes: 1472, whole: true })
      t.ok(whole, `${tenant.name}: full size`)
      const before = await portOf(vtep, 'vm1')
      t.equal((await tenant.exec(['sh', '-c', readFile])).slice(0, 32), own, `${tenant.name} reads`)
      const after = await portOf(vtep, 'vm1')
      const mean = (after.rxBytes - before.rxBytes) / (after.rxFrames - before.rxFrames)
      t.ok(mean > 2000, `the guest sends super-frames, of ${Math.round(mean)} octets in the mean`)
    }

    if (!server) {
      // QEMU comes back when the socket does, and the guest notices nothing but a pause.
      const removed = await vtep.cli('port', 'remove', 'vm1')
      t.equal(removed.code, 0, removed.stderr)
      const options = ['--kind', 'vhost-user', '--options', `socket=${socket}`]
      const added = await vtep.cli('port', 'add', 'vm1', '--network', network, ...options)
      t.equal(added.code, 0, added.stderr)
      await reaches(near, ipOf(1), 15)
      t.equal((await near.exec(['sh', '-c', readFile])).slice(0, 32), own, 'after a new connection')
    }

    await guest.stop()
    await until('the port is down', async () => (await portOf(vtep, 'vm1')).state === 'down')
  })
}
