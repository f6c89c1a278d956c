// Paths that do not say themselves where they lead: hosts behind segments, and prefixes behind a segment or a router's MAC. Whatever
// came and went, the tables say what follows from the routes that are there now.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Evpn, type EvpnEvent, type RouteChange } from '../../src/evpn/index.js'
import { reconcile } from '../../src/fib/index.js'
import { type EvpnRoute, evpnKey, parseExtendedCommunity } from '../../src/wire/index.js'
import { ModelDataplane } from '../fib/model.js'

const VRF = 50001
const VNI = 10100
const ESI = '03:02:00:00:00:00:01:00:00:01'
const VTEPS = ['10.0.0.2', '10.0.0.3', '10.0.0.4']
const HOST = '10.1.0.11'
const PREFIX = '192.0.2.0/24'
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02']
const WHOLE = 0xffffffff

const vrf = { name: 'red', vni: VRF }
const blue = {
  name: 'blue',
  vni: VNI,
  agingSeconds: 300,
  suppress: true,
  vrf: VRF,
  gateway: [{ ip: '10.1.0.1', length: 24 }],
}

interface Said {
  readonly nlri: EvpnRoute
  readonly vtep: string
  readonly routerMac: string | undefined
  readonly sequence: number
  readonly singleActive: boolean
  readonly targets: readonly string[]
  readonly is: boolean
}

const zero = '00:00:00:00:00:00:00:00:00:00'
const ofVrf = '65000:50001'
const ofNetwork = '65000:10100'
const routerMacOf = (vtep: string): string => `02:76:0a:00:00:0${vtep.slice(-1)}`

/** All who tell of a MAC tell the same. */
const esiOf = (mac: string): string => (mac === MACS[0] ? ESI : zero)

const kinds: readonly ((vtep: string, mac: string) => Partial<Said>)[] = [
  // Connected; here in the network; here in the IP-VRF.
  (vtep) => ({ nlri: { type: 'ead', rd: `${vtep}:0`, esi: ESI, ethernetTag: WHOLE, label: 0 } }),
  (vtep) => ({
    nlri: { type: 'ead', rd: `${vtep}:1`, esi: ESI, ethernetTag: 0, label: VNI },
    targets: [ofNetwork],
    routerMac: undefined,
  }),
  (vtep) => ({
    nlri: { type: 'ead', rd: `${vtep}:2`, esi: ESI, ethernetTag: 0, label: VRF },
    targets: [ofVrf],
  }),
  // A host, and the MAC of a router.
  (vtep, mac) => ({
    nlri: {
      type: 'macIp',
      rd: `${vtep}:1`,
      esi: esiOf(mac),
      ethernetTag: 0,
      mac,
      ip: HOST,
      label: VNI,
      label2: VRF,
    },
    targets: [ofNetwork, ofVrf],
  }),
  (vtep, mac) => ({
    nlri: { type: 'macIp', rd: `${vtep}:3`, esi: zero, ethernetTag: 0, mac, label: VNI + 7 },
    targets: [ofVrf],
  }),
  (vtep, mac) => ({
    nlri: { type: 'macIp', rd: `${vtep}:1`, esi: esiOf(mac), ethernetTag: 0, mac, label: VNI },
    targets: [ofNetwork],
  }),
  // Prefixes: behind the segment, behind the router, and directly.
  (vtep, mac) => ({
    nlri: { ...prefix(vtep, 1), esi: ESI, label: 0 },
    targets: [ofVrf],
    routerMac: mac,
  }),
  (vtep, mac) => ({ nlri: { ...prefix(vtep, 2), label: 0 }, targets: [ofVrf], routerMac: mac }),
  (vtep) => ({ nlri: prefix(vtep, 3), targets: [ofVrf] }),
]

function prefix(vtep: string, n: number) {
  const rest = { esi: zero, ethernetTag: 0, prefix: PREFIX, gateway: '0.0.0.0', label: VRF }
  return { type: 'prefix', rd: `${vtep}:${n}`, ...rest } as const
}

