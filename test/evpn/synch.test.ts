// A site with a link to each VTEP of its segment. Its hosts join and leave, by any link that is up; answers take any, too; routes, events
// and operations are late in any order, and links fail: in the end all VTEPs know the same groups, and no listener is lost. Who has left is
// forgotten at the latest when nobody has spoken of it for long.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Fabric, type Host, VNI } from './fabric.js'

const ESI = '03:02:00:00:00:00:01:00:00:01'
const PORT = 1
const GROUPS = ['239.1.1.1', '232.1.1.1', 'ff05::1']
const SOURCE = { '232.1.1.1': '10.1.0.5' } as Readonly<Record<string, string>>
/** Hosts 0 to 2 may share the segment; the last one is somebody else. */
const FAR = 3

const segment = {
  esi: ESI,
  singleActive: false,
  algorithm: 'hrw',
  preference: 0,
  dontPreempt: false,
  waitSeconds: 3,
} as const

const host = fc.nat(2)
const any = fc.nat(FAR)
const count = fc.nat(4)
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('join' as const, 'leave' as const),
      member: fc.nat(1),
      group: fc.nat(GROUPS.length - 1),
      link: host,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('answer' as const), host, link: host }) },
  fc.record({ do: fc.constant('link' as const), host, up: fc.boolean() }),
  fc.record({
    do: fc.constant('timer' as const),
    host: any,
    name: fc.constantFrom('multicast', 'segment'),
  }),
  fc.record({ do: fc.constant('operations' as const), host: any, count }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('events' as const), host: any, count }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('routes' as const), host: any, from: any, count }),
  },
  fc.record({ do: fc.constant('shuffle' as const), host: any, from: any }),
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

class Site {
  readonly fabric: Fabric
  /** What hosts behind the segment want, each by itself. */
  readonly wanted = [new Set<string>(), new Set<string>()] as const
  #random = 1

  constructor(sharing: number) {
    this.fabric = new Fabric(FAR + 1, { multicast: { querier: true } })
    for (const each of this.fabric.hosts.slice(0, sharing)) {
      each.step({ event: 'portBound', binding: { vni: VNI, port: PORT, segment } })
    }
    this.sharing = this.fabric.hosts.slice(0, sharing)
    this.settle()
  }

  readonly sharing: readonly Host[]

  /** VTEPs with a link that is up. */
  get linked(): readonly Host[] {
    return this.sharing.filter(({ dataplane }) => dataplane.ports.get(PORT)!.up)
  }

  play(each: Step): void {
    switch (each.do) {
      case 'join':
      case 'leave': {
        const group = GROUPS[each.group]!
        const wanted = this.wanted[each.member]!
        if (each.do === 'join') wanted.add(group)
        else if (!wanted.delete(group)) return
        this.#report(group, each.do === 'join', each.link)
        return
      }
      case 'answer':
        this.answer(this.fabric.hosts[each.host]!, each.link)
        return
      case 'link':
        this.fabric.hosts[each.host]!.dataplane.setPort(PORT, each.up)
        return
      case 'timer':
        this.fire(this.fabric.hosts[each.host]!, each.name)
        return
      case 'operations':
        this.fabric.hosts[each.host]!.applyOperations(each.count)
        return
      case 'events':
        this.fabric.hosts[each.host]!.handEvents(each.count)
        return
      case 'routes':
        if (each.from === each.host) return
        this.fabric.hosts[each.host]!.receive(this.fabric.hosts[each.from]!, each.count)
        return
      case 'shuffle': {
        // Different routes may pass each other; of one, only the last word has to arrive.
        const queue = this.fabric.hosts[each.from]!.links.get(this.fabric.hosts[each.host]!)
        const last = queue?.pop()
        if (queue === undefined || last === undefined) return
        const others = queue.splice(0).filter(({ key }) => key !== last.key)
        queue.push(last, ...others)
      }
    }
  }

