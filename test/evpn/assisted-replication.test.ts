// Who replicates in our place, whatever comes and goes; and the octets of the routes that say so.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  Evpn,
  type EvpnAction,
  type EvpnEvent,
  type NetworkSettings,
} from '../../src/evpn/index.js'
import { hexFromBytes, ipToBytes } from '../../src/net/index.js'
import {
  decodeMessage,
  encodeMessage,
  evpnKey,
  type ImetRoute,
  iana,
  initialContext,
  type PathAttributes,
} from '../../src/wire/index.js'

const vni = 10100
const leaf = { role: 'leaf', activationSeconds: 3 } as const
const REPLICATORS = ['10.0.0.7', '10.0.0.8', '10.0.0.9']

const network = (more: Partial<NetworkSettings> = {}): EvpnEvent => ({
  event: 'networkAdded',
  network: { name: 'blue', vni, agingSeconds: 300, suppress: true, ...more },
})

function machine(vtep = '10.0.0.1', replicator?: string): Evpn {
  const settings = { asn: 65000, routerId: '10.0.0.1', vtep, profile: 'frr' } as const
  return new Evpn({ ...settings, ...(replicator === undefined ? {} : { replicator }) })
}

const attributes = (label: number, identifier: string): PathAttributes => ({
  extendedCommunities: [
    { type: 'encapsulation', tunnelType: iana.tunnelType.vxlan },
    { type: 'routeTarget', target: `65000:${label}` },
  ],
  pmsiTunnel: { flags: 8, tunnelType: 10, label, identifier: ipToBytes(identifier) },
})

/** A Replicator-AR route, one of several of the replicator. */
function route(replicator: string, rd: number, isThere: boolean, label = vni): EvpnEvent {
  const nlri: ImetRoute = {
    type: 'imet',
    rd: `${replicator}:${rd}`,
    ethernetTag: 0,
    originator: replicator,
  }
  const best = { nextHop: replicator, attributes: attributes(label, replicator) }
  return {
    event: 'routes',
    changes: [{ key: evpnKey(nlri), nlri, best: isThere ? best : undefined }],
  }
}

/** Whom a leaf uses that knows these alone, at once. */
function choiceOf(replicators: readonly string[], of = vni, vtep = '10.0.0.1'): string | undefined {
  const evpn = machine(vtep)
  const assistedReplication = { role: 'leaf', activationSeconds: 0 } as const
  evpn.step({
    event: 'networkAdded',
    network: { name: 'blue', vni: of, agingSeconds: 300, suppress: true, assistedReplication },
  })
  for (const each of replicators) evpn.step(route(each, 1, true, of))
  return evpn.image.networks.get(of)!.replicator
}

const replicator = fc.constantFrom(...REPLICATORS)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ replicator, rd: fc.constantFrom(1, 2), is: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ ring: replicator }) },
  { weight: 1, arbitrary: fc.record({ isLeaf: fc.boolean() }) },
)