const said: fc.Arbitrary<Said> = fc
  .record({
    kind: fc.nat(kinds.length - 1),
    vtep: fc.constantFrom(...VTEPS),
    mac: fc.constantFrom(...MACS),
    hasMac: fc.boolean(),
    sequence: fc.nat(1),
    singleActive: fc.boolean(),
    is: fc.constantFrom(true, true, false),
  })
  .map(({ kind, vtep, mac, hasMac, ...rest }) => ({
    vtep,
    routerMac: hasMac ? routerMacOf(vtep) : undefined,
    targets: [],
    ...rest,
    ...kinds[kind]!(vtep, mac),
  })) as fc.Arbitrary<Said>

function changeOf({
  nlri,
  vtep,
  routerMac,
  sequence,
  singleActive,
  targets,
  is,
}: Said): RouteChange {
  const key = evpnKey(nlri)
  if (!is) return { key, nlri, best: undefined }
  const communities = [
    'encap:vxlan',
    ...targets.map((target) => `rt:${target}`),
    ...(routerMac === undefined ? [] : [`router-mac:${routerMac}`]),
    `mm:${sequence}`,
    ...(nlri.type === 'ead' ? [singleActive ? 'esi-label:0,singleActive' : 'esi-label:0'] : []),
  ]
  const extendedCommunities = communities.map(parseExtendedCommunity)
  return { key, nlri, best: { nextHop: vtep, attributes: { extendedCommunities } } }
}

const event = fc.oneof(
  { weight: 12, arbitrary: fc.array(said, { minLength: 1, maxLength: 3 }) },
  fc.constantFrom(true, false),
)

type Hop = readonly [vni: number, via: string, mac: string]
const textOf = ([vni, via, mac]: Hop): string => `${vni} ${via} ${mac}`

/** From the routes alone: every path with its rank and the ways that it takes. */
function expected(all: readonly Said[], hasNetwork: boolean): Record<string, readonly string[]> {
  const of = <T extends EvpnRoute['type']>(type: T) =>
    all.flatMap((each) =>
      each.nlri.type === type
        ? [{ ...each, nlri: each.nlri as Extract<EvpnRoute, { type: T }> }]
        : [],
    )
  const eads = of('ead')
  const whole = eads.filter(({ nlri }) => nlri.ethernetTag === WHOLE)
  const connected = VTEPS.filter((vtep) => whole.some((each) => each.vtep === vtep))
  const isSingle = whole.some(({ singleActive }) => singleActive)
  const inNetwork = (vtep: string) =>
    hasNetwork && eads.some((each) => each.vtep === vtep && each.nlri.label === VNI)
  const inVrf = (vtep: string) =>
    eads.find(
      (each) => each.vtep === vtep && each.nlri.ethernetTag === 0 && each.nlri.label === VRF,
    )
  const hosts = of('macIp').filter(({ nlri, routerMac }) => nlri.ip !== undefined && routerMac)
  const prefixes = of('prefix')
  const direct = prefixes.filter(
    ({ nlri, routerMac }) => nlri.esi === zero && nlri.label !== 0 && routerMac,
  )
  const routes = (vtep: string) => [...hosts, ...direct].some((each) => each.vtep === vtep)

  const ofSegment = (teller: string, by: (vtep: string) => Hop | undefined): readonly Hop[] => {
    const hops = connected.flatMap((vtep) => {
      const hop = by(vtep)
      return hop === undefined ? [] : [hop]
    })
    if (!isSingle) return hops
    const own = hops.filter(([, via]) => via === teller)
    return own.length > 0 ? own : hops.length === 1 ? hops : []
  }
  const macs = of('macIp')
  const ofRouter = (mac: string): readonly Hop[] => {
    const order = (some: typeof macs) =>
      [...some].sort((a, b) => b.sequence - a.sequence || (a.vtep < b.vtep ? -1 : 1))[0]
    const inside = macs.filter(
      ({ nlri, targets }) => nlri.mac === mac && targets.includes(ofNetwork),
    )
    const best = hasNetwork ? order(inside) : undefined
    if (best !== undefined) {
      if (best.nlri.esi === zero) return [[VNI, best.vtep, mac]]
      const claims = (vtep: string) =>
        macs.some(
          (each) => each.vtep === vtep && each.nlri.esi === ESI && each.targets.includes(ofNetwork),
        )
      const hops = ofSegment(best.vtep, (vtep) =>
        claims(vtep) || inNetwork(vtep) ? [VNI, vtep, mac] : undefined,
      )
      if (hops.length > 0) return hops
    }
    const outside = order(
      macs.filter(
        ({ nlri, targets }) => nlri.mac === mac && nlri.ip === undefined && targets.includes(ofVrf),
      ),
    )
    return outside === undefined ? [] : [[outside.nlri.label, outside.vtep, mac]]
  }

  const paths: { prefix: string; rank: number; hops: readonly Hop[] }[] = []
  for (const { nlri, vtep, routerMac, sequence } of hosts) {
    const own: Hop = [VRF, vtep, routerMac!]
    const hops =
      nlri.esi === zero
        ? [own]
        : ofSegment(vtep, (other) => {
            if (other === vtep) return own
            const circuit = inVrf(other)
            if (circuit?.routerMac !== undefined) return [VRF, other, circuit.routerMac]
            const tells = hosts.some((each) => each.vtep === other && each.nlri.esi === ESI)
            const isThere = (tells || inNetwork(other)) && routes(other)
            return isThere ? [VRF, other, routerMacOf(other)] : undefined
          })
    paths.push({ prefix: `${HOST}/32`, rank: sequence, hops })
  }
  for (const { nlri, vtep, routerMac: mac } of prefixes) {
    if (nlri.esi !== zero) {
      const hops = ofSegment(vtep, (other) => {
        const circuit = inVrf(other)
        if (circuit !== undefined) return [VRF, other, circuit.routerMac ?? mac!]
        return inNetwork(other) ? [VNI, other, mac!] : undefined
      })
      paths.push({ prefix: PREFIX, rank: 0, hops })
    } else if (nlri.label === 0) paths.push({ prefix: PREFIX, rank: 0, hops: ofRouter(mac!) })
    else if (mac !== undefined) paths.push({ prefix: PREFIX, rank: 0, hops: [[VRF, vtep, mac]] })
  }
  const rows = (of: string): readonly string[] => {
    const usable = paths.filter((path) => path.prefix === of && path.hops.length > 0)
    const best = Math.max(...usable.map(({ rank }) => rank))
    const hops = usable.filter(({ rank }) => rank === best).flatMap((path) => path.hops)
    return [...new Set(hops.map(textOf))].sort()
  }
  return { [`${HOST}/32`]: rows(`${HOST}/32`), [PREFIX]: rows(PREFIX) }
}

