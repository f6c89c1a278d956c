// IP-VRFs: which of the paths that others announce are used, that local hosts come first, and that the packet path never
// gets an operation that it has to refuse.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  defaultGatewayMac,
  Evpn,
  type EvpnAction,
  type EvpnEvent,
  type OriginatedRoute,
  type RouteChange,
  type WithdrawnRoute,
} from '../../src/evpn/index.js'
import { reconcile } from '../../src/fib/index.js'
import { ZERO_ESI } from '../../src/net/index.js'
import {
  type EvpnRoute,
  evpnKey,
  formatExtendedCommunity,
  type PathAttributes,
} from '../../src/wire/index.js'
import { ModelDataplane } from '../fib/model.js'

const vrf = { name: 'red', vni: 50001 }
const blue = {
  name: 'blue',
  vni: 10100,
  agingSeconds: 300,
  suppress: true,
  vrf: vrf.vni,
  gateway: [
    { ip: '10.1.0.1', length: 24 },
    { ip: '2001:db8:1::1', length: 64 },
  ],
}
const green = { ...blue, name: 'green', vni: 10200, gateway: [{ ip: '10.2.0.1', length: 24 }] }
const host = '02:00:00:00:00:01'
const hostIp = '10.1.0.11'

/** A machine with a packet path behind it. */
class Bed {
  readonly evpn = new Evpn({ asn: 65000, routerId: '10.0.0.1', vtep: '10.0.0.1', profile: 'frr' })
  readonly dataplane = new ModelDataplane([1, 2])
  readonly said = new Map<string, OriginatedRoute | WithdrawnRoute>()
  readonly notices: string[] = []
  /** Our own routes on their way back from the loc-rib. */
  #own: RouteChange[] = []

  step(event: EvpnEvent): this {
    for (const action of this.evpn.step(event)) this.#do(action)
    return this
  }

  /** What was seen meanwhile reaches the machine, until there is nothing more. */
  settle(): this {
    for (;;) {
      const events = this.dataplane.takeEvents()
      const changes = this.#own.splice(0)
      if (events.length + changes.length === 0) return this
      this.step({ event: 'routes', changes })
      this.step({ event: 'dataplane', events })
    }
  }

  /** Paths of a prefix, as one reads them. */
  paths(prefix: string): string[] {
    const rows = this.dataplane.snapshot().routes.filter((row) => row.prefix === prefix)
    return rows.map((row) => ('via' in row ? `${row.kind} ${row.via} ${row.vni}` : row.kind)).sort()
  }

  /** Our routes that hold, by type. */
  announced(type: EvpnRoute['type']): OriginatedRoute[] {
    const routes = [...this.said.values()].filter((route) => 'attributes' in route)
    return routes.filter(({ nlri }) => nlri.type === type)
  }

  #do(action: EvpnAction): void {
    if (action.do === 'apply') this.dataplane.apply(action.operations)
    if (action.do === 'originate' || action.do === 'withdraw') {
      for (const route of action.routes) {
        const key = evpnKey(route.nlri)
        this.said.set(key, route)
        const best = 'attributes' in route ? route : undefined
        this.#own.push({ key, nlri: route.nlri, best })
      }
    }
    if (action.do === 'event') this.notices.push(action.text)
  }
}

interface Said {
  readonly vtep: string
  readonly attributes?: PathAttributes
  readonly routerMac?: string
  readonly sequence?: number
  readonly gone?: boolean
}

function change(nlri: EvpnRoute, said: Said): RouteChange {
  const { vtep, attributes, routerMac = `02:76:0a:00:00:0${vtep.slice(-1)}`, sequence = 0 } = said
  if (said.gone === true) return { key: evpnKey(nlri), nlri, best: undefined }
  const extendedCommunities = [
    { type: 'encapsulation', tunnelType: 8 },
    { type: 'routeTarget', target: '65000:50001' },
    { type: 'routeTarget', target: '65000:10100' },
    ...(routerMac === '' ? [] : [{ type: 'routerMac', mac: routerMac } as const]),
    { type: 'macMobility', sequence, sticky: false },
  ] as const
  const best = { nextHop: vtep, attributes: { ...attributes, extendedCommunities } }
  return { key: evpnKey(nlri), nlri, best }
}

