// Whatever differs from the image is found and repaired within four rounds; what is only on its way is left alone.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Audit, Image, type Operation, reconcile } from '../../src/fib/index.js'
import { ModelDataplane } from './model.js'

const VNIS = [10100, 10200]
const MACS = Array.from({ length: 6 }, (_, i) => `02:00:00:00:00:0${i}`)
const IPS = ['10.1.0.1', '10.1.0.2', '2001:db8::1']
const REMOTES = ['10.0.0.2', '10.0.0.3']
const PORTS = [1, 2]

const vni = fc.constantFrom(...VNIS)
const mac = fc.constantFrom(...MACS)
const ip = fc.constantFrom(...IPS)
const remote = fc.constantFrom(...REMOTES)
const port = fc.constantFrom(...PORTS)

const group = fc.constantFrom('239.1.1.1', 'ff05::1')

/** The second network is also the IP-VRF. */
const VRF = VNIS[1]!
const route = fc
  .record({ prefix: fc.constantFrom('10.2.0.0/16', '2001:db8::/32'), via: remote, mac })
  .map((one) => ({ ...one, vrf: VRF, kind: 'remote' as const, vni: VRF }))

/** Rows without their network and port are refused, by the image and by the tables. */
const row: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ op: fc.constant('floodAdd' as const), vni, remote, noUnknown: fc.boolean() }),
  fc.record({ op: fc.constant('replicatorSet' as const), vni, remote }),
  fc.record({
    op: fc.constant('macSetRemote' as const),
    vni,
    mac,
    remote,
    sticky: fc.boolean(),
    // Ours always overrides what the tables may have learned: so do the routes that a machine installs after a loss.
    override: fc.constant(true),
  }),
  fc.record({ op: fc.constant('listenerAdd' as const), vni, group, remote }),
  fc.record({ op: fc.constant('macSetLocal' as const), vni, mac, port, sticky: fc.boolean() }),
  fc.record({
    op: fc.constant('neighbourSet' as const),
    vni,
    ip,
    mac,
    origin: fc.constantFrom('local' as const, 'remote' as const),
    router: fc.boolean(),
    override: fc.boolean(),
    gateway: fc.boolean(),
  }),
  route.map((one) => ({ op: 'routeAdd' as const, ...one })),
)

const damage: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 2, arbitrary: row },
  fc.record({ op: fc.constant('floodRemove' as const), vni, remote }),
  fc.record({ op: fc.constant('listenerRemove' as const), vni, group, remote }),
  fc.record({
    op: fc.constant('macRemove' as const),
    vni,
    mac,
    origin: fc.constantFrom('local' as const, 'remote' as const),
  }),
  fc.record({
    op: fc.constant('neighbourRemove' as const),
    vni,
    ip,
    origin: fc.constantFrom('local' as const, 'remote' as const),
  }),
  route.map((one) => ({ op: 'routeRemove' as const, ...one })),
  fc.record({
    op: fc.constant('networkSet' as const),
    vni,
    suppress: fc.boolean(),
    agingSeconds: fc.constant(1),
  }),
  fc.record({ op: fc.constant('networkRemove' as const), vni: fc.constantFrom(...VNIS, 7) }),
  fc.record({ op: fc.constant('portAttach' as const), port, vni: fc.constantFrom(0, ...VNIS) }),
)

function make(rows: readonly Operation[]): { image: Image; tables: ModelDataplane } {
  const image = new Image()
  const tables = new ModelDataplane(PORTS)
  const all: Operation[] = [
    ...VNIS.toReversed().map(
      (vni): Operation => ({
        op: 'networkSet',
        vni,
        suppress: true,
        agingSeconds: 300,
        vrf: VRF,
      }),
    ),
    ...PORTS.map((port, i): Operation => ({ op: 'portAttach', port, vni: VNIS[i]! })),
    // A local MAC is behind a port of its network.
    ...rows.filter((one) => one.op !== 'macSetLocal' || VNIS[one.port - 1] === one.vni),
  ]
  for (const operation of all) image.change(operation)
  tables.apply(reconcile(image, tables.snapshot()))
  return { image, tables }
}

/** One round over pages of two rows; `between` happens behind each page. */
function round(audit: Audit, tables: ModelDataplane, between = () => {}) {
  const { macs, neighbours, routes, ...small } = tables.snapshot()
  audit.begin(small)
  for (let i = 0; i < macs.length; i += 2) {
    audit.macs(macs.slice(i, i + 2))
    between()
  }
  for (let i = 0; i < neighbours.length; i += 2) {
    audit.neighbours(neighbours.slice(i, i + 2))
    between()
  }
  for (let i = 0; i < routes.length; i += 2) {
    audit.routes(routes.slice(i, i + 2))
    between()
  }
  const end = audit.end()
  let step = end.next()
  while (step.done !== true) step = end.next()
  tables.apply(step.value.repairs)
  return step.value
}

t.test('damage is repaired', async () => {
  fc.assert(
    fc.property(fc.array(row), fc.array(damage, { maxLength: 6 }), (rows, damages) => {
      const { image, tables } = make(rows)
      const audit = new Audit(image)
      assert.deepEqual(round(audit, tables), { repairs: [], unsure: false }, 'nothing to do')
      tables.apply(damages)
      // A repair may uncover another difference, as a network that was gone comes back empty.
      for (let i = 0; i < 12; i++) round(audit, tables)
      assert.deepEqual(reconcile(image, tables.snapshot()), [])
      assert.deepEqual(round(audit, tables), { repairs: [], unsure: false }, 'and then never again')
    }),
    { numRuns: 500 },
  )
})

t.test('one difference takes three rounds', async (t) => {
  const set = { op: 'macSetRemote', remote: REMOTES[0]!, sticky: false, override: false } as const
  const [vni, mac] = [VNIS[0]!, MACS[0]!]
  const { image, tables } = make([{ ...set, vni, mac }])
  const audit = new Audit(image)
  round(audit, tables)
  tables.apply([{ op: 'macRemove', vni, mac, origin: 'remote' }])
  t.match(round(audit, tables), { repairs: [], unsure: true }, 'something is missing')
  t.match(round(audit, tables), { repairs: [], unsure: true }, 'this one')
  t.match(round(audit, tables), { repairs: [{ op: 'macSetRemote', mac }] }, 'again')
  t.match(round(audit, tables), { repairs: [], unsure: false })
})

t.test('writes on their way do no harm, and are not undone', async () => {
  fc.assert(
    fc.property(
      fc.array(row),
      fc.array(fc.record({ change: row, late: fc.nat(3) }), { maxLength: 30, size: 'max' }),
      (rows, changes) => {
        const { image, tables } = make(rows)
        const audit = new Audit(image)
        const waiting: { operation: Operation; pages: number }[] = []
        const next = [...changes]
        const between = (): void => {
          for (const one of waiting) one.pages--
          // In their order: what is behind one that waits waits, too.
          while (waiting[0] !== undefined && waiting[0].pages <= 0)
            tables.apply([waiting.shift()!.operation])
          const change = next.shift()
          if (change === undefined) return
          const operation = change.change
          if (operation.op === 'macSetLocal' && VNIS[operation.port - 1] !== operation.vni) return
          if (image.change(operation)) waiting.push({ operation, pages: change.late })
        }
        for (let i = 0; i < 10; i++) round(audit, tables, between)
        while (next.length > 0 || waiting.length > 0) between()
        for (let i = 0; i < 12; i++) round(audit, tables)
        assert.deepEqual(reconcile(image, tables.snapshot()), [])
      },
    ),
    { numRuns: 500 },
  )
})