t.test('after any history the tables say what the routes do', async () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30, size: 'max' }), (events) => {
      const evpn = new Evpn({
        asn: 65000,
        routerId: '10.0.0.1',
        vtep: '10.0.0.1',
        profile: 'frr',
        duplicates: false,
      })
      const tables = new ModelDataplane([1])
      const step = (each: EvpnEvent): void => {
        for (const action of evpn.step(each)) {
          if (action.do === 'apply') tables.apply(action.operations)
        }
      }
      step({ event: 'vrfAdded', vrf })
      const present = new Map<string, Said>()
      let hasNetwork = false
      for (const each of events) {
        if (typeof each === 'boolean') {
          if (each) step({ event: 'networkAdded', network: blue })
          else step({ event: 'networkRemoved', vni: VNI })
          hasNetwork = each
        } else {
          for (const word of each) {
            if (word.is) present.set(evpnKey(word.nlri), word)
            else present.delete(evpnKey(word.nlri))
          }
          step({ event: 'routes', changes: each.map(changeOf) })
        }
        const rows = tables.snapshot().routes.filter((row) => row.kind === 'remote')
        const got: Record<string, string[]> = { [`${HOST}/32`]: [], [PREFIX]: [] }
        for (const row of rows) {
          if (row.kind === 'remote') got[row.prefix]!.push(textOf([row.vni, row.via, row.mac]))
        }
        for (const list of Object.values(got)) list.sort()
        assert.deepEqual(got, expected([...present.values()], hasNetwork))
        assert.deepEqual(tables.refused, [])
        assert.deepEqual(reconcile(evpn.image, tables.snapshot()), [])
      }
    }),
    { numRuns: 800 },
  )
})