const prefixOf = (prefix: string, said: Said, gateway = '0.0.0.0'): EvpnEvent => {
  const zero = { esi: '00:00:00:00:00:00:00:00:00:00', ethernetTag: 0 }
  const rd = `${said.vtep}:1`
  const nlri = { type: 'prefix', rd, ...zero, prefix, gateway, label: 50001 } as const
  return { event: 'routes', changes: [change(nlri, said)] }
}

const hostRoute = (ip: string, said: Said, mac = host): EvpnEvent => {
  const zero = { esi: '00:00:00:00:00:00:00:00:00:00', ethernetTag: 0 }
  const rd = `${said.vtep}:2`
  const nlri = { type: 'macIp', rd, ...zero, mac, ip, label: 10100, label2: 50001 } as const
  return { event: 'routes', changes: [change(nlri, said)] }
}

const bed = (): Bed =>
  new Bed()
    .step({ event: 'vrfAdded', vrf })
    .step({ event: 'networkAdded', network: blue })
    .step({ event: 'networkAdded', network: green })
    .step({ event: 'portBound', binding: { vni: blue.vni, port: 1 } })

t.test('subnets are announced, addresses of gateways are not', async (t) => {
  const routes = bed().announced('prefix')
  const prefixes = routes.map(({ nlri }) => nlri.type === 'prefix' && nlri.prefix)
  t.same(prefixes.sort(), ['10.1.0.0/24', '10.2.0.0/24', '2001:db8:1::/64'])
  t.match(routes[0]!.attributes.extendedCommunities, [
    { type: 'encapsulation' },
    { type: 'routeTarget', target: '65000:50001' },
    { type: 'routerMac', mac: '02:76:0a:00:00:01' },
  ])
})

t.test('a host is announced with both labels, a link-local address with one', async (t) => {
  const one = bed()
  one.dataplane.snoop(1, host, hostIp)
  one.dataplane.snoop(1, host, 'fe80::11')
  const routes = one.settle().announced('macIp')
  const labelOf = (ip: string | undefined) =>
    routes.map(({ nlri }) => nlri).find((nlri) => nlri.type === 'macIp' && nlri.ip === ip)
  t.match(labelOf(hostIp), { label: 10100, label2: 50001 })
  t.notOk('label2' in labelOf('fe80::11')!)
  t.notOk('label2' in labelOf(undefined)!)
  for (const { nlri, attributes } of routes) {
    const isRouted = nlri.type === 'macIp' && nlri.ip === hostIp
    const said = (attributes.extendedCommunities ?? []).map(formatExtendedCommunity)
    const routing = ['rt:65000:50001', 'router-mac:02:76:0a:00:00:01']
    t.same(
      said.filter((each) => routing.includes(each)),
      isRouted ? routing : [],
      'so are target and router MAC of the IP-VRF',
    )
  }
})

t.test(
  'a host whose VTEP tells no label to route on is reached in its network (asymmetric IRB)',
  async (t) => {
    const one = bed()
    const nlri = {
      type: 'macIp',
      rd: '10.0.0.2:2',
      esi: ZERO_ESI,
      ethernetTag: 0,
      mac: host,
      ip: '10.1.0.77',
      label: blue.vni,
    } as const
    one.step({ event: 'routes', changes: [change(nlri, { vtep: '10.0.0.2', routerMac: '' })] })
    t.same(one.paths('10.1.0.77/32'), [])
    t.same(one.paths('10.1.0.0/24'), ['connected'])
    t.match(one.dataplane.neighbour(blue.vni, '10.1.0.77'), { mac: host })
    t.match(one.dataplane.mac(blue.vni, host), { remote: '10.0.0.2' })
    t.same(one.notices, [], 'nothing is wrong with it')
  },
)