t.test('the best of those that are there and have had their time', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const evpn = machine()
      evpn.step(network({ assistedReplication: leaf }))
      const routes = new Set<string>()
      const waiting = new Set<string>()
      let ready = new Set<string>()
      let isLeaf = true
      const isThere = (one: string) => [1, 2].some((rd) => routes.has(`${one} ${rd}`))
      const await_ = (one: string) => {
        if (isLeaf) waiting.add(one)
      }
      for (const each of steps) {
        let actions: readonly EvpnAction[]
        if ('ring' in each) {
          if (waiting.delete(each.ring)) ready.add(each.ring)
          actions = evpn.step({ event: 'timer', timer: `replicator ${vni} ${each.ring}` })
        } else if ('isLeaf' in each) {
          const wasLeaf: boolean = isLeaf
          isLeaf = each.isLeaf
          if (wasLeaf !== isLeaf) {
            waiting.clear()
            ready = new Set()
            for (const one of REPLICATORS.filter(isThere)) await_(one)
          }
          actions = evpn.step(network(isLeaf ? { assistedReplication: leaf } : {}))
        } else {
          const { replicator: one, rd, is } = each
          const was = isThere(one)
          if (is) routes.add(`${one} ${rd}`)
          else routes.delete(`${one} ${rd}`)
          if (!was && isThere(one)) await_(one)
          if (was && !isThere(one)) {
            waiting.delete(one)
            ready.delete(one)
          }
          actions = evpn.step(route(one, rd, is))
        }
        for (const action of actions) {
          if (action.do !== 'startTimer' || !action.timer.startsWith('replicator')) continue
          assert.equal(action.seconds, leaf.activationSeconds)
          assert.ok(waiting.has(action.timer.split(' ')[2]!))
        }
        const { replicator: used, floods } = evpn.image.networks.get(vni)!
        assert.equal(used, choiceOf([...ready]))
        assert.equal(evpn.networks()[0]!.replicator, used)
        // They may speak, and are not flooded to.
        assert.deepEqual([...floods.keys()].sort(), REPLICATORS.filter(isThere))
        for (const row of floods.values()) assert.ok(row.noBroadcasts && row.noUnknown)
      }
    }),
    { numRuns: 300 },
  )
})

t.test(
  'who goes that is not used changes nothing, and the order in which they came neither',
  async () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(REPLICATORS, { minLength: 2 }), (some) => {
        const used = choiceOf(some)!
        assert.equal(choiceOf(some.toReversed()), used)
        for (const gone of some.filter((one) => one !== used))
          assert.equal(choiceOf(some.filter((one) => one !== gone)), used)
      }),
    )
  },
)

t.test('leaves and networks are spread over the replicators', async (t) => {
  const counts = new Map<string | undefined, number>()
  for (let n = 0; n < 300; n++) {
    const used = choiceOf(REPLICATORS, 10_000 + (n % 30), `10.0.1.${Math.floor(n / 30)}`)
    counts.set(used, (counts.get(used) ?? 0) + 1)
  }
  for (const one of REPLICATORS) t.ok((counts.get(one) ?? 0) > 60, `${one}: ${counts.get(one)}`)
})

t.test('the octets of what we say', async (t) => {
  const said = (settings: Partial<NetworkSettings>) =>
    machine('10.0.0.1', '10.0.0.9')
      .step(network(settings))
      .flatMap((action) => (action.do === 'originate' ? action.routes : []))
  const pmsiOf = (routes: ReturnType<typeof said>) =>
    routes.map(({ nlri, nextHop, attributes }) => {
      const octets = encodeMessage(
        {
          kind: 'update',
          withdrawn: [],
          nlri: [],
          attributes: {
            ...attributes,
            origin: 'igp',
            asPath: [],
            mpReach: { family: 'evpn', nextHop, nlri: [nlri] },
          },
        },
        initialContext,
      )
      const { problems } = decodeMessage(octets, initialContext)
      t.same(problems, [])
      // Flags, type 22, nine octets.
      return hexFromBytes(octets).match(/c01609(.{18})/)?.[1]
    })
  t.same(pmsiOf(said({})), ['0006002774' + '0a000001'], 'RNVE')
  t.same(pmsiOf(said({ assistedReplication: leaf })), ['1006002774' + '0a000001'], 'AR-LEAF')
  t.same(
    pmsiOf(said({ assistedReplication: { role: 'replicator' } })),
    ['0006002774' + '0a000001', '080a002774' + '0a000009'],
    'AR-REPLICATOR: Regular-IR and Replicator-AR',
  )
  t.same(
    pmsiOf(said({ prunedFloodLists: { noBroadcasts: true, noUnknown: true } })),
    ['0606002774' + '0a000001'],
    'BM and U',
  )
  t.same(
    pmsiOf(said({ assistedReplication: leaf, prunedFloodLists: { noUnknown: true } })),
    ['1206002774' + '0a000001'],
    'both',
  )
})
