// A host that migrates again and again, while what the old places say comes late, twice and in any order: the place
// where it is keeps it at every moment, each move has the next sequence number, and in the end all agree.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Fabric, type Host, type Update, VNI } from './fabric.js'

const MAC = '02:00:00:00:00:01'
const IP = '192.0.2.1'
const PORT = 1
const runs = Number(process.env['VTEP_TORTURE_SEEDS'] ?? 2000)

/** Which of the late updates comes next, and how often. */
const lateness = fc.record({
  link: fc.nat(5),
  at: fc.nat(7),
  times: fc.integer({ min: 1, max: 2 }),
})

/** How the new place comes to know, and what the old place is told. */
const move = fc.record({
  to: fc.nat(2),
  how: fc.constantFrom('frame' as const, 'platform' as const),
  leaves: fc.constantFrom('silently' as const, 'portDown' as const),
  /** While it is nowhere. */
  between: fc.array(lateness, { maxLength: 4 }),
})

const script = fc.array(fc.record({ move, late: fc.array(lateness, { maxLength: 8 }) }), {
  minLength: 1,
  maxLength: 20,
  size: 'max',
})

type Move = typeof move extends fc.Arbitrary<infer T> ? T : never
type Lateness = typeof lateness extends fc.Arbitrary<infer T> ? T : never

class Migration {
  readonly fabric = new Fabric(3)
  at: Host | undefined
  moves = 0

  move({ to, how, leaves, between }: Move): void {
    const from = this.at
    const target = this.fabric.hosts[to]!
    if (from !== undefined && from !== target) this.#leave(from, leaves)
    for (const lateness of between) this.late(lateness)
    target.dataplane.setPort(PORT, true)
    this.#flush(target)
    if (how === 'platform') {
      const binding = { vni: VNI, port: PORT, mac: MAC, ips: [IP] }
      target.step({ event: 'portBound', binding, arrived: true })
    } else {
      target.dataplane.frame(PORT, MAC)
      target.dataplane.snoop(PORT, MAC, IP)
    }
    this.#flush(target)
    if (from !== undefined && from !== target) this.moves++
    this.at = target
  }

  /** One of the updates on its way, ahead of all but those of the same route: BGP keeps these in order. */
  late({ link, at, times }: Lateness): void {
    const links = this.fabric.hosts.flatMap((from) =>
      [...from.links].map(([to, queue]) => ({ to, queue })),
    )
    const { to, queue } = links[link % links.length]!
    if (queue.length === 0) return
    const chosen = queue[at % queue.length]!
    this.#hand(
      to,
      queue,
      queue.findIndex(({ key }) => key === chosen.key),
      times,
    )
  }

  /** What is announced arrives; only withdrawals may be late. */
  announcementsArrive(): void {
    for (const from of this.fabric.hosts) {
      for (const [to, queue] of from.links) {
        for (let i = queue.findLastIndex(isAnnouncement); i >= 0; ) {
          const first = queue.findIndex(({ key }) => key === queue[i]!.key)
          this.#hand(to, queue, first, 1)
          i = queue.findLastIndex(isAnnouncement)
        }
      }
    }
  }

  #leave(from: Host, leaves: Move['leaves']): void {
    if (leaves === 'portDown') from.dataplane.setPort(PORT, false)
    // The platform takes back what it said of the port: a binding that stays would have the MAC when nobody else does.
    from.step({ event: 'portBound', binding: { vni: VNI, port: PORT } })
    this.#flush(from)
  }

  #hand(to: Host, queue: Update[], index: number, times: number): void {
    const [update] = queue.splice(index, 1)
    for (let i = 0; i < times; i++) to.hear(update!)
    this.#flush(to)
  }

  #flush(host: Host): void {
    while (!host.isQuiet) {
      host.applyOperations()
      host.handEvents()
    }
  }
}

const isAnnouncement = ({ best }: Update): boolean => best !== undefined

function sequenceAt(host: Host): number | undefined {
  const row = host.evpn.mac(VNI, MAC)
  return row?.kind === 'local' ? row.sequence : undefined
}

/** Everyone knows where the host is, and the tables say so. */
function checkEnd({ fabric, at }: Migration): void {
  assert.ok(fabric.settle(), 'comes to rest')
  assert.ok(fabric.audit(), 'comes to rest after the audit')
  for (const host of fabric.hosts) {
    const row = host.dataplane.mac(VNI, MAC)
    const said = host.ownMacs().toSorted()
    if (host === at) {
      assert.deepEqual(said, [MAC, `${MAC} ${IP}`])
      assert.deepEqual([row?.origin, row?.port], ['local', PORT])
    } else {
      assert.deepEqual(said, [], `${host.vtep} says nothing`)
      assert.deepEqual([row?.origin, row?.remote], ['remote', at!.vtep], host.vtep)
      assert.deepEqual(host.dataplane.neighbour(VNI, IP)?.mac, MAC)
    }
  }
}

t.test('late, doubled and reordered withdrawals take nothing from where the host is', async () => {
  fc.assert(
    fc.property(script, (steps) => {
      const migration = new Migration()
      for (const { move, late } of steps) {
        migration.move(move)
        migration.announcementsArrive()
        const { at, moves } = migration
        for (const lateness of [undefined, ...late]) {
          if (lateness !== undefined) migration.late(lateness)
          assert.equal(sequenceAt(at!), moves, `${at!.vtep} has it, after ${moves} moves`)
          assert.equal(at!.dataplane.mac(VNI, MAC)?.origin, 'local')
        }
      }
      checkEnd(migration)
    }),
    { numRuns: runs },
  )
})

t.test(
  'announcements may be late, too: the last word of the platform holds in the end',
  async () => {
    const told = script.map((steps) =>
      steps.map(({ move, late }) => ({
        move: { ...move, how: 'platform' } as const,
        late,
      })),
    )
    fc.assert(
      fc.property(told, (steps) => {
        const migration = new Migration()
        for (const { move, late } of steps) {
          migration.move(move)
          for (const lateness of late) migration.late(lateness)
        }
        checkEnd(migration)
      }),
      { numRuns: runs },
    )
  },
)
