// An underlay interface whose segmentation loses what it is given is found by what real TCP does, and gets single packets
// instead; one that sees only whole super-frames go wrong still gets trains.

import t, { type Test } from 'tap'
import { UnderlayFlag } from '../../src/fib/tables.gen.js'
import { type Harm, missing, plantHarm, reaches, sleep, tcp, until } from '../lab/index.js'
import { addTenant, overlay } from './overlay.js'

t.setTimeout(120_000)

const promisedSeconds = 5
const off = UnderlayFlag.tunnelOff | UnderlayFlag.trainsOff | UnderlayFlag.checksumOff
const skip = missing('fping', 'iperf3', 'tc')

interface Rig {
  /** UnderlayFlag bits of the first host's interface, now. */
  readonly flags: () => number
  readonly transfer: (seconds: number, streams?: number) => Promise<number>
  readonly plant: (harm: Harm) => Promise<() => Promise<void>>
}

async function rig(t: Test, uplink: string): Promise<Rig> {
  const { fabric, hosts } = await overlay(t, [{ uplink }, { uplink }])
  // Taps: their frames are the workers'.
  const { tenant: x } = await addTenant(hosts[0], 'x', 'tap', '10.1.0.1/24')
  const { tenant: y } = await addTenant(hosts[1], 'y', 'tap', '10.1.0.2/24')
  await reaches(x, '10.1.0.2')
  const { dataplane } = hosts[0]
  await until('the interface is known', () => dataplane.table('underlays').length === 1)
  return {
    flags: () => dataplane.table('underlays')[0]!.flags,
    transfer: async (seconds, streams = 1) => {
      const runs = Array.from({ length: streams }, () => tcp(x, y, '10.1.0.2', { seconds }))
      return (await Promise.all(runs)).reduce((sum, run) => sum + run.bitsPerSecond, 0)
    },
    plant: (harm) => plantHarm(fabric.spine!, 'h1', harm),
  }
}

/** Plants it while TCP has run for so long already; answers which offloads are off in the end. */
async function found(
  t: Test,
  broken: Rig,
  harm: Harm,
  bits: number,
  afterSeconds = 0,
): Promise<number> {
  let started = 0
  let seconds = 0
  const planting = sleep(afterSeconds).then(async () => {
    await broken.plant(harm)
    started = performance.now()
  })
  if (afterSeconds === 0) await planting
  const watching = until('it is off', () => (broken.flags() & bits) === bits, {
    seconds: 15,
    everySeconds: 0.05,
  }).then(() => {
    seconds = (performance.now() - started) / 1000
  })
  await Promise.all([watching, planting, broken.transfer(afterSeconds + 8, 2)])
  t.ok(seconds < promisedSeconds + 1, `${seconds.toFixed(1)} s, iperf3's start included`)
  const after = await broken.transfer(2)
  t.equal(broken.flags() & UnderlayFlag.offloadTrial, 0, 'the trial is over')
  t.ok(after > 50e6, `TCP works again: ${Math.round(after / 1e6)} Mb/s`)
  return broken.flags() & off
}

for (const uplink of ['raw', 'udp']) {
  t.test(`${uplink}: segmentation that loses everything`, { skip }, async (t) => {
    const broken = await rig(t, uplink)
    const tunnel = broken.flags() & UnderlayFlag.tunnel ? UnderlayFlag.tunnelOff : 0
    const bits = tunnel | UnderlayFlag.trainsOff
    t.equal(await found(t, broken, 'every super-frame', bits), bits, 'single packets are left')
  })
}

t.test('raw: only whole super-frames are lost, from some moment on', { skip }, async (t) => {
  const broken = await rig(t, 'raw')
  if ((broken.flags() & UnderlayFlag.tunnel) === 0) return t.comment('needs Linux 6.17')
  const bits = UnderlayFlag.tunnelOff
  t.equal(await found(t, broken, 'whole super-frames', bits, 2), bits, 'trains go on')
})