  /** Frames take a link that is up. */
  #report(group: string, is: boolean, link: number): void {
    const links = this.linked
    if (links.length === 0) return
    const source = SOURCE[group]
    const said =
      source === undefined
        ? { record: is ? 'join' : 'leave' }
        : { source, record: is ? 'include' : 'block' }
    links[link % links.length]!.dataplane.events.push({
      event: 'multicastReport',
      vni: VNI,
      port: PORT,
      group,
      version: 3,
      ...said,
    } as never)
  }

  answer(of: Host, link: number): boolean {
    const queries = of.queries.splice(0)
    if (!this.linked.includes(of)) return false
    let isAny = false
    for (const { ports, group: asked } of queries) {
      if (!ports.includes(PORT)) continue
      for (const group of new Set(this.wanted.flatMap((some) => [...some]))) {
        const isGeneral = asked === '0.0.0.0' || asked === '::'
        const isSame = group.includes(':') === asked.includes(':')
        if (asked !== group && !(isGeneral && isSame)) continue
        this.#report(group, true, link + this.#random++)
        isAny = true
      }
    }
    return isAny
  }

  fire(of: Host, name: string): boolean {
    const i = of.timers.findIndex((timer) => timer.startsWith(name))
    if (i < 0) return false
    const [timer] = of.timers.splice(i, 1)
    of.step({ event: 'timer', timer: timer! })
    return true
  }

  /** Everything arrives, every question is answered in time, and all timers but that of aging end. */
  settle(): void {
    for (let round = 0; round < 200; round++) {
      assert.ok(this.fabric.settle(), 'it comes to rest')
      let isBusy = false
      for (const each of this.fabric.hosts) isBusy = this.answer(each, round) || isBusy
      if (isBusy) continue
      for (const each of this.fabric.hosts) {
        isBusy = this.fire(each, 'segment') || isBusy
        isBusy = this.fire(each, 'multicast') || isBusy
      }
      if (!isBusy) return
    }
    assert.fail('timers end')
  }

  /** What each VTEP of the segment knows of it. */
  known(of: Host): readonly string[] {
    return [...of.evpn.groups()]
      .filter(({ group, ports }) => group !== undefined && ports.includes(PORT))
      .map(({ group }) => group!)
      .sort()
  }

  get all(): readonly string[] {
    return [...new Set(this.wanted.flatMap((some) => [...some]))].sort()
  }

  check(isExact: boolean): void {
    const { linked } = this
    const [first] = linked
    if (first === undefined) return
    for (const each of linked) {
      assert.deepEqual(this.known(each), this.known(first), 'all know the same')
      for (const group of this.all) assert.ok(this.known(each).includes(group), 'nobody is lost')
      if (isExact) assert.deepEqual(this.known(each), this.all, 'and nobody is left over')
      const rows = each.dataplane
        .snapshot()
        .listeners.filter((row) => 'port' in row && row.port === PORT)
      assert.deepEqual([...new Set(rows.map((row) => row.group))].sort(), this.known(each))
    }
    const [far] = this.fabric.hosts.slice(FAR) as [Host]
    // One of them is asked to deliver, and fetches it.
    const fetching = [...far.evpn.groups()].map(
      ({ group, remotes }) => `${group} ${remotes.length}`,
    )
    assert.deepEqual(
      fetching.sort(),
      this.known(first).map((group) => `${group} 1`),
    )
  }
}

t.test('VTEPs of a segment agree on its groups', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 3 }),
      fc.array(step, { maxLength: 60, size: 'max' }),
      (sharing, steps) => {
        const site = new Site(sharing)
        for (const each of steps) site.play(each)
        site.settle()
        site.check(false)
        // Reports live for nine ticks.
        for (let tick = 0; tick < 12; tick++) {
          for (const each of site.fabric.hosts) site.fire(each, 'evpn')
          site.settle()
        }
        site.check(true)
        for (const { dataplane } of site.fabric.hosts) assert.deepEqual(dataplane.refused, [])
        assert.ok(site.fabric.audit())
        for (const { notices } of site.fabric.hosts) {
          assert.ok(!notices.some(({ kind }) => kind === 'repaired'))
        }
      },
    ),
    { numRuns: 400 },
  )
})
