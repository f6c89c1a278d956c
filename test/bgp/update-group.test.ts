// Whatever changes, and however late each peer reads: once it has read all, it knows what it is to know.

import fc from 'fast-check'
import t from 'tap'
import { AdjRibOut } from '../../src/bgp/adj-rib-out.js'
import { AttributeSets } from '../../src/bgp/attribute-set.js'
import { Path, type PathSource } from '../../src/bgp/index.js'
import { PathIds } from '../../src/bgp/path-ids.js'
import { Exporter, type ExportTarget } from '../../src/bgp/policy.js'
import { keyOf, LocRib } from '../../src/bgp/rib.js'
import { RouteTargetFilter } from '../../src/bgp/route-target-filter.js'
import { sessionFamilies } from '../../src/bgp/settings.js'
import { type GroupProfile, piecesFor } from '../../src/bgp/update-group.js'
import { UpdateGroups } from '../../src/bgp/update-groups.js'
import { decodeMessage, type EvpnRoute, Framer, initialContext } from '../../src/wire/index.js'
import { macIp } from './routes.js'

const routerIdOf = (peer: number): string => `10.0.0.${10 + peer}`

/** A reflector's tables and its clients 0, 1 and 2; source 3 is the reflector itself. */
class Fabric {
  readonly sets = new AttributeSets()
  readonly rib = new LocRib('evpn')
  readonly groups: UpdateGroups
  readonly clients = new Map<number, Client>()
  readonly #paths = new Map<string, Path>()

  constructor() {
    const ribs = Object.fromEntries(sessionFamilies.map((family) => [family, this.rib]))
    this.groups = new UpdateGroups({
      ribs: ribs as never,
      exporter: new Exporter({ asn: 65000, routerId: '10.0.0.1' }, this.sets),
      pathIds: new PathIds(),
    })
  }

  /** Source `from` says `version` of route `n`; without a version it withdraws it. */
  change(from: number, n: number, version: number | undefined): void {
    const { nlri, attributes } = macIp(n, { rd: '1.1.1.1:1', vni: 10100 + (n % 2) })
    const source: PathSource =
      from === 3
        ? { peer: '', kind: 'local', address: '10.0.0.1', routerId: '10.0.0.1', isClient: false }
        : {
            peer: `${from}`,
            kind: 'ibgp',
            address: routerIdOf(from),
            routerId: routerIdOf(from),
            isClient: true,
          }
    const name = `${from} ${n}`
    const key = keyOf(nlri)
    const old = this.#paths.get(name)
    // Version 3 has come by way of another reflector, from client 0 in the first place.
    const originatorId = version === 3 && from !== 3 ? routerIdOf(0) : undefined
    const more = originatorId === undefined ? {} : { originatorId, clusterList: ['9.9.9.9'] }
    const set = this.sets.intern(
      { origin: 'igp', asPath: [], localPref: 100 + (version ?? 0), ...attributes, ...more },
      routerIdOf(from),
    )
    const path = version === undefined ? undefined : new Path(nlri, set, source)
    if (path === undefined) this.#paths.delete(name)
    else this.#paths.set(name, path)
    this.rib.replace(key, old, path)
  }

  /** The end of a step. */
  step(limit: number): void {
    const others: string[] = []
    const changes = this.rib.decide(others)
    this.groups.touch('evpn', changes, others)
    this.groups.advance(limit)
    this.groups.trim()
  }

  settle(): void {
    for (let i = 0; i < 100; i++) {
      this.step(1000)
      for (const client of this.clients.values()) if (client.isAwake) client.read()
    }
  }
}

class Client {
  readonly out: AdjRibOut
  /** There may be something to read. */
  isAwake = false
  readonly #known = new Map<string, string>()
  readonly #peer: number
  #profile: GroupProfile

  constructor(fabric: Fabric, peer: number, profile: GroupProfile) {
    this.#peer = peer
    this.#profile = profile
    this.out = new AdjRibOut(fabric.groups, `${peer}`, routerIdOf(peer), () => {
      this.isAwake = true
    })
    this.out.follow(profile)
  }

  follow(profile: GroupProfile): void {
    this.#profile = profile
    this.out.follow(profile)
  }

  read(): void {
    const { context } = this.#profile.target
    const run = this.out.read()
    this.isAwake = this.out.hasNext
    if (run === undefined) return
    for (const piece of piecesFor(run, this.out)) {
      const { messages } = new Framer().push(piece.octets, context)
      for (const octets of messages) this.#hear(octets)
      if (messages.length !== piece.messages) {
        throw new Error(`${messages.length} messages instead of ${piece.messages}`)
      }
    }
  }

  #hear(octets: Uint8Array): void {
    const { message } = decodeMessage(octets, this.#profile.target.context)
    if (message?.kind !== 'update') throw new Error('no UPDATE')
    const { mpReach, mpUnreach, localPref } = message.attributes
    const idOf = (nlri: EvpnRoute): string => `${keyOf(nlri)} ${pathIdOf(nlri)}`
    for (const nlri of (mpUnreach?.nlri ?? []) as EvpnRoute[]) this.#known.delete(idOf(nlri))
    for (const nlri of (mpReach?.nlri ?? []) as EvpnRoute[]) {
      this.#known.set(idOf(nlri), `${keyOf(nlri)} ${mpReach?.nextHop} ${localPref}`)
    }
  }