t.test('a router MAC is of one route: it goes with the last route that has it', async (t) => {
  const one = bed()
  const paths = (prefix: string): string[] =>
    one.dataplane
      .snapshot()
      .routes.flatMap((row) => (row.kind === 'remote' && row.prefix === prefix ? [row.mac] : []))
  const [first, second] = ['02:00:00:00:ff:01', '02:00:00:00:ff:02']
  // One VTEP with several router MACs, as where each IP-VRF of it has its own.
  one.step(prefixOf('10.8.0.0/16', { vtep: '10.0.0.2', routerMac: first }))
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.2', routerMac: second }))
  one.step(hostRoute(hostIp, { vtep: '10.0.0.2', routerMac: first }))
  t.same([paths('10.8.0.0/16'), paths('10.9.0.0/16')], [[first], [second]])
  one.step(prefixOf('10.8.0.0/16', { vtep: '10.0.0.2', gone: true }))
  t.same([paths('10.8.0.0/16'), paths('10.9.0.0/16')], [[], [second]])
  t.same(paths(`${hostIp}/32`), [first], 'the other route of the same MAC goes on')
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.2', routerMac: first }))
  t.same(paths('10.9.0.0/16'), [first], 'it may have another one')
})

t.test('leaking makes no loops: what two VRFs import goes with its origin', async (t) => {
  const one = bed()
    .step({ event: 'vrfAdded', vrf: { ...vrf, importTargets: ['65000:50001', '65000:50002'] } })
    .step({ event: 'vrfAdded', vrf: grey })
  const rows = (): string[] =>
    one.dataplane
      .snapshot()
      .routes.filter(({ prefix }) => prefix === '10.9.0.0/16')
      .map((row) => `${row.vrf} ${'via' in row ? row.via : ''}`)
      .sort()
  const before = one.announced('prefix').length
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.2' })).settle()
  t.same(rows(), ['50001 10.0.0.2', '50002 10.0.0.2'])
  t.equal(one.announced('prefix').length, before, 'neither VRF announces it again')
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.2', gone: true })).settle()
  t.same(rows(), [])
})

t.test('a prefix by way of a host may come before the host, and outlives its route', async (t) => {
  const one = bed()
  const gateway = '10.1.0.77'
  const neighbour = () => one.dataplane.neighbour(blue.vni, gateway)?.mac
  const behind = ['gateway 10.1.0.77 10100']
  one.step(prefixOf('192.0.2.0/24', { vtep: '10.0.0.2', routerMac: '' }, gateway))
  t.same([one.paths('192.0.2.0/24'), neighbour()], [behind, undefined], 'asked for when it is used')
  one.step(hostRoute(gateway, { vtep: '10.0.0.2' }))
  t.same([one.paths('192.0.2.0/24'), neighbour()], [behind, host])
  one.step(hostRoute(gateway, { vtep: '10.0.0.2', gone: true }))
  t.same([one.paths('192.0.2.0/24'), neighbour()], [behind, undefined])
  one.step(hostRoute(gateway, { vtep: '10.0.0.3', sequence: 1 }))
  t.same([one.paths('192.0.2.0/24'), neighbour()], [behind, host], 'and back by another VTEP')
  t.match(one.dataplane.mac(blue.vni, host), { remote: '10.0.0.3' })
  one.step(prefixOf('192.0.2.0/24', { vtep: '10.0.0.2', gone: true }, gateway))
  t.same(one.paths('192.0.2.0/24'), [])
})

