// A table that never rests: does the API still answer, and does a new MAC still arrive?

import { join } from 'node:path'
import { NativeDataplane } from '../../src/io/index.js'
import { sleep, type Vtep } from '../../test/lab/index.js'
import { percentile } from '../result.js'
import { inBed, type Measured } from './bed.js'
import type { Load } from './load.js'
import type { Kind } from './speakers.js'

const ratePerSecond = 10_000
/** New MACs, each of a VTEP that nobody has heard of: one row more in a small table says that it is there. */
const newcomers = 100
const paths = ['/v1/status', '/v1/peers', '/v1/networks', '/v1/vteps'] as const

export const measureChurn =
  (quick: boolean) =>
  (kind: Kind, routes: number): Promise<Measured> => {
    const shape = { sessions: newcomers + 1, macs: routes + newcomers }
    return inBed(kind, 'leaf', shape, async ({ speaker, load }) => {
      const full = await speaker.forwards(routes, 60)
      load.tell(`announce 0 0 ${routes}`)
      await full.reached
      const seconds = quick ? 10 : 60
      const until = performance.now() + seconds * 1000
      load.tell(`churn 0 0 ${routes} ${ratePerSecond} ${seconds}`)
      const [answers, arrivals] = await Promise.all([
        answerTimes(speaker.vtep!, until),
        arrivalTimes(speaker.vtep!, load, routes, until),
      ])
      const what = `${ratePerSecond / 1000} k routes/s come and go`
      const p99 = (values: readonly number[]) => ({ unit: 'ms', value: percentile(values, 0.99) })
      return {
        [`${what}: the API answers, p99`]: p99(answers),
        [`${what}: a new MAC in the tables, p99`]: p99(arrivals),
      }
    })
  }

async function answerTimes(vtep: Vtep, until: number): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; performance.now() < until; n++) {
    const start = performance.now()
    await vtep.request('GET', paths[n % paths.length]!)
    times.push(performance.now() - start)
    await sleep(0.02)
  }
  return times
}

async function arrivalTimes(
  vtep: Vtep,
  load: Load,
  routes: number,
  until: number,
): Promise<number[]> {
  const controlPath = join(vtep.runtimeDir, 'control.sock')
  const observer = NativeDataplane.attach({ controlPath, role: 'observer' })
  const pause = (until - performance.now()) / newcomers / 1000
  const times: number[] = []
  try {
    for (let n = 0; n < newcomers && performance.now() < until; n++) {
      const before = observer.table('remotes').length
      const start = performance.now()
      load.tell(`announce ${n + 1} ${routes + n} 1`)
      while (observer.table('remotes').length === before) await sleep(0.001)
      times.push(performance.now() - start)
      await sleep(Math.max(0, pause - times.at(-1)! / 1000) * (0.5 + Math.random() / 2))
    }
  } finally {
    await observer.detach()
  }
  return times
}
