// The parts of host that stand alone: lock, paths, events, distinguishers, differences, operations on their way.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { LocRibEntry } from '../../src/bgp/index.js'
import type { Operation } from '../../src/fib/index.js'
import { Adoption } from '../../src/host/adoption.js'
import { AmendmentsFile, noAmendments } from '../../src/host/amendments.js'
import { loadConfig } from '../../src/host/config/index.js'
import { suggest } from '../../src/host/config/suggest.js'
import { difference } from '../../src/host/effective.js'
import { EventLog } from '../../src/host/events.js'
import {
  HostFailure,
  lockRuntimeDir,
  runtimeDirOf,
  stateDirOf,
} from '../../src/host/instance/index.js'
import { demandOf, memberships } from '../../src/host/memberships.js'
import { OperationQueue } from '../../src/host/operation-queue.js'
import { distinguisherNumber } from '../../src/host/route-distinguishers.js'
import { type MembershipNlri, membershipKey } from '../../src/wire/index.js'

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'vt-parts-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

t.test('one lock, given back, and taken from the dead', async (t) => {
  const directory = folder(t)
  const unlock = lockRuntimeDir(directory)
  t.throws(() => lockRuntimeDir(directory), {
    message: new RegExp(`another vtep \\(process ${process.pid}\\)`),
  })
  unlock()
  lockRuntimeDir(directory)()
  // The same process id with another start is another process.
  writeFileSync(join(directory, 'controller.pid'), `${process.pid} 1\n`)
  lockRuntimeDir(directory)()
  writeFileSync(join(directory, 'controller.pid'), 'nonsense')
  lockRuntimeDir(directory)()
})

t.test('directories by option, environment, default', async (t) => {
  t.equal(runtimeDirOf(undefined, {}), '/run/vtep')
  t.equal(runtimeDirOf(undefined, { VTEP_RUNTIME_DIR: '/run/b' }), '/run/b')
  t.equal(runtimeDirOf('/run/a', { VTEP_RUNTIME_DIR: '/run/b' }), '/run/a')
  t.equal(stateDirOf(undefined, {}, '/run/vtep'), '/var/lib/vtep')
  t.equal(stateDirOf(undefined, {}, '/tmp/x'), '/tmp/x/state')
  t.equal(stateDirOf(undefined, { VTEP_STATE_DIR: '/s' }, '/run/vtep'), '/s')
  t.equal(stateDirOf('/o', { VTEP_STATE_DIR: '/s' }, '/run/vtep'), '/o')
})

t.test('amendments: nothing, written and read, and damaged', async (t) => {
  const directory = folder(t)
  const file = new AmendmentsFile(join(directory, 'deep', 'state'), join(directory, 'run'))
  t.same(file.read(), noAmendments)
  file.write({ ...noAmendments, hosts: [{ port: 'p', mac: '02:00:00:00:00:01', ip: [] }] })
  t.notOk(existsSync(file.path), 'what ends with a reboot is elsewhere')
  t.equal(file.read().hosts.length, 1)
  file.write({ ...noAmendments, routeDistinguishers: { '70000': 65535 } })
  t.same(file.read().routeDistinguishers, { '70000': 65535 })
  writeFileSync(file.path, '{')
  t.throws(() => file.read(), HostFailure)
  writeFileSync(file.path, '{"colour": 1, "ports": [{"name": "p"}]}')
  t.throws(() => file.read(), {
    message: /colour: expected one of the keys.*\n.*ports\[0\]\.network: expected a name/,
  })
  t.match(readFileSync(file.path, 'utf8'), 'colour', 'and it is left as it is')
})

t.test('the event stream forgets the oldest, and says so by its numbers', async (t) => {
  const log = new EventLog(() => 0, { capacity: 3 })
  t.same(log.since(0), [])
  const heard: number[] = []
  const stop = log.subscribe(({ sequence }) => heard.push(sequence))
  for (let n = 1; n <= 5; n++) log.add('info', 'test', `event ${n}`, { n })
  stop()
  log.add('info', 'test', 'event 6')
  t.same(heard, [1, 2, 3, 4, 5])
  t.same(
    log.since(0).map(({ sequence }) => sequence),
    [4, 5, 6],
  )
  t.same(
    log.since(5).map(({ text }) => text),
    ['event 6'],
  )
  t.same(log.since(6), [])
  t.same(log.since(99), [])
  t.equal(log.last, 6)
})