t.test('equal paths are all used, better ones alone', async (t) => {
  const one = bed()
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.2' }))
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.3' }))
  t.same(one.paths('10.9.0.0/16'), ['remote 10.0.0.2 50001', 'remote 10.0.0.3 50001'])
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.4', attributes: { localPref: 200 } }))
  t.same(one.paths('10.9.0.0/16'), ['remote 10.0.0.4 50001'])
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.4', gone: true }))
  t.same(one.paths('10.9.0.0/16'), ['remote 10.0.0.2 50001', 'remote 10.0.0.3 50001'])
  const asPath = [{ type: 'sequence', asns: [65001] }] as const
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.3', attributes: { asPath } }))
  t.same(one.paths('10.9.0.0/16'), ['remote 10.0.0.2 50001'])
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.2', gone: true }))
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.3', gone: true }))
  t.same(one.paths('10.9.0.0/16'), [])
})

t.test('what is ours comes first', async (t) => {
  const one = bed().step(prefixOf('10.1.0.0/24', { vtep: '10.0.0.2' }))
  t.same(one.paths('10.1.0.0/24'), ['connected'])
})

t.test(
  'of a host that moved the higher number decides, and while it is here nothing else',
  async (t) => {
    const one = bed()
    one.step(hostRoute(hostIp, { vtep: '10.0.0.2' }))
    t.same(one.paths(`${hostIp}/32`), ['remote 10.0.0.2 50001'])
    one.step(hostRoute(hostIp, { vtep: '10.0.0.3', sequence: 1 }))
    t.same(one.paths(`${hostIp}/32`), ['remote 10.0.0.3 50001'])
    one.dataplane.snoop(1, host, hostIp)
    one.settle()
    t.same(one.paths(`${hostIp}/32`), [], 'the late withdraw is not waited for')
    one.step(hostRoute(hostIp, { vtep: '10.0.0.2', sequence: 3 }))
    t.same(one.paths(`${hostIp}/32`), ['remote 10.0.0.2 50001'])
  },
)

t.test('a prefix by way of a host leads through its network', async (t) => {
  const one = bed().step(prefixOf('192.0.2.0/24', { vtep: '10.0.0.2', routerMac: '' }, '10.2.0.77'))
  t.same(one.paths('192.0.2.0/24'), ['gateway 10.2.0.77 10200'])
  one.step({ event: 'networkRemoved', vni: green.vni })
  t.same(one.paths('192.0.2.0/24'), [], 'it waits for the network')
  one.step({ event: 'networkAdded', network: green })
  t.same(one.paths('192.0.2.0/24'), ['gateway 10.2.0.77 10200'])
})

t.test('routes that can not be used are told, once', async (t) => {
  const one = bed()
  const told = (): string | undefined => one.notices.at(-1)
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.2', routerMac: '' }))
  t.match(told(), 'it has no router MAC (RFC 9135 section 8.1)')
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.2', routerMac: '00:00:00:00:00:00' }))
  t.match(told(), "its router MAC 00:00:00:00:00:00 is nobody's")
  one.step(prefixOf('10.9.0.0/16', { vtep: '2001:db8::2', routerMac: '02:76:0a:00:00:02' }))
  t.match(told(), 'of another address family than ours')
  const count = one.notices.length
  one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.2', routerMac: '' }))
  t.equal(one.notices.length, count)
  t.same(one.paths('10.9.0.0/16'), [])
})

t.test("the gateway's MAC and addresses move nowhere", async (t) => {
  const one = bed()
  one.step(hostRoute(hostIp, { vtep: '10.0.0.2', sequence: 9 }, defaultGatewayMac))
  one.step(hostRoute('10.1.0.1', { vtep: '10.0.0.2', sequence: 9 }))
  t.match(one.dataplane.neighbour(blue.vni, '10.1.0.1'), { mac: defaultGatewayMac, gateway: true })
  t.equal(one.dataplane.mac(blue.vni, defaultGatewayMac), undefined)
  t.same(one.paths('10.1.0.1/32'), ['own'])
})

