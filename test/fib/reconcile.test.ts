// The laws of image and reconcile, over any image and any tables.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  additions,
  Image,
  listenerKey,
  macGroupKey,
  type Operation,
  type RouteState,
  reconcile,
  removals,
} from '../../src/fib/index.js'
import { ModelDataplane } from './model.js'

const vni = fc.constantFrom(10100, 10200)
const mac = fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03')
const ip = fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1')
const remote = fc.constantFrom('10.0.0.2', '10.0.0.3')
const port = fc.constantFrom(1, 2)
const origin = fc.constantFrom('local' as const, 'remote' as const)
const is = fc.boolean()
const groupKey = fc
  .record({ vni, via: fc.constantFrom(undefined, '10.0.0.2') })
  .map(({ vni, via }) => ({
    vni,
    esi: '03:00:00:00:00:00:01:00:00:01',
    ...(via === undefined ? {} : { via }),
  }))

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ op: fc.constant('networkRemove' as const), vni }),
  fc.record({
    op: fc.constant('portAttach' as const),
    port,
    vni: fc.constantFrom(0, 10100, 10200),
  }),
  fc.record({
    op: fc.constant('floodAdd' as const),
    vni,
    remote,
    noBroadcasts: is,
    noUnknown: is,
  }),
  fc.record({ op: fc.constant('floodRemove' as const), vni, remote }),
  fc.record({ vni, remote: fc.option(remote, { nil: undefined }) }).map(({ vni, remote }) => ({
    op: 'replicatorSet' as const,
    vni,
    ...(remote === undefined ? {} : { remote }),
  })),
  fc
    .record({
      op: fc.constantFrom(
        'listenerAdd' as const,
        'listenerAdd' as const,
        'listenerRemove' as const,
      ),
      vni,
      group: fc.constantFrom('239.1.1.1', 'ff05::1', '0.0.0.0'),
      source: fc.constantFrom(undefined, '10.1.0.5'),
      place: fc.oneof(fc.record({ port }), fc.record({ remote })),
    })
    .map(({ source, place, ...at }) => ({
      ...at,
      ...(source === undefined ? {} : { source }),
      ...place,
    })),
  fc.record({
    op: fc.constant('macSetRemote' as const),
    vni,
    mac,
    remote,
    sticky: is,
    override: is,
  }),
  fc.record({ op: fc.constant('macSetLocal' as const), vni, mac, port, sticky: is }),
  groupKey.chain((key) =>
    fc.oneof(
      fc
        .uniqueArray(remote, { maxLength: 2 })
        .map((remotes) => ({ op: 'macGroupSet' as const, ...key, remotes })),
      fc.constant({ op: 'macGroupRemove' as const, ...key }),
      fc
        .record({ mac, sticky: is, override: is })
        .map((row) => ({ op: 'macSetGroup' as const, ...key, ...row })),
    ),
  ),
  fc.record({
    op: fc.constant('macSetPeer' as const),
    vni,
    mac,
    port,
    sticky: is,
    override: is,
  }),
  fc.record({
    op: fc.constant('portSegmentSet' as const),
    port,
    designated: is,
    blocked: is,
    peers: fc.uniqueArray(remote, { maxLength: 2 }),
  }),
  fc.record({ op: fc.constant('portSegmentClear' as const), port }),
  fc.record({ op: fc.constant('macRemove' as const), vni, mac, origin }),
  fc.record({
    op: fc.constant('neighbourSet' as const),
    vni,
    ip,
    mac,
    origin,
    router: is,
    override: is,
  }),
  fc.record({ op: fc.constant('neighbourRemove' as const), vni, ip, origin }),
  fc.record({
    op: fc.constant('networkSet' as const),
    vni,
    suppress: is,
    snoop: is,
    suppressUnknown: is,
    advertise: is,
    agingSeconds: fc.constantFrom(0, 300),
    stormFramesPerSecond: fc.constantFrom(0, 10_000),
    stormBurst: fc.constantFrom(1, 10_000),
  }),
  fc
    .record({
      vni: fc.constantFrom(10100, 10200, 50001, 50002),
      vrf: fc.constantFrom(undefined, 50001, 50002),
      routerMac: fc.constantFrom(undefined, '02:00:00:00:00:03'),
    })
    .map(({ vni, vrf, routerMac }) => ({
      op: 'networkSet' as const,
      vni,
      suppress: false,
      agingSeconds: 0,
      ...(vrf === undefined ? {} : { vrf }),
      ...(routerMac === undefined ? {} : { routerMac }),
    })),
  fc.constantFrom(50001, 50002).map((vni) => {
    return { op: 'networkSet' as const, vni, suppress: false, agingSeconds: 0, vrf: vni }
  }),
  fc.record({ op: fc.constant('networkRemove' as const), vni: fc.constantFrom(50001, 50002) }),
  fc
    .record({
      op: fc.constantFrom('routeAdd' as const, 'routeAdd' as const, 'routeRemove' as const),
      vrf: fc.constantFrom(50001, 50001, 50002),
      prefix: fc.constantFrom('192.0.2.0/24', '2001:db8::/64'),
      hop: fc.oneof(
        fc.constantFrom({ kind: 'own' as const }, { kind: 'blackhole' as const }),
        fc.record({ kind: fc.constant('connected' as const), vni }),
        fc.record({ kind: fc.constant('gateway' as const), vni, via: ip }),
        fc.record({
          kind: fc.constant('remote' as const),
          vni: fc.constantFrom(50001, 50009),
          via: remote,
          mac,
        }),
      ),
    })
    .map(({ op, hop, ...at }) => ({ op, ...at, ...hop })),
)
const frame = fc.record({ op: fc.constant('frame' as const), port, mac, ip })
const history = fc.array(fc.oneof({ weight: 4, arbitrary: operation }, frame), {
  maxLength: 40,
  size: 'max',
})