t.test('route distinguisher numbers: never two alike, never another than before', async (t) => {
  const vni = fc.integer({ min: 1, max: 0xffffff })
  fc.assert(
    fc.property(
      fc.array(fc.oneof(vni, fc.integer({ min: 65530, max: 65540 })), { maxLength: 40 }),
      (vnis) => {
        let assigned: Readonly<Record<string, number>> = {}
        const known = new Map<number, number>()
        for (const one of vnis) {
          const next = distinguisherNumber(one, assigned, [...known.keys()])
          assigned = next.assigned
          if (known.has(one) && known.get(one) !== next.number) return false
          known.set(one, next.number)
          if (next.number < 1 || next.number > 0xffff) return false
        }
        return new Set(known.values()).size === known.size
      },
    ),
  )
  t.equal(distinguisherNumber(10100, {}, []).number, 10100, 'a VNI that fits is its own')
  t.equal(
    distinguisherNumber(70000, {}, [65535]).number,
    65534,
    'what another VNI is by itself is avoided',
  )
  const taken = distinguisherNumber(65535, { '70000': 65535 }, [])
  t.same(taken, { number: 65534, assigned: { '65535': 65534, '70000': 65535 } })
})

t.test('a difference has every key once', async (t) => {
  const rows = fc.uniqueArray(
    fc.record({ key: fc.integer({ min: 0, max: 9 }), value: fc.boolean() }),
    {
      selector: ({ key }) => key,
    },
  )
  fc.assert(
    fc.property(rows, rows, (before, after) => {
      const { removed, added, changed } = difference(before, after, ({ key }) => key)
      const left = before
        .filter((row) => !removed.includes(row))
        .map((row) => changed.find(({ from }) => from === row)?.to ?? row)
      const result = [...left, ...added].sort((a, b) => a.key - b.key)
      const wanted = [...after].sort((a, b) => a.key - b.key)
      return JSON.stringify(result) === JSON.stringify(wanted)
    }),
  )
  t.pass()
})

t.test(
  'operations go out in order, a batch at a time, and a refused batch stops nothing',
  async (t) => {
    const sent: number[][] = []
    const failed: unknown[] = []
    let busy = false
    const queue = new OperationQueue(
      async (operations) => {
        t.notOk(busy, 'one at a time')
        busy = true
        await new Promise((resolve) => setImmediate(resolve))
        busy = false
        const vnis = operations.map((operation) => ('vni' in operation ? operation.vni : 0))
        sent.push(vnis)
        if (vnis.includes(3)) throw new Error('three')
      },
      (error) => failed.push(error),
    )
    const operation = (vni: number): Operation => ({ op: 'networkRemove', vni })
    t.ok(queue.idle)
    await queue.whenIdle()
    queue.push([operation(1)])
    queue.push([operation(2)])
    t.notOk(queue.idle)
    setImmediate(() => queue.push([operation(3), operation(4)]))
    setTimeout(() => queue.push([operation(5)]), 1)
    await queue.whenIdle()
    t.same(sent[0], [1, 2], 'what came in one turn goes together')
    t.same(sent.flat().slice(0, 4), [1, 2, 3, 4])
    t.match(failed, [{ message: 'three' }])
    queue.push([operation(6)])
    queue.clear()
    await queue.whenIdle()
    t.notOk(sent.flat().includes(6), 'what was cleared is not sent')
  },
)

t.test('the sweep waits for everybody, once', async (t) => {
  let swept = 0
  const adoption = new Adoption(['a', 'b'], () => swept++)
  adoption.begin()
  adoption.heard('a')
  adoption.heard('a')
  adoption.heard('c')
  t.equal(swept, 0)
  adoption.heard('b')
  adoption.heard('b')
  adoption.finish()
  t.equal(swept, 1)
  new Adoption([], () => swept++).begin()
  t.equal(swept, 2, 'nobody to wait for')
})

t.test('did you mean', async (t) => {
  const words = ['neighbors', 'networks', 'vtep', 'mac']
  for (const [text, word] of [
    ['neighbours', 'neighbors'],
    ['netwroks', 'networks'],
    ['VTEP', 'vtep'],
    ['mca', 'mac'],
    ['colour', undefined],
    ['', undefined],
  ] as const) {
    t.equal(suggest(text, words), word, text)
  }
})