t.test('other targets of a VRF: its hosts are announced with them', async (t) => {
  const one = bed()
  one.dataplane.snoop(1, host, hostIp)
  one.settle()
  one.step({
    event: 'vrfAdded',
    vrf: { ...vrf, exportTargets: ['65000:7'], importTargets: ['65000:8'] },
  })
  const [route] = one
    .announced('macIp')
    .filter(({ nlri }) => nlri.type === 'macIp' && nlri.ip === hostIp)
  const targets = route!.attributes.extendedCommunities!.flatMap((community) =>
    community.type === 'routeTarget' ? [community.target] : [],
  )
  t.same(targets, ['65000:10100', '65000:7'])
  t.same(one.step(prefixOf('10.9.0.0/16', { vtep: '10.0.0.2' })).paths('10.9.0.0/16'), [])
})

const grey = {
  name: 'grey',
  vni: 50002,
  importTargets: ['65000:50002', '65000:50001'],
  routes: [
    { prefix: '203.0.113.0/24', via: '10.3.0.9', announced: true },
    { prefix: '198.51.100.0/24', announced: true },
  ],
}
const white = {
  ...blue,
  name: 'white',
  vni: 10300,
  vrf: grey.vni,
  gateway: [{ ip: '10.3.0.1', length: 24 }],
}

t.test(
  'VRFs that import from each other lead into the networks of both, and no further',
  async (t) => {
    const one = bed()
      .step({ event: 'vrfAdded', vrf: { ...vrf, importTargets: ['65000:50001', '65000:50002'] } })
      .step({ event: 'vrfAdded', vrf: grey })
      .step({ event: 'networkAdded', network: white })
      .settle()
    const rows = (): string[] =>
      one.dataplane
        .snapshot()
        .routes.filter(({ prefix }) => prefix === '10.1.0.0/24' || prefix === '10.3.0.0/24')
        .map((row) => `${row.vrf} ${row.prefix} ${row.kind} ${'vni' in row ? row.vni : ''}`)
        .sort()
    const both = ['10.1.0.0/24 connected 10100', '10.3.0.0/24 connected 10300']
    t.same(rows(), [...both.map((row) => `50001 ${row}`), ...both.map((row) => `50002 ${row}`)])
    const prefixes = one
      .announced('prefix')
      .map(({ nlri }) => nlri.type === 'prefix' && `${nlri.rd} ${nlri.prefix}`)
    t.equal(
      prefixes.filter((prefix) => /10\.[13]\.0\.0/.test(String(prefix))).length,
      2,
      'each once',
    )
    t.same(
      one.dataplane
        .snapshot()
        .routes.filter((row) => row.kind === 'own' && row.prefix === '10.3.0.1/32').length,
      1,
      'an address of a gateway is in its own VRF only',
    )
    one.step({ event: 'networkRemoved', vni: white.vni }).settle()
    t.same(rows(), ['50001 10.1.0.0/24 connected 10100', '50002 10.1.0.0/24 connected 10100'])
    t.same(one.dataplane.refused, [])
  },
)

t.test('a static route for the subnet of a network goes and leaves the subnet', async (t) => {
  const shadow = { prefix: '10.3.0.0/24', announced: false }
  const one = new Bed()
    .step({ event: 'vrfAdded', vrf: { ...grey, routes: [...grey.routes, shadow] } })
    .step({ event: 'networkAdded', network: white })
    .settle()
  const paths = () => [one.paths('10.3.0.0/24'), one.paths('203.0.113.0/24')]
  const wanted = [['connected'], ['gateway 10.3.0.9 10300']]
  t.same(paths(), wanted)
  one.step({ event: 'vrfAdded', vrf: grey }).settle()
  t.same(paths(), wanted)
})

t.test(
  'prefixes behind a host of a network: used and announced while the network is there',
  async (t) => {
    const one = new Bed().step({ event: 'vrfAdded', vrf: grey }).settle()
    const announced = () =>
      one.announced('prefix').map(({ nlri }) => nlri.type === 'prefix' && nlri.prefix)
    t.same(announced(), ['198.51.100.0/24'])
    t.same(one.paths('198.51.100.0/24'), ['blackhole'])
    t.same(one.paths('203.0.113.0/24'), [])
    one.step({ event: 'networkAdded', network: white }).settle()
    t.same(one.paths('203.0.113.0/24'), ['gateway 10.3.0.9 10300'])
    t.ok(announced().includes('203.0.113.0/24'))
    one.step({ event: 'vrfAdded', vrf: { ...grey, routes: [] } }).settle()
    t.same(announced(), ['10.3.0.0/24'])
    t.same(one.paths('203.0.113.0/24'), [])
  },
)

