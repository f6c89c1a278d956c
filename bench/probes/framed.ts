// TCP over a wire that carries nothing larger than its MTU, as real wires do.

import type { Bed, BedOptions } from '../bed.js'
import { type Device, wireMtu } from '../devices/index.js'
import type { Probe } from './probe.js'
import { stream } from './tcp.js'

/** With the Ethernet header. */
const largest = wireMtu + 14

/** Mean size of what host 1 sent and host 2 got meanwhile; fails when the wire did carry larger frames. */
async function meanFrame(bed: Bed, act: () => Promise<void>): Promise<number> {
  const before = await bed.hosts[0]!.counters('eth0')
  await act()
  const after = await bed.hosts[0]!.counters('eth0')
  const mean = (after.txBytes - before.txBytes) / (after.txPackets - before.txPackets)
  if (mean > largest)
    throw new Error(
      `frames on the wire: expected ${largest} octets at most, got ${mean} on average`,
    )
  return mean
}

function framed(gro: boolean): Probe {
  const key = gro ? 'Gro' : 'NoGro'
  const words = gro ? 'GRO' : 'no GRO'
  const bed: BedOptions = { framed: { gro } }
  return {
    name: gro ? 'framed' : 'framed-no-gro',
    title: `Two hosts: TCP, the wire held to MTU frames, ${gro ? 'GRO on the wire' : 'no GRO on the wire'}`,
    note: `One stream, BBR. The wire's veth cuts every super-frame to its MTU (the mean frame is counted) and ${gro ? 'merges' : 'does not merge'} on receipt, for all alike.`,
    hosts: 2,
    bed,
    columns: {
      [`framed${key}`]: { label: `TCP 1, ${words}, Gbit/s`, unit: 'Gbit/s', better: 'more' },
      [`frame${key}`]: { label: 'mean frame, octets', unit: 'octets', better: 'more' },
    },
    suits: ({ kind, name }: Device) => kind === 'ours' || (kind === 'rival' && name === 'kernel'),
    async measure(bed, options) {
      let rate = 0
      const mean = await meanFrame(bed, async () => {
        rate = await stream(bed, options, 'bbr')
      })
      return { [`framed${key}`]: rate, [`frame${key}`]: mean }
    },
  }
}

export const framedGro = framed(true)
export const framedNoGro = framed(false)
