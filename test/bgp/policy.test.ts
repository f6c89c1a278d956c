// What crosses which border, and how it changes there.

import t from 'tap'
import { AttributeSets } from '../../src/bgp/attribute-set.js'
import { Filter } from '../../src/bgp/filter.js'
import {
  type ImportSource,
  importAttributes,
  loopOf,
  refusalOf,
} from '../../src/bgp/import-policy.js'
import type { FilterRule, Role, RouteNlri } from '../../src/bgp/index.js'
import { Path, type PathSource, type SessionFamily } from '../../src/bgp/index.js'
import { Exporter, type ExportTarget, mayExport, prepend, SELF } from '../../src/bgp/policy.js'
import { iana, initialContext, type PathAttributes } from '../../src/wire/index.js'
import { macIp } from './routes.js'

const speaker = { asn: 65000, routerId: '10.0.0.1' }
const sets = new AttributeSets()
const exporter = new Exporter(speaker, sets)
const base: PathAttributes = { origin: 'igp', asPath: [] }

const sources: { readonly [name: string]: PathSource } = {
  local: { peer: '', kind: 'local', address: '10.0.0.1', routerId: '10.0.0.1', isClient: false },
  client: { peer: 'c', kind: 'ibgp', address: '10.0.0.2', routerId: '10.0.0.2', isClient: true },
  nonClient: {
    peer: 'n',
    kind: 'ibgp',
    address: '10.0.0.3',
    routerId: '10.0.0.3',
    isClient: false,
  },
  external: { peer: 'e', kind: 'ebgp', address: '10.0.0.4', routerId: '10.0.0.4', isClient: false },
}

const anybody: ImportSource = {
  peerAsn: 65001,
  allowAsIn: 0,
  filter: undefined,
  siteOfOrigin: undefined,
  role: undefined,
}

const target = (more: Partial<ExportTarget>): ExportTarget => ({
  kind: 'ibgp',
  isClient: false,
  localAddress: '10.0.0.1',
  nextHopSelf: false,
  context: initialContext,
  ...more,
})

const targets = {
  client: target({ isClient: true }),
  nonClient: target({}),
  external: target({ kind: 'ebgp' }),
}

function path(source: PathSource, attributes: PathAttributes = {}, nextHop = '10.1.0.1'): Path {
  return new Path(macIp(1).nlri, sets.intern({ ...base, ...attributes }, nextHop), source)
}

const exported = (from: Path, to: ExportTarget, family: SessionFamily = 'evpn') =>
  exporter.export(from, family, to)

t.test('who is told (RFC 4271 section 9.2, RFC 4456 section 6)', async (t) => {
  const told: { readonly [source: string]: string } = {
    local: 'client nonClient external',
    client: 'client nonClient external',
    nonClient: 'client external',
    external: 'client nonClient external',
  }
  for (const [name, source] of Object.entries(sources)) {
    const reached = Object.entries(targets)
      .filter(([, to]) => mayExport(path(source), 'evpn', to))
      .map(([name]) => name)
    t.equal(reached.join(' '), told[name], name)
  }
})

t.test('well-known communities (RFC 1997)', async (t) => {
  const { noAdvertise, noExport, noExportSubconfed } = iana.wellKnownCommunity
  const local = sources['local']!
  t.notOk(mayExport(path(local, { communities: [noAdvertise] }), 'evpn', targets.client))
  for (const community of [noExport, noExportSubconfed]) {
    t.ok(mayExport(path(local, { communities: [community] }), 'evpn', targets.client))
    t.notOk(mayExport(path(local, { communities: [community] }), 'evpn', targets.external))
  }
})

t.test('to internal peers', async (t) => {
  const own = exported(path(sources['local']!), targets.nonClient)
  t.equal(own?.attributes.localPref, 100, 'LOCAL_PREF is always there')
  t.same(own?.attributes.asPath, [])
  t.equal(own?.attributes.originatorId, undefined, 'our own route is not reflected')
  const external = path(sources['external']!, { med: 7, asPath: prepend([], 65001) })
  const passed = exported(external, targets.nonClient)
  t.match(passed?.attributes, { localPref: 100, med: 7, asPath: [{ asns: [65001] }] })
  t.equal(passed?.nextHop, '10.1.0.1', 'the VTEP stays')
})

