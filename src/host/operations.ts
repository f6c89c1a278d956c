// The verbs: each is a row with its schema, and API endpoints and CLI commands derive from the rows.

import { type Static, type TObject, Type } from '@sinclair/typebox'
import { AddedPort, type Additions } from './additions.js'
import { type Finding, Neighbor, Network, unplaced } from './config/index.js'
import { Refusal } from './failure.js'
import type { StateReader } from './views.js'

/** What a row may do with the host. */
export interface OperationContext {
  readonly state: StateReader
  /** Name of the configuration file, for sentences. */
  readonly configName: string
  readonly additions: Additions
  /**
   * Checks the configuration that `next` would make, applies the difference and remembers it. Rejects with Refusal,
   * and then nothing has changed. `subject` is where in that configuration the caller's input lies.
   */
  change(next: Additions, subject?: (finding: Finding) => Finding): Promise<void>
  clearPeer(peer: string, soft: 'in' | 'out' | undefined): void
  reload(): Promise<void>
}

export interface Operation<S extends TObject = TObject> {
  readonly name: string
  readonly summary: string
  readonly method: 'POST' | 'DELETE'
  /** Parameters in the path are keys of the schema. */
  readonly path: string
  /** Words of the command; keys in angle brackets are arguments, the schema's other keys are options. */
  readonly command: string
  readonly schema: S
  run(context: OperationContext, input: Static<S>): Promise<unknown>
}

/** Keeps the input's type with the schema; the table below forgets it. */
function operation<S extends TObject>(row: Operation<S>): Operation {
  return row as unknown as Operation
}

const named = (key: string, description: string) =>
  Type.Object(
    { [key]: Type.String({ description, maxLength: 255 }) },
    { additionalProperties: false },
  ) as TObject

/** Adding a verb is one row here. */
export const operations: readonly Operation[] = [
  operation({
    name: 'networkAdd',
    summary: 'Add a network.',
    method: 'POST',
    path: '/v1/networks',
    command: 'network add <name>',
    schema: Network,
    async run({ additions, change, state }, input) {
      await change({ ...additions, networks: [...additions.networks, input] }, relative('networks'))
      return state.networks().find(({ name }) => name === input.name)
    },
  }),
  operation({
    name: 'networkRemove',
    summary: 'Remove a network that was added at run time, with its ports.',
    method: 'DELETE',
    path: '/v1/networks/:name',
    command: 'network remove <name>',
    schema: named('name', 'Name of the network.'),
    async run({ additions, change, state, configName }, input) {
      const name = String(input['name'])
      const networks = additions.networks.filter((network) => network.name !== name)
      if (networks.length === additions.networks.length) {
        const known = state.networks().some((network) => network.name === name)
        throw notAdded('network', name, known, configName)
      }
      const ports = additions.ports.filter((port) => port.network !== name)
      await change({ ...additions, networks, ports })
      return { removed: name }
    },
  }),
  operation({
    name: 'portAdd',
    summary: 'Open a port and put it into a network.',
    method: 'POST',
    path: '/v1/ports',
    command: 'port add <name>',
    schema: AddedPort,
    async run({ additions, change, state }, input) {
      await change({ ...additions, ports: [...additions.ports, input] }, relative('ports'))
      return state.ports().find(({ ifname }) => ifname === input.name)
    },
  }),
  operation({
    name: 'portRemove',
    summary: 'Close a port that was added at run time.',
    method: 'DELETE',
    path: '/v1/ports/:name',
    command: 'port remove <name>',
    schema: named('name', 'Name of the port.'),
    async run({ additions, change, state, configName }, input) {
      const name = String(input['name'])
      const ports = additions.ports.filter((port) => port.name !== name)
      if (ports.length === additions.ports.length) {
        const known = state.ports().some((port) => port.ifname === name)
        throw notAdded('port', name, known, configName)
      }
      await change({ ...additions, ports })
      return { removed: name }
    },
  }),
  operation({
    name: 'peerAdd',
    summary: 'Add a BGP peer, or a range of dynamic ones.',
    method: 'POST',
    path: '/v1/peers',
    command: 'peer add',
    schema: Neighbor,
    async run({ additions, change, state }, input) {
      await change(
        { ...additions, neighbors: [...additions.neighbors, input] },
        relative('bgp', 'neighbors'),
      )
      return state.peers().find(({ peer }) => peer === input.address) ?? { added: input.range }
    },
  }),
  operation({
    name: 'peerRemove',
    summary: 'Remove a BGP peer or range that was added at run time.',
    method: 'DELETE',
    path: '/v1/peers/:peer',
    command: 'peer remove <peer>',
    schema: named('peer', 'Address of the peer, or the range.'),
    async run({ additions, change, state, configName }, input) {
      const id = String(input['peer'])
      const neighbors = additions.neighbors.filter((one) => (one.address ?? one.range) !== id)
      if (neighbors.length === additions.neighbors.length) {
        const known = state.peers().some(({ peer }) => peer === id)
        throw notAdded('peer', id, known, configName)
      }
      await change({ ...additions, neighbors })
      return { removed: id }
    },
  }),
  operation({
    name: 'peerClear',
    summary:
      'End the session with a peer; it comes back. Soft: only ask for, or repeat, all routes.',
    method: 'POST',
    path: '/v1/peers/:peer/clear',
    command: 'peer clear <peer>',
    schema: Type.Object(
      {
        peer: Type.String({ description: 'Address of the peer.', maxLength: 255 }),
        soft: Type.Optional(
          Type.Unsafe<'in' | 'out'>({
            type: 'string',
            enum: ['in', 'out'],
            description: 'in: ask the peer for its routes again. out: send ours again (RFC 2918).',
          }),
        ),
      },
      { additionalProperties: false },
    ),
    async run({ state, clearPeer }, { peer, soft }) {
      const known = state.peers().map((one) => one.peer)
      if (!known.includes(peer)) throw unknown('peer', peer, known)
      clearPeer(peer, soft)
      return { cleared: peer }
    },
  }),
  operation({
    name: 'reload',
    summary: 'Read the configuration file again and apply the difference, or change nothing.',
    method: 'POST',
    path: '/v1/reload',
    command: 'reload',
    schema: Type.Object({}, { additionalProperties: false }),
    async run({ reload, configName }) {
      await reload()
      return { reloaded: configName }
    },
  }),
]

/** Names what is wrong by the input's own keys instead of its place in the whole configuration. */
function relative(...list: readonly string[]): (finding: Finding) => Finding {
  return (finding) => {
    const { path } = finding
    const at = path.findIndex((part, i) => part === list.at(-1) && typeof path[i + 1] === 'number')
    return at < 0 ? finding : { ...finding, path: path.slice(at + 2) }
  }
}

function notAdded(what: string, name: string, known: boolean, configName: string): Refusal {
  if (!known) return unknown(what, name, [])
  const expected = `a ${what} that was added at run time`
  const got = `${name}, which is in ${configName}: take it out there and reload`
  return new Refusal('conflict', [unplaced({ path: [what], expected, got })])
}

function unknown(what: string, name: string, known: readonly string[]): Refusal {
  const expected = known.length === 0 ? `a known ${what}` : `one of ${known.join(', ')}`
  return new Refusal('unknown', [unplaced({ path: [what], expected, got: JSON.stringify(name) })])
}
