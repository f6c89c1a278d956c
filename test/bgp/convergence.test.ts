// Laws of whole networks: after any history the tables agree with what is originated, and with nothing originated they
// are empty.

import fc from 'fast-check'
import t from 'tap'
import type { OriginatedRoute } from '../../src/bgp/index.js'
import { imet, macIp } from './routes.js'
import { type Node, Simulation } from './simulation.js'

type Operation =
  | {
      readonly kind: 'originate' | 'withdraw'
      readonly node: number
      readonly route: number
      readonly sequence: number
    }
  | { readonly kind: 'cut' | 'clear' | 'refresh'; readonly node: number }
  | { readonly kind: 'run'; readonly seconds: number }

const anyOperation = (nodes: number): fc.Arbitrary<Operation> => {
  const node = fc.nat(nodes - 1)
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom('originate' as const, 'withdraw' as const),
        node,
        route: fc.nat(5),
        sequence: fc.nat(3),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('cut' as const, 'clear' as const, 'refresh' as const),
        node,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('run' as const),
        seconds: fc.constantFrom(0.001, 0.002, 0.003, 1, 12),
      }),
    },
  )
}

/** Routes 0 to 3 have one key at all nodes: one MAC that moves. Others are the node's own. */
function routeOf(node: Node, route: number, sequence: number): OriginatedRoute {
  const nextHop = node.address
  if (route < 4) return macIp(route, { rd: '1.1.1.1:1', nextHop, sequence })
  if (route === 4) return macIp(9, { rd: `${nextHop}:1`, nextHop, ip: '192.168.0.1' })
  return imet(`${nextHop}:1`, nextHop)
}

function apply(simulation: Simulation, nodes: readonly Node[], operation: Operation): void {
  if (operation.kind === 'run') {
    simulation.run(operation.seconds)
    return
  }
  const node = nodes[operation.node]!
  switch (operation.kind) {
    case 'originate':
    case 'withdraw': {
      const routes = [routeOf(node, operation.route, operation.sequence)]
      node.dispatch({ event: operation.kind, routes })
      return
    }
    case 'cut':
      for (const other of nodes) if (other !== node) simulation.cut(node, other)
      return
    case 'clear':
      for (const { id } of node.speaker.peers()) node.dispatch({ event: 'clear', peer: id })
      return
    case 'refresh':
      for (const { id } of node.speaker.peers()) {
        node.dispatch({ event: 'clear', peer: id, soft: 'in' })
        node.dispatch({ event: 'clear', peer: id, soft: 'out' })
      }
  }
}

/** Leaves everything originated as the operations say, and gives the routes that should win. */
function expected(nodes: readonly Node[], operations: readonly Operation[]): string[] {
  const own = new Map<string, OriginatedRoute & { readonly sequence: number }>()
  for (const operation of operations) {
    if (operation.kind !== 'originate' && operation.kind !== 'withdraw') continue
    const { node, route, sequence } = operation
    const key = `${node} ${route}`
    if (operation.kind === 'withdraw') own.delete(key)
    else own.set(key, { ...routeOf(nodes[node]!, route, sequence), sequence })
  }
  const winners = new Map<string, OriginatedRoute & { readonly sequence: number }>()
  for (const [key, candidate] of own) {
    const route = Number(key.split(' ')[1])
    const name = route < 4 ? `shared ${route}` : key
    const known = winners.get(name)
    const beats =
      known === undefined ||
      candidate.sequence > known.sequence ||
      (candidate.sequence === known.sequence && lower(candidate.nextHop!, known.nextHop!))
    if (beats) winners.set(name, candidate)
  }
  return [...winners.values()]
    .map(({ nlri, nextHop }) => `${nextHop} ${JSON.stringify(nlri)}`)
    .sort()
}

const lower = (a: string, b: string): boolean => Number(a.split('.')[3]) < Number(b.split('.')[3])

function tables(node: Node): string[] {
  return node
    .rib()
    .map((line) => line.slice(line.indexOf(' ') + 1))
    .sort()
}

function check(nodes: readonly Node[], want: readonly string[]): void {
  for (const node of nodes) {
    const got = tables(node)
    if (String(got) !== String(want)) {
      throw new Error(`${node.address}: expected\n${want.join('\n')}\ngot\n${got.join('\n')}`)
    }
    for (const { state } of node.speaker.peers()) {
      if (state !== 'Established') throw new Error(`${node.address}: a session is ${state}`)
    }
  }
}

function law(build: (simulation: Simulation) => Node[], count: number, runs: number): void {
  const operations = fc.array(anyOperation(count), { maxLength: 40, size: 'max' })
  const piece = fc.constantFrom(Number.POSITIVE_INFINITY, 1000, 7, 1)
  fc.assert(
    fc.property(operations, piece, (operations, pieceBytes) => {
      const simulation = new Simulation()
      simulation.pieceBytes = pieceBytes
      const nodes = build(simulation)
      for (const operation of operations) apply(simulation, nodes, operation)
      // Longer than any pause that failures may have earned a peer.
      simulation.run(200)
      check(nodes, expected(nodes, operations))
      for (const [i, node] of nodes.entries()) {
        const routes = [0, 1, 2, 3, 4, 5].map((route) => routeOf(nodes[i]!, route, 0))
        node.dispatch({ event: 'withdraw', routes })
      }
      simulation.run(5)
      check(nodes, [])
      for (const { speaker } of nodes) {
        for (const { id } of speaker.peers()) {
          const left = [...speaker.adjRibIn(id, 'evpn'), ...speaker.adjRibOut(id, 'evpn')]
          if (left.length > 0) throw new Error(`${id}: ${left.length} routes left`)
        }
      }
    }),
    { numRuns: runs },
  )
}

const address = (n: number): string => `10.0.0.${n}`

t.test('two internal peers', async () => {
  law(
    (simulation) => {
      const nodes = [1, 2].map((n) => simulation.add(address(n), { asn: 65000 }))
      simulation.peer(nodes[0]!, nodes[1]!)
      return nodes
    },
    2,
    60,
  )
})

t.test('two external peers', async () => {
  law(
    (simulation) => {
      const nodes = [1, 2].map((n) => simulation.add(address(n), { asn: 4200000000 + n }))
      simulation.peer(nodes[0]!, nodes[1]!)
      return nodes
    },
    2,
    60,
  )
})

t.test('three clients of two reflectors in one cluster each', async () => {
  law(
    (simulation) => {
      const nodes = [1, 2, 3, 4, 5].map((n) => simulation.add(address(n), { asn: 65000 }))
      const [first, second, ...clients] = nodes
      simulation.peer(first!, second!)
      for (const reflector of [first!, second!]) {
        for (const client of clients) {
          simulation.peer(reflector, client, { routeReflectorClient: true }, {})
        }
      }
      return nodes
    },
    5,
    30,
  )
})

t.test('leaves of different ASes behind a spine', async () => {
  law(
    (simulation) => {
      const nodes = [1, 2, 3, 4].map((n) => simulation.add(address(n), { asn: 65000 + n }))
      const [spine, ...leaves] = nodes
      for (const leaf of leaves) simulation.peer(spine!, leaf)
      return nodes
    },
    4,
    30,
  )
})

t.test('a chain through an AS of two', async () => {
  law(
    (simulation) => {
      const asns = [65001, 65002, 65002, 65003]
      const nodes = asns.map((asn, i) => simulation.add(address(i + 1), { asn }))
      for (let i = 1; i < nodes.length; i++) simulation.peer(nodes[i - 1]!, nodes[i]!)
      return nodes
    },
    4,
    30,
  )
})