t.test('reflected', async (t) => {
  const from = path(sources['client']!, { localPref: 300 })
  const once = exported(from, targets.nonClient)
  t.match(once?.attributes, { localPref: 300, originatorId: '10.0.0.2', clusterList: ['10.0.0.1'] })
  const again = path(sources['client']!, { originatorId: '7.7.7.7', clusterList: ['8.8.8.8'] })
  t.match(exported(again, targets.client)?.attributes, {
    originatorId: '7.7.7.7',
    clusterList: ['10.0.0.1', '8.8.8.8'],
  })
  t.equal(exported(from, target({ nextHopSelf: true }))?.nextHop, '10.1.0.1')
})

t.test('to external peers', async (t) => {
  const inside: PathAttributes = {
    localPref: 300,
    med: 5,
    originatorId: '7.7.7.7',
    clusterList: ['8.8.8.8'],
    extendedCommunities: [
      { type: 'routeTarget', target: '65000:1' },
      // Type 0x43: opaque, not transitive.
      { type: 'unknown', value: '0x4300000000000001' },
    ],
  }
  const { attributes, nextHop } = exported(path(sources['client']!, inside), targets.external)!
  t.same(attributes.asPath, [{ type: 'sequence', asns: [65000] }])
  t.equal(nextHop, '10.1.0.1', 'the VTEP stays')
  for (const name of ['localPref', 'med', 'originatorId', 'clusterList'] as const) {
    t.notHas(attributes, name)
  }
  t.same(attributes.extendedCommunities, [{ type: 'routeTarget', target: '65000:1' }])
  t.equal(exported(path(sources['local']!, { med: 5 }), targets.external)?.attributes.med, 5)
  const self = exported(path(sources['client']!), target({ kind: 'ebgp', nextHopSelf: true }))
  t.equal(self?.nextHop, '10.0.0.1')
  const own = exported(path(sources['local']!), target({ kind: 'ebgp', nextHopSelf: true }))
  t.equal(own?.nextHop, '10.1.0.1', 'what is our own says itself where it is')
})

t.test('unicast is told of ourselves alone, at our address of the session', async (t) => {
  const over6 = target({ localAddress: '2001:db8::1' })
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const [name, source] of Object.entries(sources)) {
      const told = Object.values(targets).filter((to) => exported(path(source), to, family))
      t.equal(told.length, name === 'local' ? 3 : 0, `${family} of ${name}`)
    }
  }
  const own = path(sources['local']!, {}, SELF)
  t.equal(exported(own, targets.client, 'ipv4')?.nextHop, '10.0.0.1')
  t.equal(exported(own, over6, 'ipv6')?.nextHop, '2001:db8::1')
  t.equal(exported(own, over6, 'ipv4'), undefined, 'no IPv4 over an IPv6 session')
  t.equal(exported(own, targets.client, 'ipv6'), undefined, 'no IPv6 over an IPv4 session')
})

t.test('unknown attributes (RFC 4271 section 5)', async (t) => {
  const value = Uint8Array.of(1, 2)
  const unknown = [
    { code: 99, flags: 0xc0, value },
    { code: 98, flags: 0x80, value },
  ]
  const kept = importAttributes({ ...base, unknown }, 'evpn', anybody)
  t.same(kept.unknown, [unknown[0]], 'a non-transitive one is not passed on')
  const sent = exported(path(sources['external']!, kept), targets.external)
  t.same(sent?.attributes.unknown, [{ code: 99, flags: 0xe0, value }], 'with the Partial bit')
})

t.test('a Partial bit that was set stays set', async (t) => {
  const received = {
    ...base,
    communities: [1],
    asReceived: [
      { code: 1, flags: 0x40 },
      { code: 8, flags: 0xf0 },
    ],
  }
  const { attributes } = exported(path(sources['external']!, received), targets.external)!
  t.same(attributes.asReceived, [{ code: 8, flags: 0xe0 }])
})

t.test('to a speaker of two-octet AS numbers (RFC 6793)', async (t) => {
  const old = target({ kind: 'ebgp', context: { ...initialContext, fourOctetAs: false } })
  const from = path(sources['external']!, { asPath: prepend([], 4200000000) })
  t.match(exported(from, old)?.attributes, {
    asPath: [{ asns: [65000, 4200000000] }],
    as4Path: [{ asns: [65000, 4200000000] }],
  })
  t.notHas(exported(from, targets.external)?.attributes, 'as4Path')
})