t.test('what peers are asked for (RFC 4684)', async (t) => {
  const asked = (networks: string, neighbors: string): string[] => {
    const text = `{ asn: 65000, vtep: { address: 10.0.0.1 }, networks: [${networks}],
  bgp: { listen: {}, neighbors: [${neighbors}] } }\n`
    const loaded = loadConfig(text, 'parts')
    if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
    return memberships(loaded.config).map(({ nlri }) => membershipKey(nlri as MembershipNlri))
  }
  const every = ['0:0000000000000000/0']
  const blue = '{ name: blue, vni: 10100, routeTargets: { import: ["65000:10100", "65000:1"] } }'
  const red = '{ name: red, vni: 10200, routeTargets: { import: ["65000:1"] } }'
  const internal = '{ address: 10.0.0.2, asn: internal }, { address: 10.0.0.3, asn: 65000 }'
  const external = '{ address: 10.0.0.4, asn: 65004 }'
  const explicit = ['65000:0002fde800002774/96', '65000:0002fde800000001/96']
  t.same(asked(`${blue}, ${red}`, internal), explicit, 'each target once')
  t.same(asked(blue, external), explicit, 'one external peer')
  t.same(asked('', internal), every, 'without networks')
  const segment = (name: string): string =>
    `{ name: ${name}, ethernetSegment: { lacp: { systemMac: "02:00:00:00:00:01", key: 5 } } }`
  const shared = `ports: [${segment('p')}] }`
  t.same(
    asked(blue.replace(/}$/, `, ${shared}`), internal),
    [...explicit, '65000:0602020000000001/96'],
    'and the type 4 routes of its segments (RFC 7432 section 7.6)',
  )
  const vrf = (targets: string): string => `], vrfs: [{ name: a, vni: 50001${targets} }`
  t.same(asked(blue + vrf(''), internal), every, 'a VRF that imports by its VNI')
  const own = ', routeTargets: { import: ["65000:9"] }'
  t.same(asked(blue + vrf(own), internal), [...explicit, '65000:0002fde800000009/96'])
  t.same(asked(`${blue}, { name: c, vni: 5000 }`, internal), every, 'profile frr')
  t.same(asked(blue, `${internal}, ${external}`), every, 'passes on between peers')
  t.same(asked(blue, '{ range: 10.1.0.0/16, asn: external }'), every, 'as many as may come')
  t.same(
    asked(blue, '{ address: 10.0.0.2, asn: internal, routeReflectorClient: true }'),
    every,
    'a reflector',
  )
  t.same(asked(blue, `${internal}, { address: 10.0.0.9, asn: 1, families: [ipv4] }`), explicit)
})

t.test('route targets that others ask for', async (t) => {
  const entry = (nlri: Partial<MembershipNlri>, ...paths: readonly [string, string][]) =>
    ({
      nlri: { originAs: 65000, bits: 96, ...nlri },
      paths: paths.map(([peer, nextHop]) => ({ peer, nextHop })),
    }) as unknown as LocRibEntry
  const others: readonly [string, string][] = [
    ['b', '10.0.0.2'],
    ['c', '10.0.0.3'],
    ['d', '10.0.0.2'],
  ]
  const { ours, theirs, isOpen } = demandOf([
    entry({ target: '0002fde800002774' }, ['', '::'], ['b', '10.0.0.2']),
    entry({ target: '0002fde800000001' }, ...others),
    entry({ target: '01020a00000b0064' }, ...others),
    // What names no route target: everything, a prefix, a segment's MAC, a form that there is not.
    entry({ target: '0000000000000000', bits: 0 }, ...others),
    entry({ target: '0002fde800000000', bits: 64 }, ...others),
    entry({ target: '0602020000000001' }, ...others),
    entry({ target: '0302fde800000001' }, ...others),
  ])
  t.same([...ours], ['65000:10100'])
  t.ok(isOpen, 'others may want anything')
  const everything = { target: '0000000000000000', bits: 0 }
  t.notOk(demandOf([entry(everything, ['', '::'])]).isOpen, 'we may, too')
  t.same(Object.fromEntries([...theirs].map(([target, who]) => [target, [...who]])), {
    '65000:10100': ['10.0.0.2'],
    '65000:1': ['10.0.0.2', '10.0.0.3'],
    '10.0.0.11:100': ['10.0.0.2', '10.0.0.3'],
  })
})
