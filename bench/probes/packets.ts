// 64-byte frames from tenant to tenant: as many as go, and as many as go without loss.

import { macOf } from '../devices/index.js'
import { type MeterOptions, measureTrial, searchRate } from '../meter.js'
import { lossOf, rateOf } from './one-host.js'
import type { Probe } from './probe.js'

const lossPercent = 0.1

export const packets: Probe = {
  name: 'packets',
  title: 'Two hosts: 64-byte frames end to end',
  note:
    '64-byte frames of 64 flows, one way, source on CPU 0 and sink on CPU 1: as fast as the source can (what is lost then is overload), and the highest rate ' +
    `with at most ${lossPercent} % loss, bisected and then confirmed by two more trials. Where nothing is lost at full speed, the source was slowed by the device working on its CPU.`,
  hosts: 2,
  columns: {
    mpps: { label: '64 B, Mpps', unit: 'Mpps', better: 'more', tools: { loss: 'loss' } },
    loss: { label: 'overload loss, %', unit: '%', better: 'less' },
    packetCores: { label: 'cores (64 B)', unit: 'cores', better: 'less' },
    noDrop: { label: 'no-drop, Mpps', unit: 'Mpps', better: 'more', tools: {} },
  },
  suits: ({ oneHost }) => oneHost !== true,
  async measure(bed, { quick }) {
    const [a, b] = [bed.tenant(1), bed.tenant(2)]
    const options: MeterOptions = {
      tx: { netns: a.netns, ifname: 'eth0' },
      rx: { netns: b.netns, ifname: 'eth0' },
      to: macOf(2),
      from: macOf(1),
      cpus: [0, 1],
    }
    const flood = await measureTrial({ ...options, seconds: quick ? 0.5 : 1 })
    const mpps = rateOf(flood, '64 bytes end to end')
    if (mpps === 0) throw new Error('64 bytes end to end: nothing arrived')
    // Overload may cost a device more than half of what it can do, but hardly more; and the source has its limit.
    const from = Math.min((1.02 * flood.sent) / flood.seconds, 2e6 * mpps)
    const { rate } = await searchRate(
      { ...options, seconds: quick ? 0.2 : 0.35 },
      { lossPercent, from, steps: quick ? 4 : 7, confirm: quick ? 1 : 2 },
    )
    return { mpps, loss: lossOf(flood), packetCores: flood.cores, noDrop: rate / 1e6 }
  },
}