const vtep = fc.constantFrom('10.0.0.2', '10.0.0.3', '10.0.0.1')
const said = fc.record({
  vtep,
  sequence: fc.nat(2),
  gone: fc.boolean(),
  routerMac: fc.constantFrom('02:76:0a:00:00:02', '02:76:0a:00:00:03', ''),
})
const gateways = fc.constantFrom(blue.gateway, [], [{ ip: '10.1.0.1', length: 16 }])
const happening: fc.Arbitrary<EvpnEvent | { frame: [number, string, string] }> = fc.oneof(
  fc.constantFrom<EvpnEvent>(
    { event: 'vrfAdded', vrf },
    { event: 'vrfAdded', vrf: { ...vrf, exportTargets: ['65000:7'] } },
    { event: 'networkRemoved', vni: blue.vni },
    { event: 'networkAdded', network: green },
    { event: 'networkRemoved', vni: green.vni },
    { event: 'vrfAdded', vrf: grey },
    { event: 'vrfAdded', vrf: { ...grey, importTargets: [], routes: grey.routes.slice(1) } },
    { event: 'vrfAdded', vrf: { ...vrf, importTargets: ['65000:50001', '65000:50002'] } },
    { event: 'networkRemoved', vni: white.vni },
    { event: 'sweep' },
  ),
  gateways.map((gateway) => ({ event: 'networkAdded' as const, network: { ...blue, gateway } })),
  fc
    .tuple(fc.constantFrom('10.1.0.0/24', '10.9.0.0/16', '0.0.0.0/0'), said)
    .map(([prefix, word]) => prefixOf(prefix, word)),
  said.map((word) => prefixOf('192.0.2.0/24', word, '10.1.0.11')),
  fc
    .tuple(fc.constantFrom(hostIp, '10.1.0.1', '10.2.0.9'), said)
    .map(([ip, word]) => hostRoute(ip, word)),
  fc.record({
    frame: fc.tuple(
      fc.constantFrom(1, 2),
      fc.constantFrom(host, '02:00:00:00:00:02', defaultGatewayMac),
      fc.constantFrom(hostIp, '10.1.0.1', '10.2.0.9'),
    ),
  }),
)

t.test('whatever happens, nothing is refused and the tables are what they should be', async () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 30, size: 'max' }), (happenings) => {
      const one = new Bed()
        .step({ event: 'vrfAdded', vrf })
        .step({ event: 'vrfAdded', vrf: grey })
        .step({ event: 'networkAdded', network: white })
      for (const each of happenings) {
        if ('frame' in each) one.dataplane.snoop(...each.frame)
        else one.step(each)
        const bound = each as { event?: string; network?: { vni: number } }
        if (bound.event === 'networkAdded') {
          const port = bound.network?.vni === blue.vni ? 1 : 2
          one.step({ event: 'portBound', binding: { vni: bound.network!.vni, port } })
        }
        one.settle()
        assert.deepStrictEqual(one.dataplane.refused, [])
        assert.deepStrictEqual(reconcile(one.evpn.image, one.dataplane.snapshot()), [])
      }
      for (const { vni } of [blue, green, white]) one.step({ event: 'networkRemoved', vni })
      for (const { vni } of [vrf, grey]) one.step({ event: 'vrfRemoved', vni })
      one.settle()
      assert.deepStrictEqual(one.dataplane.refused, [])
      assert.deepStrictEqual(one.dataplane.snapshot().networks, [])
      assert.deepStrictEqual(one.announced('prefix'), [])
      assert.deepStrictEqual(one.announced('macIp'), [])
    }),
    { numRuns: 500 },
  )
})
