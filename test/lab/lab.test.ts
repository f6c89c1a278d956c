// The lab itself: what it builds works without us, and it leaves nothing behind, whatever happens to the test.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import {
  counted,
  missing,
  passes,
  reaches,
  routedFabric,
  run,
  startFrr,
  tcp,
  until,
  wire,
} from './index.js'

const skip = missing('vtysh', 'bgpd', 'iperf3', 'tcpdump', 'arping')

test('kernel VTEPs on a wire carry ping and TCP, over IPv4 and IPv6', { skip }, async (t) => {
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  for (const [vni, family] of [
    [4100, 'vtep4'],
    [4101, 'vtep6'],
  ] as const) {
    const k1 = await h1.kernelVtep(vni, { local: h1[family] })
    const k2 = await h2.kernelVtep(vni, { local: h2[family] })
    await k1.addRemote(h2[family])
    await k2.addRemote(h1[family])
    const vm1 = await h1.tenant(`a${vni}`, { ip4: '192.168.100.11/24', bridge: k1.bridge })
    const vm2 = await h2.tenant(`b${vni}`, { ip4: '192.168.100.12/24', bridge: k2.bridge })
    await reaches(vm1, '192.168.100.12')
    const whole = await passes(vm1, '192.168.100.12', { sizeBytes: 1472, whole: true })
    t.ok(whole, `full-size ping over ${family}`)
    const { bitsPerSecond } = await tcp(vm1, vm2, '192.168.100.12')
    t.ok(bitsPerSecond > 50e6, `TCP over ${family}: ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
  }
})

test('FRR leaves over a routed fabric: learning, ping, ARP, move', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vnis = []
  for (const [host, peer] of [
    [h1, h2],
    [h2, h1],
  ] as const) {
    vnis.push(await host.kernelVtep(4100, { suppress: true }))
    await startFrr(host, { asn: 65000, peers: [{ address: peer.vtep4, asn: 65000 }] })
  }
  const [k1, k2] = [vnis[0]!, vnis[1]!]
  const mac = '02:00:00:00:01:01'
  const vm1 = await h1.tenant('vm1', { mac, ip4: '192.168.100.11/24', bridge: k1.bridge })
  const vm2 = await h2.tenant('vm2', { ip4: '192.168.100.12/24', bridge: k2.bridge })
  await until('type 3 fills the flood list', () => k1.remoteOf('00:00:00:00:00:00'), {
    seconds: 20,
  })
  await reaches(vm1, '192.168.100.12')
  t.equal(await until('type 2', () => k2.remoteOf(mac)), h1.vtep4)
  const requests = await counted(vm2, 'eth0', 'arp', async () => {
    await vm1.exec(['ip', 'neigh', 'flush', 'all'])
    await reaches(vm1, '192.168.100.12')
  })
  t.ok(requests.length > 0, 'without an address on the bridge FRR knows no IP, so ARP crosses')
  await vm1.move(h2, k2.bridge)
  await vm1.announce('192.168.100.11')
  await until('the old host follows', async () => (await k1.remoteOf(mac)) === h2.vtep4)
  await reaches(vm2, '192.168.100.11')
})

test('nothing is left behind after a signal', { skip }, async (t) => {
  const victim = fileURLToPath(new URL('./victim.js', import.meta.url))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const child = spawn(process.execPath, [victim], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [directory, pid] = await new Promise<string[]>((resolve) => {
      child.stdout.setEncoding('utf8').once('data', (line: string) => resolve(line.split(' ')))
    })
    t.ok(existsSync(directory!), 'the lab is there')
    const end = new Promise((resolve) => child.once('exit', (_, how) => resolve(how)))
    child.kill(signal)
    t.equal(await end, signal, 'dies of the signal, as a shell expects')
    t.notOk(existsSync(directory!), `${signal}: no directory`)
    // Its last parent is init, which reaps it in its own time.
    await until(`${signal}: no process`, () => !existsSync(join('/proc', pid!)))
    const spaces = await run(['ip', 'netns', 'list'])
    t.notMatch(spaces, new RegExp(`vt-${child.pid}-`), `${signal}: no namespace`)
  }
})