/** What an image may be told: rows need their network, and a bound MAC its port there. */
function isSound(image: Image, wanted: Operation): boolean {
  const isVrf = (vni: number) => image.networks.get(vni)?.settings.vrf === vni
  const all = [...image.networks.values()]
  const leads = (route: RouteState, vni: number) =>
    'via' in route || 'vni' in route ? isInto(route, vni) : false
  if (wanted.op === 'networkSet') {
    const { vni, vrf = 0 } = wanted
    const stays = vrf === vni || (image.networks.get(vni)?.routes.size ?? 0) === 0
    return stays && (vrf === 0 || vrf === vni || isVrf(vrf))
  }
  if (wanted.op === 'networkRemove') {
    return !all.some(({ routes }) => [...routes.values()].some((route) => leads(route, wanted.vni)))
  }
  if (wanted.op === 'routeAdd') {
    const { kind } = wanted
    const into = kind === 'connected' || kind === 'gateway' ? wanted.vni : wanted.vrf
    return isVrf(wanted.vrf) && image.networks.has(into)
  }
  if (wanted.op === 'routeRemove') return true
  if (wanted.op === 'portSegmentSet' || wanted.op === 'portSegmentClear') return true
  if (wanted.op === 'portAttach') return wanted.vni === 0 || image.networks.has(wanted.vni)
  if (!image.networks.has(wanted.vni)) return false
  const { routerMac } = image.networks.get(wanted.vni)!.settings
  if (wanted.op.startsWith('macSet') && 'mac' in wanted && wanted.mac === routerMac) return false
  const { macs, macGroups } = image.networks.get(wanted.vni)!
  if (wanted.op === 'macGroupRemove') {
    return [...macs.values()].every(
      (row) => row.op !== 'macSetGroup' || macGroupKey(row) !== macGroupKey(wanted),
    )
  }
  if (wanted.op === 'macSetGroup' && !macGroups.has(macGroupKey(wanted))) return false
  // What is bound here gives way to a claim from elsewhere only where that says so.
  const isBound = 'mac' in wanted && macs.get(wanted.mac)?.op === 'macSetLocal'
  const isFar = wanted.op.startsWith('macSet') && 'override' in wanted
  if (isFar && !wanted.override && isBound) return false
  const needsPort =
    wanted.op === 'macSetLocal' || wanted.op === 'macSetPeer' || wanted.op === 'listenerAdd'
  return !needsPort || !('port' in wanted) || image.attachments.get(wanted.port) === wanted.vni
}

