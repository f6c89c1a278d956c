// Several paths of one prefix: every build gives a flow the same one, and a path that goes moves only its own flows.

import { test } from 'tap'
import type { ModelOperation } from '../../src/wire/frame/index.js'
import { fromPort, macA, udp } from './frames.js'
import { runEverywhere, summary } from './legs.js'
import { nextHop } from './network.js'

const vrf = 50001
const routerMac = '02:76:74:65:70:01'
const vteps = ['10.0.0.2', '10.0.0.3', '10.0.0.4'] as const

const path = (op: 'routeAdd' | 'routeRemove', via: string): ModelOperation => {
  const mac = `02:76:0a:00:00:0${via.slice(-1)}`
  return { op, vrf, prefix: '10.7.0.0/16', kind: 'remote', vni: vrf, via, mac }
}

const flows = Array.from({ length: 400 }, (_, i) =>
  fromPort(1, udp({ source: macA, destination: routerMac, to: '10.7.0.1', ports: [6000 + i, 53] })),
)

/** The VTEP of each flow, behind these operations. */
function placesAfter(...operations: readonly ModelOperation[]): readonly string[] {
  const steps = [
    {
      apply: [
        { op: 'networkSet', vni: vrf, suppress: false, agingSeconds: 0, vrf, routerMac },
        { op: 'portAttach', port: 1, vni: vrf },
        ...vteps.flatMap((via) => [path('routeAdd', via), nextHop(via)]),
        ...operations,
      ] as const,
    },
    { now: 10, frames: flows },
  ]
  const outcomes = runEverywhere({ steps }).at(-1)!
  return outcomes.map((outcome) => summary(outcome).replace(/^emit \d+ /, ''))
}

test('paths share the flows', async (t) => {
  const before = placesAfter()
  t.equal(before.length, flows.length)
  for (const index of [1, 2, 3]) {
    const share = before.filter((place) => place === `remote ${index}`).length / flows.length
    t.ok(share > 0.2 && share < 0.5, `VTEP ${index} has ${(100 * share).toFixed(0)} % of the flows`)
  }

  const after = placesAfter(path('routeRemove', vteps[1]))
  const moved = before.filter((place, i) => place !== after[i])
  t.ok(moved.length > 0 && moved.every((place) => place === 'remote 2'), 'only its flows moved')

  const back = placesAfter(
    path('routeRemove', vteps[1]),
    path('routeAdd', vteps[1]),
    nextHop(vteps[1]),
  )
  t.same(back, before, 'and they come back with it, whatever rows it has then')
})