  /** What it was told. */
  get known(): readonly string[] {
    return [...this.#known.values()].sort()
  }

  /** What it should know. */
  expected(rib: LocRib): readonly string[] {
    const { addPath, wanted } = this.#profile
    const known: string[] = []
    for (const { best, paths } of rib.entries()) {
      for (const { source, set, nlri } of addPath ? paths : best === undefined ? [] : [best]) {
        const { originatorId, localPref } = set.attributes
        if (source.peer === `${this.#peer}`) continue
        if (originatorId === routerIdOf(this.#peer)) continue
        if (wanted?.wants(set) === false) continue
        known.push(`${keyOf(nlri)} ${set.nextHop} ${localPref}`)
      }
    }
    return known.sort()
  }
}

const pathIdOf = (nlri: object): number | undefined => (nlri as { pathId?: number }).pathId

const target = (addPath: boolean): ExportTarget => ({
  kind: 'ibgp',
  isClient: true,
  localAddress: '10.0.0.1',
  nextHopSelf: false,
  context: { ...initialContext, isIbgp: true, addPath: addPath ? ['evpn'] : [] },
})

const membership = (vni: number) => ({
  asn: 65000,
  bits: 96,
  target: `0002fde8${vni.toString(16).padStart(8, '0')}`,
})

/** Odd routes have one route target, even ones the other. */
const profiles: readonly GroupProfile[] = [
  { family: 'evpn', target: target(false), addPath: false, wanted: undefined },
  ...[[10100], [10101], [10100, 10101], []].map((vnis) => ({
    family: 'evpn' as const,
    target: target(false),
    addPath: false,
    wanted: new RouteTargetFilter(vnis.map(membership) as never),
  })),
]
const allPaths: GroupProfile = { ...profiles[0]!, target: target(true), addPath: true }

type Operation =
  | { do: 'change'; from: number; n: number; version: number | undefined }
  | { do: 'step'; limit: number }
  | { do: 'join' | 'read' | 'restart' | 'leave'; client: number }
  | { do: 'follow'; client: number; profile: number }

const client = fc.nat(2)
const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      from: fc.nat(3),
      n: fc.nat(7),
      version: fc.option(fc.nat(3), { nil: undefined }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('step' as const), limit: fc.constantFrom(1, 3, 1000) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), client }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('follow' as const), client, profile: fc.nat(4) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('join', 'leave', 'restart'), client }),
  },
)

function law(profileOf: (client: number) => GroupProfile, mayFollow: boolean): void {
  fc.assert(
    fc.property(fc.array(anyOperation, { maxLength: 120, size: 'max' }), (operations) => {
      const fabric = new Fabric()
      for (const n of [0, 1, 2]) fabric.clients.set(n, new Client(fabric, n, profileOf(n)))
      for (const operation of operations) apply(fabric, operation, profileOf, mayFollow)
      fabric.settle()
      for (const [n, one] of fabric.clients) {
        const [known, expected] = [one.known, one.expected(fabric.rib)]
        if (String(known) !== String(expected)) {
          throw new Error(
            `client ${n}: expected\n${expected.join('\n')}\nknows\n${known.join('\n')}`,
          )
        }
        if (!one.out.isCurrent) throw new Error(`client ${n}: not current`)
        const counts = [one.out.size, one.out.pending, [...one.out.advertised()].length]
        if (String(counts) !== String([known.length, 0, known.length])) {
          throw new Error(`client ${n}: size, pending, advertised ${counts} of ${known.length}`)
        }
      }
    }),
    { numRuns: 400 },
  )
}

function apply(
  fabric: Fabric,
  operation: Operation,
  profileOf: (client: number) => GroupProfile,
  mayFollow: boolean,
): void {
  switch (operation.do) {
    case 'change':
      fabric.change(operation.from, operation.n, operation.version)
      return
    case 'step':
      fabric.step(operation.limit)
      return
    case 'read':
      fabric.clients.get(operation.client)?.read()
      return
    case 'restart':
      fabric.clients.get(operation.client)?.out.restart()
      return
    case 'follow':
      if (mayFollow) fabric.clients.get(operation.client)?.follow(profiles[operation.profile]!)
      return
    case 'leave':
      fabric.clients.get(operation.client)?.out.close()
      fabric.clients.delete(operation.client)
      return
    case 'join':
      if (fabric.clients.has(operation.client)) return
      fabric.clients.set(
        operation.client,
        new Client(fabric, operation.client, profileOf(operation.client)),
      )
  }
}

t.test('clients that are told the same', async () => law(() => profiles[0]!, false))
t.test('clients that want different routes, and others later', async () =>
  law((n) => profiles[n]!, true),
)
t.test('clients that are told all paths', async () => law(() => allPaths, false))

t.test('what one has read the next is given as it is', async (t) => {
  const fabric = new Fabric()
  for (const n of [0, 1]) fabric.clients.set(n, new Client(fabric, n, profiles[0]!))
  for (let n = 0; n < 3000; n++) fabric.change(3, n, 1)
  fabric.step(10_000)
  const [a, b] = [0, 1].map((n) => fabric.clients.get(n)!.out.read()!)
  t.equal(a!.octets, b!.octets)
})