const isInto = (route: RouteState, vni: number): boolean =>
  (route.kind === 'connected' || route.kind === 'gateway') && route.vni === vni

type Step = Operation | { op: 'frame'; port: number; mac: string; ip: string }

/** Tables with any past: operations and frames. */
function tablesOf(steps: readonly Step[]): ModelDataplane {
  const tables = new ModelDataplane([1, 2])
  for (const step of steps) {
    if (step.op === 'frame') tables.snoop(step.port, step.mac, step.ip)
    else tables.apply([step])
  }
  tables.refused.length = 0
  return tables
}

function imageOf(steps: readonly Step[]): Image {
  const image = new Image()
  for (const step of steps) if (step.op !== 'frame' && isSound(image, step)) image.change(step)
  return image
}

/** What is in the tables and not learned, as operations would say it. */
function said(tables: ModelDataplane): readonly string[] {
  const { networks, floods, listeners, macs, neighbours, ports } = tables.snapshot()
  return [
    ...networks.map((row) => `network ${JSON.stringify(row)}`),
    ...ports.map(({ id, vni: at }) => `port ${id} ${at}`),
    ...floods.map((row) => `flood ${JSON.stringify(row)}`),
    ...listeners.map((row) => `listener ${row.vni} ${listenerKey(row)}`),
    ...macs.map((row) => `mac ${JSON.stringify(row)}`),
    ...neighbours.map((row) => `neighbour ${JSON.stringify(row)}`),
  ].sort()
}

t.test('once reconciled, nothing is left to reconcile, and nothing was refused', async () => {
  fc.assert(
    fc.property(history, history, (past, wanted) => {
      const tables = tablesOf(past)
      const image = imageOf(wanted)
      tables.apply(reconcile(image, tables.snapshot()))
      assert.deepStrictEqual(tables.refused, [])
      // A port that was detached took along what it had taught; only what that had hidden may be left.
      for (const row of reconcile(image, tables.snapshot())) {
        assert.ok(row.op === 'macSetRemote' || row.op === 'neighbourSet')
        assert.ok(
          tables.events.some(({ event }) => event === 'macFlushed' || event === 'neighbourAged'),
        )
        tables.apply([row])
      }
      assert.deepStrictEqual(reconcile(image, tables.snapshot()), [])
    }),
    { numRuns: 1000 },
  )
})

t.test('additions alone take nothing away that nobody replaces', async () => {
  fc.assert(
    fc.property(history, history, (past, wanted) => {
      const tables = tablesOf(past)
      const image = imageOf(wanted)
      const before = tables.snapshot()
      tables.apply(additions(image, before))
      const after = tables.snapshot()
      for (const { vni: at, remote: to } of before.floods) {
        assert.ok(after.floods.some((row) => row.vni === at && row.remote === to))
      }
      for (const { vni: at, replicator } of before.networks) {
        const now = after.networks.find((row) => row.vni === at)?.replicator
        assert.ok(replicator === undefined || now !== undefined)
      }
      const moved = new Set(
        before.ports
          .filter(({ id, vni: at }) => after.ports.some((row) => row.id === id && row.vni !== at))
          .map(({ id }) => id),
      )
      for (const { vni: at, mac: of, port: behind } of before.macs) {
        const isThere = after.macs.some((row) => row.vni === at && row.mac === of)
        const isRouter = image.networks.get(at)?.settings.routerMac === of
        assert.ok(isThere || isRouter || (behind !== undefined && moved.has(behind)))
      }
      tables.apply(removals(image, tables.snapshot()))
      tables.apply(additions(image, tables.snapshot()))
      assert.deepStrictEqual(reconcile(image, tables.snapshot()), [])
    }),
    { numRuns: 500 },
  )
})

