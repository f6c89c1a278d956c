// A device whose offload does not work is found by what real TCP does, and the offload is switched off; one that only loses frames keeps it.

import t, { type Test } from 'tap'
import { PortFlag } from '../../src/fib/tables.gen.js'
import { missing, reaches, routedFabric, tcp, until } from '../lab/index.js'
import { addTenant, type DataplaneHost, startHost, vni } from './overlay.js'

const off = PortFlag.checksumOff | PortFlag.tsoOff
/** What the watch may take, from the first frame on: the promise of the dataplane. */
const promisedSeconds = 5

t.setTimeout(120_000)

interface Rig {
  readonly host: DataplaneHost
  readonly address: string
  /** Flags of the port that does harm, now. */
  readonly flags: () => number
  /** Streams at once from a sound tenant to the one behind it; bits per second. */
  readonly transfer: (seconds: number, streams: number) => Promise<number>
}

/** A sound tenant, and one behind a tap that does harm by plan (native/port/fault.cpp). */
async function rig(t: Test, harm: Readonly<Record<string, string>>): Promise<Rig> {
  const fabric = await routedFabric(t)
  const host = await startHost(t, fabric.hosts[0]!)
  const { tenant: sound } = await addTenant(host, 'sound', 'netdev', '10.1.0.1/24')
  const address = '10.1.0.2'
  const options = { wraps: 'tap', with: 'ifname=harm', ...harm }
  const port = await host.dataplane.openPort({ name: 'harm', kind: 'fault', options })
  await host.dataplane.apply([{ op: 'portAttach', port, vni }])
  const behind = await host.host.tapTenant('harm', 'harm', { ip4: `${address}/24` })
  await reaches(sound, address)
  return {
    host,
    address,
    flags: () => host.dataplane.snapshot().ports.find(({ id }) => id === port)!.flags,
    transfer: async (seconds, streams) => {
      const runs = Array.from({ length: streams }, () => tcp(sound, behind, address, { seconds }))
      return (await Promise.all(runs)).reduce((sum, run) => sum + run.bitsPerSecond, 0)
    },
  }
}

/** Seconds until one of the bits is set. */
async function secondsUntil(what: string, { flags }: Rig, bits: number): Promise<number> {
  const started = performance.now()
  await until(what, async () => (flags() & bits) !== 0, { seconds: 15, everySeconds: 0.05 })
  return (performance.now() - started) / 1000
}

const skip = missing('fping', 'iperf3')

t.test('segmentation that spoils checksums is switched off', { skip }, async (t) => {
  const broken = await rig(t, { segmentation: 'yes' })
  t.ok((broken.flags() & PortFlag.tso) !== 0, 'the device says that it cuts')
  const [seconds] = await Promise.all([
    secondsUntil('TSO is off', broken, PortFlag.tsoOff),
    broken.transfer(5, 2),
  ])
  t.ok(seconds < promisedSeconds + 1, `${seconds.toFixed(1)} s, iperf3's start included`)
  t.equal(broken.flags() & PortFlag.checksumOff, 0, 'and nothing else')
  t.equal(broken.flags() & (off | PortFlag.offloadTrial), PortFlag.tsoOff, 'the trial said so')
  const after = await broken.transfer(1, 1)
  t.ok(after > 50e6, `TCP works again: ${Math.round(after / 1e6)} Mb/s`)
})

t.test('checksums that are finished wrong are switched off', { skip }, async (t) => {
  const broken = await rig(t, { checksum: 'yes' })
  const [seconds, bits] = await Promise.all([
    secondsUntil('checksums are off', broken, PortFlag.checksumOff),
    broken.transfer(4, 4),
  ])
  t.ok(seconds < promisedSeconds + 1, `${seconds.toFixed(1)} s, iperf3's start included`)
  t.ok(bits > 50e6, `connections that could not be made are made: ${Math.round(bits / 1e6)} Mb/s`)
})

t.test('a device that loses frames of every kind keeps its offloads', { skip }, async (t) => {
  const lossy = await rig(t, { drop: '15' })
  let seen = 0
  const watching = setInterval(() => {
    seen |= lossy.flags() & off
  }, 100)
  t.teardown(() => clearInterval(watching))
  await lossy.transfer(4, 3)
  t.equal(seen, 0, 'nothing was switched off')
})
