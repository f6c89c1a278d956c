// TCP from tenant to tenant, offloads as the kernel sets them.

import { tcp as iperf } from '../../test/lab/index.js'
import type { Bed } from '../bed.js'
import { type Device, ipOf, kernel, kernelVm } from '../devices/index.js'
import { withCores } from '../machine.js'
import type { Probe, ProbeOptions } from './probe.js'

/** Gbit/s. */
export async function stream(
  bed: Bed,
  { quick }: ProbeOptions,
  congestion: string,
  streams = 1,
): Promise<number> {
  const { bitsPerSecond } = await iperf(bed.tenant(1), bed.tenant(2), ipOf(2), {
    seconds: quick ? 1 : 1.5,
    omitSeconds: 0.3,
    streams,
    congestion,
  })
  return bitsPerSecond / 1e9
}

/**
 * Four streams run, in a kernel of two CPUs, at one of two speeds, by where the scheduler puts the receiver: one run is a coin, and
 * its median over the trials little more.
 */
async function fourStreams(bed: Bed, options: ProbeOptions, congestion: string): Promise<number[]> {
  const values: number[] = []
  for (let n = options.quick ? 1 : 3; n > 0; n--) {
    values.push(await stream(bed, options, congestion, 4))
  }
  return values
}

/** Reno is held against the kernel alone: Open vSwitch is far from both, and time is short. */
const comparesReno = ({ kind, name }: Device): boolean =>
  kind === 'ours' || name === kernel.name || name === kernelVm.name

export const tcp: Probe = {
  name: 'tcp',
  title: 'Two hosts: TCP',
  note:
    'iperf3 from tenant to tenant, wire MTU 1500, tenant MTU 1450, offloads on unless said, super-frames may cross the wire whole; nothing pinned, under BBR and Reno; four streams three times per trial. ' +
    'Cores are all that the machine burned meanwhile, iperf3 included.',
  hosts: 2,
  columns: {
    tcp1: { label: 'BBR 1 stream, Gbit/s', unit: 'Gbit/s', better: 'more', tools: {} },
    tcp4: { label: 'BBR 4 streams, Gbit/s', unit: 'Gbit/s', better: 'more', tools: {} },
    reno1: { label: 'Reno 1 stream, Gbit/s', unit: 'Gbit/s', better: 'more', tools: {} },
    reno4: { label: 'Reno 4 streams, Gbit/s', unit: 'Gbit/s', better: 'more', tools: {} },
    tcpCores: { label: 'cores (BBR 1)', unit: 'cores', better: 'less' },
  },
  suits: ({ oneHost }) => oneHost !== true,
  async measure(bed, options) {
    const { value: tcp1, cores } = await withCores(() => stream(bed, options, 'bbr'))
    const bbr = { tcp1, tcpCores: cores, tcp4: await fourStreams(bed, options, 'bbr') }
    if (!comparesReno(bed.device)) return bbr
    const [reno1, reno4] = [
      await stream(bed, options, 'reno'),
      await fourStreams(bed, options, 'reno'),
    ]
    return { ...bbr, reno1, reno4 }
  },
}