t.test('told step by step or all at once, the tables become the same', async () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40, size: 'max' }), (wanted) => {
      const image = new Image()
      const told = new ModelDataplane([1, 2])
      for (const step of wanted) {
        if (isSound(image, step) && image.change(step)) told.apply([step])
      }
      const reconciled = new ModelDataplane([1, 2])
      reconciled.apply(reconcile(image, reconciled.snapshot()))
      assert.deepStrictEqual(said(told), said(reconciled))
      assert.deepStrictEqual(reconcile(image, told.snapshot()), [])
    }),
    { numRuns: 1000 },
  )
})

t.test(
  'the order is safe: what is used is there before its users, and goes after them',
  async () => {
    const image = new Image()
    image.change({ op: 'networkSet', vni: 10100, suppress: true, agingSeconds: 300 })
    image.change({ op: 'portAttach', port: 1, vni: 10100 })
    image.change({ op: 'floodAdd', vni: 10100, remote: '10.0.0.2' })
    const at = { vni: 10100, mac: '02:00:00:00:00:01' }
    image.change({ op: 'macSetLocal', ...at, port: 1, sticky: false })
    const of = { ip: '192.0.2.1', origin: 'local', router: false } as const
    image.change({ op: 'neighbourSet', ...at, ...of })
    const tables = new ModelDataplane([1, 2])
    tables.apply([
      { op: 'networkSet', vni: 10200, suppress: true, agingSeconds: 300 },
      { op: 'portAttach', port: 1, vni: 10200 },
    ])
    t.strictSame(
      reconcile(image, tables.snapshot()).map(({ op }) => op),
      ['networkSet', 'portAttach', 'floodAdd', 'macSetLocal', 'neighbourSet', 'networkRemove'],
    )
    tables.apply(reconcile(image, tables.snapshot()))
    image.change({ op: 'neighbourRemove', vni: 10100, ip: '192.0.2.1', origin: 'local' })
    image.change({ op: 'macRemove', ...at, origin: 'local' })
    image.change({ op: 'floodRemove', vni: 10100, remote: '10.0.0.2' })
    image.change({ op: 'portAttach', port: 1, vni: 0 })
    t.strictSame(
      reconcile(image, tables.snapshot()).map(({ op }) => op),
      ['neighbourRemove', 'macRemove', 'floodRemove', 'portAttach'],
    )
  },
)

t.test('what the packet path learned is left alone, unless a remote MAC overrides', async () => {
  const tables = new ModelDataplane([1])
  const image = new Image()
  for (const op of [
    { op: 'networkSet', vni: 10100, suppress: true, agingSeconds: 300 },
    { op: 'portAttach', port: 1, vni: 10100 },
  ] as const) {
    image.change(op)
    tables.apply([op])
  }
  tables.snoop(1, '02:00:00:00:00:01', '192.0.2.1')
  t.strictSame(reconcile(image, tables.snapshot()), [])
  const row = { vni: 10100, mac: '02:00:00:00:00:01', remote: '10.0.0.2', sticky: false }
  image.change({ op: 'macSetRemote', ...row, override: false })
  t.strictSame(reconcile(image, tables.snapshot()), [])
  const override = { op: 'macSetRemote', ...row, override: true } as const
  image.change(override)
  t.strictSame(reconcile(image, tables.snapshot()), [override])
})

t.test('an image without the network of a row is a mistake', async () => {
  const image = new Image()
  t.throws(
    () => image.change({ op: 'floodAdd', vni: 7, remote: '10.0.0.2' }),
    /network 7, which is not there/,
  )
  t.throws(() => image.change({ op: 'portAttach', port: 1, vni: 7 }), /network 7/)
})
