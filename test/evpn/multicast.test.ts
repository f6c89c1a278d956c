// Whatever hosts, routers and other VTEPs say in whatever order: the tables and our routes are what follows from what is wanted now.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Evpn, type EvpnEvent, type GroupView, type RouteChange } from '../../src/evpn/index.js'
import { type DataplaneEvent, reconcile } from '../../src/fib/index.js'
import { ipFamily } from '../../src/net/index.js'
import { type EvpnRoute, evpnKey, iana, parseExtendedCommunity } from '../../src/wire/index.js'
import { ModelDataplane } from '../fib/model.js'

const vni = 10100
const PORTS = [1, 2, 3]
const VTEPS = ['10.0.0.2', '10.0.0.3']

const port = fc.constantFrom(...PORTS)
const vtep = fc.constantFrom(...VTEPS)
const group = fc.constantFrom('239.1.1.1', '232.1.1.1', 'ff05::1')
const sourceOf = (of: string) => (ipFamily(of) === 4 ? '10.1.0.5' : '2001:db8::5')

const network = (snoops: boolean, rd = '10.0.0.1:1'): EvpnEvent => ({
  event: 'networkAdded',
  network: {
    name: 'blue',
    vni,
    rd,
    agingSeconds: 300,
    suppress: true,
    ...(snoops ? { multicast: { querier: true } } : {}),
  },
})

const seen = (event: DataplaneEvent): EvpnEvent => ({ event: 'dataplane', events: [event] })

const report = fc
  .record({
    port,
    group,
    record: fc.constantFrom('join', 'join', 'leave', 'include', 'include', 'block'),
    version: fc.constantFrom(2, 3),
  })
  .map(({ record, ...said }) =>
    seen({
      event: 'multicastReport',
      vni,
      ...said,
      record: record as 'join',
      ...(record === 'include' || record === 'block' ? { source: sourceOf(said.group) } : {}),
    }),
  )

function route(
  nlri: EvpnRoute,
  from: string,
  communities: readonly string[],
  is: boolean,
): EvpnEvent {
  const attributes = {
    extendedCommunities: ['rt:65000:10100', ...communities].map(parseExtendedCommunity),
    pmsiTunnel: {
      flags: 0,
      tunnelType: iana.pmsiTunnelType.ingressReplication,
      label: vni,
      endpoint: from,
    },
  }
  const best = is ? { nextHop: from, attributes } : undefined
  const change: RouteChange = { key: evpnKey(nlri), nlri, best }
  return { event: 'routes', changes: [change] }
}

const imet = fc
  .record({
    vtep,
    is: fc.boolean(),
    flags: fc.constantFrom('multicast:igmp,mld', 'multicast:igmp', undefined),
  })
  .map(({ vtep: from, is, flags }) => {
    const nlri = { type: 'imet', rd: `${from}:1`, ethernetTag: 0, originator: from } as const
    return route(nlri, from, ['encap:vxlan', ...(flags === undefined ? [] : [flags])], is)
  })

const smet = fc
  .record({
    vtep,
    is: fc.boolean(),
    group: fc.option(group, { nil: undefined }),
    ofSource: fc.boolean(),
    exclude: fc.boolean(),
  })
  .map(({ vtep: from, is, group: of, ofSource, exclude }) => {
    const flags = { v1: false, v2: false, v3: true, exclude, others: 0 }
    const channel =
      of === undefined ? {} : { group: of, ...(ofSource ? { source: sourceOf(of) } : {}) }
    const common = { rd: `${from}:1`, ethernetTag: 0, originator: from }
    return route({ type: 'smet', ...common, ...channel, flags }, from, [], is)
  })

const event: fc.Arbitrary<EvpnEvent> = fc.oneof(
  { weight: 6, arbitrary: report },
  { weight: 3, arbitrary: smet },
  { weight: 2, arbitrary: imet },
  fc
    .record({ port, querier: fc.constantFrom('10.1.0.254', '0.0.0.0', 'fe80::fe') })
    .map((said) => seen({ event: 'multicastQuery', vni, version: 3, ...said })),
  fc
    .record({ port, event: fc.constantFrom('portUp' as const, 'portDown' as const) })
    .map((said) => seen(said)),
  port.map((one) => ({ event: 'portUnbound', port: one }) as const),
  port.map((one) => ({ event: 'portBound', binding: { vni, port: one } }) as const),
  fc.constantFrom('evpn', 'multicast').map((timer) => ({ event: 'timer', timer }) as const),
  fc
    .record({ snoops: fc.boolean(), rd: fc.constantFrom('10.0.0.1:1', '10.0.0.1:2') })
    .map(({ snoops, rd }) => network(snoops, rd)),
)