t.test('loops', async (t) => {
  const of = (attributes: PathAttributes) =>
    loopOf(sets.intern({ ...base, ...attributes }, '1.1.1.1'), speaker)
  t.equal(of({}), undefined)
  t.match(of({ asPath: [{ type: 'set', asns: [1, 65000] }] }), /AS path/)
  t.match(of({ originatorId: '10.0.0.1' }), /originator id/)
  t.match(of({ clusterList: ['2.2.2.2', '10.0.0.1'] }), /cluster list/)
  const other = { ...speaker, clusterId: '5.5.5.5' }
  const set = sets.intern({ ...base, clusterList: ['5.5.5.5'] }, '1.1.1.1')
  t.match(loopOf(set, other), /cluster list/)
})

t.test('prepending', async (t) => {
  const full = [{ type: 'sequence' as const, asns: Array<number>(255).fill(1) }]
  t.equal(prepend(full, 2).length, 2, 'a full segment gets a new one in front')
  t.same(prepend([{ type: 'set', asns: [1] }], 2)[0], { type: 'sequence', asns: [2] })
})

t.test('equal sets are one object, however they came', async (t) => {
  const a = sets.intern({ origin: 'igp', localPref: 5, asPath: [] }, '1.1.1.1')
  t.equal(sets.intern({ asPath: [], origin: 'igp', localPref: 5 }, '1.1.1.1'), a)
  t.not(sets.intern({ asPath: [], origin: 'igp', localPref: 5 }, '1.1.1.2'), a)
})

t.test('filters: the first rule that fits decides', async (t) => {
  const rules: readonly FilterRule[] = [
    { accept: true, routeTargets: ['65000:1'], prefixes: ['10.0.0.0/8'] },
    { accept: false, routeTargets: ['65000:1', '65000:2'] },
    { accept: true, prefixes: ['192.0.2.0/24', '2001:db8::/32'] },
    { accept: false, prefixes: ['0.0.0.0/0', '::/0'] },
  ]
  const filter = new Filter(rules)
  const of = (nlri: RouteNlri, ...targets: readonly string[]): number | undefined => {
    const extendedCommunities = targets.map(
      (one) => ({ type: 'routeTarget', target: one }) as const,
    )
    return filter.refuses(nlri, sets.intern({ ...base, extendedCommunities }, '1.1.1.1'))
  }
  t.equal(of({ prefix: '10.1.0.0/16' }, '65000:1'), undefined)
  t.equal(of({ prefix: '11.1.0.0/16' }, '65000:1'), 2)
  t.equal(of({ prefix: '0.0.0.0/0' }), 4, 'a shorter one is not within')
  t.equal(of({ prefix: '192.0.2.0/24' }), undefined)
  t.equal(of({ prefix: '2001:db8:1::/48' }, '65000:3'), undefined)
  t.equal(of({ prefix: '2001:db9::/32' }), 4)
  t.equal(of(macIp(1).nlri), undefined, 'a MAC alone has no prefix')
  t.equal(of(macIp(1, { ip: '192.0.2.5' }).nlri), undefined)
  t.equal(of(macIp(1, { ip: '192.0.3.5' }).nlri), 4)
  t.equal(of(macIp(1).nlri, '65000:9', '65000:2'), 2)
  t.equal(new Filter([{ accept: false }]).refuses(macIp(1).nlri, sets.intern(base, '1.1.1.1')), 1)
  const from = { ...anybody, filter }
  const { nlri, set } = path(sources['external']!)
  t.equal(refusalOf(nlri, set, 'evpn', from, speaker), undefined)
  const out = target({ filter: new Filter([{ accept: false, prefixes: ['192.0.2.0/24'] }]) })
  const own = (ip: string): Path =>
    new Path(macIp(1, { ip }).nlri, sets.intern(base, '1.1.1.1'), sources['local']!)
  t.notOk(mayExport(own('192.0.2.1'), 'evpn', out))
  t.ok(mayExport(own('192.0.3.1'), 'evpn', out))
})

