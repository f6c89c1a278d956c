// The fast path to virtual machines: their taps cut what came by a tunnel, unless the tunnel's mark is taken off.

import t from 'tap'
import { vmTenant } from '../../bench/devices/vm.js'
import { buildTools } from '../../bench/meter.js'
import { type Host, missing, reaches, run, sleep, type Tenant, tcp, until } from '../lab/index.js'
import {
  addBridgedTenant,
  addTenant,
  behind,
  type DataplaneHost,
  kernelCarries,
  overlay,
  vni,
  warm,
  whileStopped,
} from './overlay.js'

t.setTimeout(150_000)

const skip = missing('fping', 'iperf3', 'gcc')

interface Vm {
  readonly tenant: Tenant
  /** Its tap at the host. */
  readonly tap: string
}

/** A VM whose tap is a port. */
async function direct({ host, dataplane }: DataplaneHost, ip4: string, ip6: string): Promise<Vm> {
  const tenant = await vmTenant(host, 'vnet0', { ip4, ip6 })
  const port = await dataplane.openPort({ name: 'vnet0', kind: 'netdev', options: {} })
  await dataplane.apply([{ op: 'portAttach', port, vni }])
  return { tenant, tap: 'vnet0' }
}

/** A VM whose tap is in a bridge with a tap of ours. */
async function trunk({ host, dataplane }: DataplaneHost, ip4: string, ip6: string): Promise<Vm> {
  const port = await dataplane.openPort({ name: 'trunk', kind: 'tap', options: {} })
  await dataplane.apply([{ op: 'portAttach', port, vni }])
  await host.ip(
    'link add br0 type bridge',
    'link set br0 addrgenmode none',
    'link set trunk addrgenmode none master br0',
    'link set br0 up',
  )
  return { tenant: await vmTenant(host, 'vnet0', { ip4, ip6, bridge: 'br0' }), tap: 'vnet0' }
}

/** Octets per frame that the kernel hands to the VM meanwhile. */
async function meanFrame(host: Host, tap: string, during: () => Promise<unknown>): Promise<number> {
  const before = await host.counters(tap)
  await during()
  const after = await host.counters(tap)
  return (after.txBytes - before.txBytes) / (after.txPackets - before.txPackets)
}

for (const [what, attach] of [
  ['a port', direct],
  ['in a bridge with a tap of ours', trunk],
] as const) {
  t.test(`a VM's tap is ${what}`, { skip }, async (t) => {
    await buildTools()
    const { hosts } = await overlay(t, [{ uplink: 'raw', workers: 2 }, { uplink: 'raw' }])
    const [a, b] = hosts
    const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24', 'fd01::1/64')
    const vm = await attach(b, '10.1.0.2/24', 'fd01::2/64')
    await a.dataplane.apply([behind(await vm.tenant.mac(), b.host.vtep4)])
    await b.dataplane.apply([behind(await x.tenant.mac(), a.host.vtep4)])
    for (const to of ['10.1.0.2', 'fd01::2']) {
      await reaches(x.tenant, to)
      await tcp(x.tenant, vm.tenant, to)
      await sleep(0.2)
      // Nobody but the kernel can have merged or carried anything.
      const mean = await whileStopped(hosts, () =>
        meanFrame(b.host, vm.tap, async () => {
          const { bitsPerSecond } = await tcp(x.tenant, vm.tenant, to)
          t.ok(bitsPerSecond > 100e6, `TCP to ${to}: ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
        }),
      )
      t.ok(mean > 8000, `super-frames are whole: ${Math.round(mean)} octets per frame`)
    }
    await tcp(vm.tenant, x.tenant, '10.1.0.1')
    const { bitsPerSecond } = await whileStopped(hosts, () => tcp(vm.tenant, x.tenant, '10.1.0.1'))
    t.ok(bitsPerSecond > 100e6, `TCP from it: ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
    t.ok(await kernelCarries(hosts, x.tenant, '10.1.0.2'), 'ping')

    const ours = async (): Promise<string[]> =>
      (await run(['ip', '-n', b.host.netns, '-o', 'link'])).match(/vtep-in\d+/g) ?? []
    t.equal((await ours()).length, 1, 'by one interface')
    const addresses = await run([
      'ip',
      '-n',
      b.host.netns,
      '-o',
      'addr',
      'show',
      'dev',
      (await ours())[0]!,
    ])
    t.equal(addresses, '', 'without an address')
    b.process.signal('SIGKILL')
    await until('it is gone with the process', async () => (await ours()).length === 0)
  })
}

t.test('the way round is taken while a VM is in the bridge', { skip }, async (t) => {
  await buildTools()
  const { hosts } = await overlay(t, [{ uplink: 'raw' }, { uplink: 'raw' }])
  const [a, b] = hosts
  const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24')
  const y = await addBridgedTenant(b, 'y', '10.1.0.2/24')
  await a.dataplane.apply([behind(await y.tenant.mac(), b.host.vtep4)])
  await b.dataplane.apply([behind(await x.tenant.mac(), a.host.vtep4)])
  await warm(x.tenant, '10.1.0.2')
  /** Whether TCP from x to y goes round, and comes up all the same. */
  const goesRound = async (): Promise<boolean> => {
    // It is made when a port needs it.
    const frames = async (): Promise<number> =>
      (await b.host.counters('vtep-in0').catch(() => ({ rxPackets: 0 }))).rxPackets
    await tcp(x.tenant, y.tenant, '10.1.0.2')
    const before = await frames()
    const { bitsPerSecond } = await whileStopped(hosts, () => tcp(x.tenant, y.tenant, '10.1.0.2'))
    t.ok(bitsPerSecond > 100e6, `TCP ${Math.round(bitsPerSecond / 1e6)} Mbit/s`)
    const round = (await frames()) - before
    return round > 100
  }
  t.notOk(await goesRound(), 'the bridge has veths alone')
  await vmTenant(b.host, 'vnet0', { ip4: '10.1.0.3/24', bridge: y.bridge })
  t.ok(await goesRound(), 'a VM has joined it')
  await b.host.ip('link set vnet0 nomaster')
  t.notOk(await goesRound(), 'and left it')
  await b.host.ip(`link set vnet0 master ${y.bridge}`)
  t.ok(await goesRound(), 'and joined it again')
})
