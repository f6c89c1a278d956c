// The verbs, each a row: API endpoints and CLI commands derive from them.

import { Type } from '@sinclair/typebox'
import { ParseError, parseIp, parseMac } from '../net/index.js'
import { AddedPort, type Amendments } from './amendments.js'
import { attachmentOperations } from './attachments.js'
import { Neighbor, Network, Port, unplaced, Vrf } from './config/index.js'
import { neighborId, same } from './effective.js'
import { exists, named, type Operation, operation, relative, unknown, used } from './operation.js'
import { Refusal } from './refusal.js'

/** Adding a verb is one row here. */
export const operations: readonly Operation[] = [
  operation({
    name: 'vrfAdd',
    summary: 'Add a VRF.',
    method: 'POST',
    path: '/v1/vrfs',
    command: 'vrf add <name>',
    schema: Vrf,
    async run({ amendments, file, effective, change, state }, input) {
      if (effective.vrfs.some(({ name }) => name === input.name)) throw exists('VRF', input.name)
      const written = file.vrfs.find(({ name }) => name === input.name)
      await change(put(amendments, 'vrfs', input.name, input, written), relative('vrfs'))
      return state.vrfs().find(({ name }) => name === input.name)
    },
  }),
  operation({
    name: 'vrfRemove',
    summary: 'Remove a VRF that no network is in.',
    method: 'DELETE',
    path: '/v1/vrfs/:name',
    command: 'vrf remove <name>',
    schema: named('name', 'Name of the VRF.'),
    async run({ amendments, file, change, effective }, input) {
      const name = String(input['name'])
      const known = effective.vrfs.map((vrf) => vrf.name)
      if (!known.includes(name)) throw unknown('VRF', name, known)
      const members = effective.networks.filter(({ vrf }) => vrf === name)
      if (members.length > 0)
        throw used(
          'VRF',
          name,
          members.map((network) => network.name),
        )
      const written = file.vrfs.some((vrf) => vrf.name === name)
      await change(take(amendments, 'vrfs', name, written))
      return { removed: name }
    },
  }),
  operation({
    name: 'networkAdd',
    summary: 'Add a network.',
    method: 'POST',
    path: '/v1/networks',
    command: 'network add <name>',
    schema: Network,
    async run({ amendments, file, effective, change, state }, input) {
      if (effective.networks.some(({ name }) => name === input.name))
        throw exists('network', input.name)
      const written = file.networks.find(({ name }) => name === input.name)
      await change(put(amendments, 'networks', input.name, input, written), relative('networks'))
      return state.networks().find(({ name }) => name === input.name)
    },
  }),
  operation({
    name: 'networkRemove',
    summary: 'Remove a network with its ports.',
    method: 'DELETE',
    path: '/v1/networks/:name',
    command: 'network remove <name>',
    schema: named('name', 'Name of the network.'),
    async run({ amendments, file, change, effective }, input) {
      const name = String(input['name'])
      const known = effective.networks.map((network) => network.name)
      if (!known.includes(name)) throw unknown('network', name, known)
      const without = take(
        amendments,
        'networks',
        name,
        file.networks.some((one) => one.name === name),
      )
      const ports = without.ports.filter(({ network }) => network !== name)
      const vni = effective.networks.find((one) => one.name === name)?.vni
      const others = <T extends { readonly vni: number }>(list: readonly T[]): T[] =>
        list.filter((one) => one.vni !== vni)
      const { attachments, holds } = without
      await change({ ...without, ports, attachments: others(attachments), holds: others(holds) })
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
    async run({ amendments, file, effective, change, state }, input) {
      const { network: name, ...port } = input
      const ports = effective.networks.flatMap((network) => network.ports)
      if (ports.some((one) => one.name === port.name)) throw exists('port', port.name)
      const written = file.networks
        .find((network) => network.name === name)
        ?.ports.find((one) => one.name === port.name)
      const next = put(
        amendments,
        'ports',
        port.name,
        input,
        written && { network: name, ...written },
      )
      await change(next, relative('ports'))
      return state.ports().find(({ ifname }) => ifname === port.name)
    },
  }),
  operation({
    name: 'portRemove',
    summary: 'Close a port.',
    method: 'DELETE',
    path: '/v1/ports/:name',
    command: 'port remove <name>',
    schema: named('name', 'Name of the port.'),
    async run({ amendments, file, change, effective }, input) {
      const name = String(input['name'])
      const known = effective.networks.flatMap(({ ports }) => ports.map((port) => port.name))
      if (!known.includes(name)) throw unknown('port', name, known)
      const written = file.networks.some(({ ports }) => ports.some((port) => port.name === name))
      const without = take(amendments, 'ports', name, written)
      // It may have come with a network that was added.
      const networks = without.networks.map((network) => ({
        ...network,
        ports: network.ports.filter((port) => port.name !== name),
      }))
      const attachments = without.attachments.filter((port) => port.name !== name)
      await change({ ...without, networks, attachments })
      return { removed: name }
    },
  }),
  ...attachmentOperations,
  operation({
    name: 'portMove',
    summary:
      'A host has moved to a port, as at the end of a live migration: announce it at once, with a sequence number above all others.',
    method: 'POST',
    path: '/v1/ports/:name/move',
    command: 'port move <name>',
    schema: Type.Object(
      {
        name: Type.String({ description: 'Name of the port.', maxLength: 255 }),
        mac: Type.Optional({ ...Port.properties.mac, description: 'Default: as before.' }),
        ip: Type.Optional(
          Type.Array(Port.properties.ip.items, {
            description:
              'Its addresses. Default: those that were known behind the port with the MAC.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
    async run({ effective, placed, arrive }, { name, ...given }) {
      const known = effective.networks.flatMap(({ ports }) => ports.map((port) => port.name))
      const network = effective.networks.find(({ ports }) => ports.some((one) => one.name === name))
      const port = placed(name)
      if (network === undefined || port === undefined) throw unknown('port', name, known)
      const { mac = port.mac } = given
      if (mac === undefined) {
        const expected = 'the MAC that has moved, as the port has none'
        throw new Refusal('invalid', [unplaced({ path: ['mac'], expected, got: 'nothing' })])
      }
      const { ip = mac === port.mac ? port.ip : [] } = given
      const now = arrive(name, { network, mac, ip })
      return { ifname: name, mac, ips: ip, sequence: now?.sequence ?? null }
    },
  }),
  operation({
    name: 'duplicateClear',
    summary: 'Announce a MAC or an address again that was found to be duplicate.',
    method: 'POST',
    path: '/v1/duplicates/:address/clear',
    command: 'duplicate clear <address>',
    schema: named('address', 'MAC or IP address.'),
    async run({ duplicates, clearDuplicate }, input) {
      const given = String(input['address'])
      const address = canonical(given)
      const found = duplicates().filter((one) => one.address === address)
      if (found.length === 0)
        throw unknown('duplicate', given, [...new Set(duplicates().map((one) => one.address))])
      for (const { vni } of found) clearDuplicate(vni, address)
      return { cleared: address, networks: found.map(({ network }) => network) }
    },
  }),
  operation({
    name: 'peerAdd',
    summary: 'Add a BGP peer, or a range of dynamic ones.',
    method: 'POST',
    path: '/v1/peers',
    command: 'peer add [address]',
    schema: Neighbor,
    async run({ amendments, file, effective, change, state }, input) {
      const id = neighborId(input)
      if (effective.bgp.neighbors.some((one) => neighborId(one) === id)) throw exists('peer', id)
      const written = file.bgp.neighbors.find((one) => neighborId(one) === id)
      await change(put(amendments, 'neighbors', id, input, written), relative('neighbors'))
      return state.peers().find(({ peer }) => peer === id) ?? { added: id }
    },
  }),
  operation({
    name: 'peerRemove',
    summary: 'Remove a BGP peer or range.',
    method: 'DELETE',
    path: '/v1/peers/:peer',
    command: 'peer remove <peer>',
    schema: named('peer', 'Address of the peer, its interface, or the range.'),
    async run({ amendments, file, change, effective }, input) {
      const id = String(input['peer'])
      const known = effective.bgp.neighbors.map(neighborId)
      if (!known.includes(id)) throw unknown('peer', id, known)
      const written = file.bgp.neighbors.some((one) => neighborId(one) === id)
      await change(take(amendments, 'neighbors', id, written))
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
        peer: Type.String({ description: 'Address or interface of the peer.', maxLength: 255 }),
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
    name: 'dump',
    summary: 'Write the routes to an MRT file (RFC 6396) in the state directory.',
    method: 'POST',
    path: '/v1/dump',
    command: 'dump [name]',
    schema: Type.Object(
      {
        name: Type.Optional(
          Type.String({ description: 'Name of the file. Default: with the time.', maxLength: 255 }),
        ),
      },
      { additionalProperties: false },
    ),
    run: ({ dump }, { name }) => dump(name),
  }),
  operation({
    name: 'reload',
    summary: 'Read the configuration file again and apply the difference, or change nothing.',
    method: 'POST',
    path: '/v1/reload',
    command: 'reload',
    schema: Type.Object({}, { additionalProperties: false }),
    async run({ reload, fileName }) {
      await reload()
      return { reloaded: fileName }
    },
  }),
]

type Listed = 'vrfs' | 'networks' | 'ports' | 'neighbors'

/** An addition; one that only brings back what the file says needs no memory of its own. */
function put<K extends Listed>(
  amendments: Amendments,
  list: K,
  key: string,
  value: Amendments[K][number],
  written: Amendments[K][number] | undefined,
): Amendments {
  const removed = amendments.removed[list]
  if (written !== undefined && removed.includes(key) && same(written, value)) {
    const left = removed.filter((one) => one !== key)
    return { ...amendments, removed: { ...amendments.removed, [list]: left } }
  }
  return { ...amendments, [list]: [...amendments[list], value] }
}

/** Without an addition; what the file has is remembered as removed. */
function take(amendments: Amendments, list: Listed, key: string, written: boolean): Amendments {
  const keyOf = (value: object): string =>
    'name' in value ? String(value.name) : neighborId(value as Neighbor)
  const removed = new Set(amendments.removed[list])
  if (written) removed.add(key)
  return {
    ...amendments,
    [list]: (amendments[list] as readonly object[]).filter((value) => keyOf(value) !== key),
    removed: { ...amendments.removed, [list]: [...removed] },
  }
}

/** An address as the views have it; what is none stays as it is. */
function canonical(text: string): string {
  for (const parse of [parseMac, parseIp]) {
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof ParseError)) throw error
    }
  }
  return text
}
