// A whole fabric: VTEPs without a dataplane, each a client of two reflectors, each with its MACs.

import { routedFabric, sleep } from '../../test/lab/index.js'
import { runTime } from '../machine.js'
import type { Measured } from './bed.js'
import { Load, latest, secondsSince } from './load.js'
import type { Kind, Speaker } from './speakers.js'

const holdSeconds = 20

export const measureFabric =
  (quick: boolean) =>
  async (kind: Kind, macsEach: number): Promise<Measured> => {
    const vteps = quick ? 100 : 1000
    const macs = vteps * macsEach
    const fabric = await routedFabric(undefined, { hosts: 3 })
    const loads: Load[] = []
    try {
      const [one, two, far] = [fabric.hosts[0]!, fabric.hosts[1]!, fabric.hosts[2]!]
      const reflectors = [
        await kind.start(one, 'reflector', vteps),
        await kind.start(two, 'reflector', vteps),
      ]
      await fabric.spine.ip('route add 10.254.0.0/16 via 172.31.3.1')
      const idle = memory(reflectors)
      for (const host of [one, two]) {
        const shape = { sessions: vteps, macs: macs + 1 }
        loads.push(await Load.open({ host: far, peer: host.vtep4, ...shape }))
      }
      await sleep(2)
      const connected = memory(reflectors)
      const cpu = processorSeconds(reflectors)
      const half = macsEach / 2
      const start = process.hrtime.bigint()
      await announced(loads, vteps, 0, half)
      const middle = memory(reflectors)
      await announced(loads, vteps, macs / 2, half, macs / 2)
      const took = secondsSince(start)
      const spent = processorSeconds(reflectors) - cpu
      const full = memory(reflectors)
      const change = await oneMore(loads, vteps, macs)
      await sleep(holdSeconds)
      const lost = loads.reduce((sum, load) => sum + load.lost, 0)
      if (lost > 0) throw new Error(`fabric: ${lost} sessions lost within ${holdSeconds} s`)
      const name = `fabric of ${vteps} VTEPs with ${macsEach} MACs`
      const kilobytes = (megabytes: number) => ({ unit: 'kB', value: megabytes * 1024 })
      return {
        [`${name}: all know all`]: { unit: 's', value: took },
        [`${name}: processor time of a reflector`]: { unit: 's', value: spent / 2 },
        [`${name}: one new MAC, at all`]: { unit: 'ms', value: change * 1000 },
        [`${name}: memory of a reflector`]: { unit: 'MB', value: full / 2 },
        [`${name}: memory, each VTEP more`]: kilobytes((connected - idle) / 2 / vteps),
        [`${name}: memory, each MAC more`]: kilobytes((full - middle) / 2 / (macs / 2)),
      }
    } finally {
      for (const load of loads) load.close()
      await fabric.lab.close()
    }
  }

/** Every VTEP announces so many MACs to both reflectors; until every one knows those of all others. */
async function announced(
  loads: readonly Load[],
  vteps: number,
  first: number,
  each: number,
  before = 0,
): Promise<void> {
  const own = before / vteps + each
  const all = before + vteps * each
  const told = loads.flatMap((load) =>
    Array.from({ length: vteps }, (_, i) => load.knows(i, all - own, 300)),
  )
  for (const load of loads) load.tell(`announce all ${first} ${each}`)
  await Promise.all(told)
}

/** Seconds until all others know one MAC more. */
async function oneMore(loads: readonly Load[], vteps: number, macs: number): Promise<number> {
  const others = Array.from({ length: vteps - 1 }, (_, i) => i + 1)
  const count = macs - macs / vteps + 1
  const told = loads.flatMap((load) => others.map((i) => load.knows(i, count, 60)))
  const start = process.hrtime.bigint()
  for (const load of loads) load.tell(`announce 0 ${macs} 1`)
  return secondsSince(start, latest(await Promise.all(told)))
}

const memory = (speakers: readonly Speaker[]): number =>
  speakers.reduce((sum, speaker) => sum + speaker.memory(), 0)

const processorSeconds = (speakers: readonly Speaker[]): number =>
  runTime(speakers.map(({ vtep }) => vtep!.service.pid))