t.test('a filter by the tunnel of broadcasts', async (t) => {
  const filter = new Filter([{ accept: false, pmsiTunnels: ['assistedReplication'] }])
  const of = (tunnelType: number): number | undefined => {
    const pmsiTunnel = { flags: 8, tunnelType, label: 10100, identifier: new Uint8Array(4) }
    return filter.refuses(macIp(1).nlri, sets.intern({ ...base, pmsiTunnel }, '1.1.1.1'))
  }
  t.equal(of(10), 1)
  t.equal(of(3), undefined)
  t.equal(filter.refuses(macIp(1).nlri, sets.intern(base, '1.1.1.1')), undefined, 'no tunnel')
})

t.test('our AS in the path so often and no more', async (t) => {
  const set = sets.intern({ ...base, asPath: prepend(prepend([], 65000), 65000) }, '1.1.1.1')
  t.match(loopOf(set, speaker, 1), /AS path/)
  t.equal(loopOf(set, speaker, 2), undefined)
})

t.test('our AS in the place of the peer', async (t) => {
  const from = path(sources['external']!, { asPath: prepend(prepend([], 65009), 65001) })
  const to = (overridden?: number) => target({ kind: 'ebgp', overridden })
  const pathOf = (overridden?: number) => exported(from, to(overridden))?.attributes.asPath
  t.same(pathOf(), [{ type: 'sequence', asns: [65000, 65001, 65009] }])
  t.same(pathOf(65009), [{ type: 'sequence', asns: [65000, 65001, 65000] }])
  t.same(pathOf(), [{ type: 'sequence', asns: [65000, 65001, 65009] }], 'each peer its own')
})

t.test('site of origin', async (t) => {
  const from = { ...anybody, siteOfOrigin: '65000:7' }
  const marked = importAttributes(base, 'evpn', from)
  t.same(marked.extendedCommunities, [{ type: 'routeOrigin', origin: '65000:7' }])
  const other: PathAttributes = {
    ...base,
    extendedCommunities: [{ type: 'routeOrigin', origin: '65000:8' }],
  }
  t.same(importAttributes(other, 'evpn', from), other, 'who has a site keeps it')
  const back = target({ siteOfOrigin: '65000:7' })
  t.notOk(mayExport(path(sources['external']!, marked), 'evpn', back))
  t.ok(mayExport(path(sources['external']!, other), 'evpn', back))
})

t.test('leaks (RFC 9234 section 5)', async (t) => {
  const otc = (onlyToCustomer: number): PathAttributes => ({ ...base, onlyToCustomer })
  const taken = (role: Role, attributes: PathAttributes, family: SessionFamily = 'ipv4') => {
    const from = { ...anybody, role }
    const kept = importAttributes(attributes, family, from)
    const set = sets.intern(kept, '1.1.1.1')
    return refusalOf({ prefix: '10.0.0.0/8' }, set, family, from, speaker) ?? kept.onlyToCustomer
  }
  for (const role of ['provider', 'rs'] as const) {
    t.match(taken(role, otc(1)), /leak/)
    t.equal(taken(role, base), undefined)
  }
  t.match(taken('peer', otc(1)), /leak/)
  t.equal(taken('peer', otc(65001)), 65001)
  for (const role of ['customer', 'peer', 'rsClient'] as const) {
    t.equal(taken(role, base), 65001, `from above as ${role}`)
  }
  t.equal(taken('customer', otc(1)), 1)
  t.equal(taken('provider', otc(1), 'evpn'), 1, 'nobody is asked about EVPN')
  const own = path(sources['local']!, {}, SELF)
  const told = (role: Role, one: Path = own) => {
    const set = exported(one, target({ kind: 'ebgp', role }), 'ipv4')
    return set === undefined ? 'not told' : set.attributes.onlyToCustomer
  }
  for (const role of ['provider', 'peer', 'rs'] as const) t.equal(told(role), 65000)
  for (const role of ['customer', 'rsClient'] as const) t.equal(told(role), undefined)
  const marked = path(sources['local']!, { onlyToCustomer: 65000 }, SELF)
  for (const role of ['customer', 'peer', 'rsClient'] as const)
    t.equal(told(role, marked), 'not told')
  t.equal(told('provider', marked), 65000)
})
