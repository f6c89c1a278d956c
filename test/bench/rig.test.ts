// The bench's rig with real devices, a short look each: frames pass through one host and through both, and nothing is left.

import { readdirSync } from 'node:fs'
import { test } from 'tap'
import { Bed } from '../../bench/bed.js'
import { type Device, devices } from '../../bench/devices/index.js'
import { buildTools } from '../../bench/meter.js'
import { oneHost } from '../../bench/probes/one-host.js'
import { rtt } from '../../bench/probes/rtt.js'
import { missing } from '../lab/index.js'

const skip = missing('gcc', 'ethtool')

const named = (name: string): Device => devices.find((device) => device.name === name)!

const namespaces = (): string[] =>
  readdirSync('/run/netns').filter((name) => name.startsWith(`vt-${process.pid}-`))

for (const name of ['kernel', 'vtep netdev/udp']) {
  test(`${name} on the rig`, { skip }, async (t) => {
    await buildTools()
    const bed = await Bed.open(named(name))
    try {
      await bed.one()
      const frames = await oneHost.measure(bed, { quick: true })
      t.ok(Number(frames['encap']) > 0.001, `${frames['encap']} Mpps into the tunnel`)
      t.ok(Number(frames['decap']) > 0.001, `${frames['decap']} Mpps out of the tunnel`)
      await bed.both()
      const trips = await rtt.measure(bed, { quick: true })
      t.ok(Number(trips['rttFree50']) > 1, `${trips['rttFree50']} µs there and back`)
    } finally {
      await bed.close()
    }
    t.same(namespaces(), [], 'no namespace is left')
  })
}
