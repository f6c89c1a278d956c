// Round trips of a small UDP packet, the tenants' own stacks and wake-ups included.

import type { Bed } from '../bed.js'
import { ipOf } from '../devices/index.js'
import { tool } from '../meter.js'
import type { Probe } from './probe.js'

interface RoundTrips {
  p50: number
  p99: number
}

/** Microseconds. `cpus`: of the two tenants. */
function roundTrips(bed: Bed, seconds: number, cpus: string, gap = '0'): Promise<RoundTrips> {
  const [a, b] = [bed.tenant(1).netns, bed.tenant(2).netns]
  return tool<RoundTrips>('rtt', a, b, ipOf(2), '64', `${seconds}`, ...cpus.split(' '), gap)
}

const gapMilliseconds = 20

const column = (label: string) => ({ label, unit: 'µs', better: 'less' }) as const

export const rtt: Probe = {
  name: 'rtt',
  title: 'Two hosts: round trips',
  note:
    'UDP ping-pong of 64 bytes between processes of the tenants: on CPU 0 and 1, both on CPU 0, and where the scheduler puts them; the last column waits ' +
    `${gapMilliseconds} ms before each (not pinned), so everybody has gone to sleep and the machine's own waking is in it.`,
  hosts: 2,
  columns: {
    rttApart50: column('two CPUs p50, µs'),
    rttApart99: column('two CPUs p99, µs'),
    rttTogether50: column('one CPU p50, µs'),
    rttTogether99: column('one CPU p99, µs'),
    rttFree50: column('not pinned p50, µs'),
    rttFree99: column('not pinned p99, µs'),
    rttIdle50: column('after 20 ms idle p50, µs'),
  },
  suits: ({ oneHost }) => oneHost !== true,
  async measure(bed, { quick }) {
    const seconds = quick ? 0.5 : 0.8
    const apart = await roundTrips(bed, seconds, '0 1')
    const together = await roundTrips(bed, seconds, '0 0')
    const free = await roundTrips(bed, seconds, '-1 -1')
    const idle = await roundTrips(bed, 1.2, '-1 -1', `${gapMilliseconds}`)
    return {
      rttApart50: apart.p50,
      rttApart99: apart.p99,
      rttTogether50: together.p50,
      rttTogether99: together.p99,
      rttFree50: free.p50,
      rttFree99: free.p99,
      rttIdle50: idle.p50,
    }
  },
}