/** What the tables have to contain, from what is wanted and who wants everything. */
function rowsOf(
  groups: readonly GroupView[],
  unproxied: (family: 4 | 6) => readonly string[],
): string[] {
  const rows = new Set<string>()
  const routers = groups.filter((one) => one.group === undefined)
  const everything = (of: string): string[] => [
    ...routers.flatMap(({ ports, remotes }) => [...ports.map(String), ...remotes]),
    ...unproxied(ipFamily(of)),
  ]
  for (const any of ['0.0.0.0', '::']) for (const one of everything(any)) rows.add(`${any}  ${one}`)
  for (const { group: of, source, ports, remotes } of groups) {
    if (of === undefined) continue
    const all = groups.filter((one) => one.group === of && one.source === undefined)
    const wanting = [
      ...everything(of),
      ...[{ ports, remotes }, ...all].flatMap((one) => [...one.ports.map(String), ...one.remotes]),
    ]
    for (const one of wanting) rows.add(`${of} ${source ?? ''} ${one}`)
  }
  return [...rows].sort()
}

/** What we have to tell: which channels hosts here want, but of a group whose every source is wanted only that. */
function routesOf(groups: readonly GroupView[]): string[] {
  const here = groups.filter(({ ports }) => ports.length > 0)
  return here
    .filter(
      ({ group: of, source }) =>
        source === undefined || !here.some((one) => one.group === of && one.source === undefined),
    )
    .map(({ group: of, source }) => `${of ?? '*'} ${source ?? '*'}`)
    .sort()
}

t.test('tables and routes follow', async (t) => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40, size: 'max' }), (events) => {
      const evpn = new Evpn({ asn: 65000, routerId: '10.0.0.1', vtep: '10.0.0.1', profile: 'frr' })
      const tables = new ModelDataplane(PORTS)
      const told = new Map<string, EvpnRoute>()
      const proxies = new Map<string, string>()
      let snoops = true
      const begin = [
        network(true),
        ...PORTS.map((one) => ({ event: 'portBound', binding: { vni, port: one } }) as const),
      ]
      for (const each of [...begin, ...events]) {
        if (each.event === 'networkAdded') snoops = each.network.multicast !== undefined
        for (const action of evpn.step(each)) {
          if (action.do === 'apply') tables.apply(action.operations)
          if (action.do === 'originate')
            for (const { nlri } of action.routes) told.set(evpnKey(nlri), nlri)
          if (action.do === 'withdraw')
            for (const { nlri } of action.routes) told.delete(evpnKey(nlri))
        }
        if (each.event === 'routes') note(proxies, each.changes[0]!)
        const groups = [...evpn.groups()]
        const unproxied = (family: 4 | 6): string[] =>
          [...proxies].flatMap(([from, flags]) =>
            flags.includes(family === 4 ? 'igmp' : 'mld') ? [] : [from],
          )
        const { listeners } = tables.snapshot()
        const rows = listeners.map(
          (row) => `${row.group} ${row.source ?? ''} ${'port' in row ? row.port : row.remote}`,
        )
        assert.deepEqual(rows.sort(), snoops ? rowsOf(groups, unproxied) : [])
        const ours = [...told.values()].flatMap((nlri) =>
          nlri.type === 'smet' ? [`${nlri.group ?? '*'} ${nlri.source ?? '*'}`] : [],
        )
        assert.deepEqual(ours.sort(), snoops ? routesOf(groups) : [])
        assert.deepEqual(tables.refused, [])
        assert.deepEqual(reconcile(evpn.image, tables.snapshot()), [])
      }
    }),
    { numRuns: 500 },
  )
  t.pass('always')
})

/** Keeps for which families each VTEP tells what it wants. */
function note(proxies: Map<string, string>, { nlri, best }: RouteChange): void {
  if (nlri.type !== 'imet') return
  if (best === undefined) {
    proxies.delete(nlri.originator)
    return
  }
  const flags = best.attributes.extendedCommunities?.find(({ type }) => type === 'multicastFlags')
  const { igmp, mld } = { igmp: false, mld: false, ...flags }
  proxies.set(nlri.originator, `${igmp ? 'igmp ' : ''}${mld ? 'mld' : ''}`)
}

t.test(
  'a port may want so many groups, and of each so many sources; the others are left alone',
  async (t) => {
    const evpn = new Evpn({ asn: 65000, routerId: '10.0.0.1', vtep: '10.0.0.1', profile: 'frr' })
    for (const each of [
      network(true),
      ...[1, 2].map((one) => ({ event: 'portBound', binding: { vni, port: one } }) as const),
    ])
      evpn.step(each)
    const joined = (from: number, of: string, source?: string) =>
      evpn.step(
        seen({
          event: 'multicastReport',
          vni,
          port: from,
          group: of,
          version: 3,
          ...(source === undefined ? { record: 'join' } : { record: 'include', source }),
        }),
      )
    const notices: string[] = []
    for (let n = 0; n < 600; n++) {
      for (const action of joined(1, `239.1.${n >> 8}.${n & 255}`))
        if (action.do === 'event') notices.push(action.kind)
    }
    for (let n = 0; n < 200; n++) joined(2, '232.1.1.1', `10.1.0.${n + 1}`)
    t.equal([...evpn.groups()].filter(({ ports }) => ports.includes(1)).length, 512)
    t.equal([...evpn.groups()].filter(({ ports }) => ports.includes(2)).length, 128)
    t.same(notices, ['multicastLimit'], 'it is told once')
    evpn.step({ event: 'portUnbound', port: 1 })
    joined(2, '239.9.9.9')
    t.equal([...evpn.groups()].length, 129)
  },
)
