// The verbs of platforms: a port in the network of a VNI, in one call and as often as they like. Nothing has to be
// there before: the network is made with its first port or hold, and goes with the last, unless the configuration has it.

import { type Static, Type } from '@sinclair/typebox'
import { AddedHost, type Amendments, Attachment, Hold } from './amendments.js'
import { unplaced } from './config/index.js'
import { same } from './effective.js'
import { exists, named, type Operation, operation, relative, unknown } from './operation.js'
import { Refusal } from './refusal.js'

const { vni, ...port } = Attachment.properties

const Attach = Type.Object(
  {
    vni: Type.Optional(vni),
    network: Type.Optional(
      Type.String({
        format: 'name',
        description: 'Name of the network, or of a hold, in the place of the VNI.',
      }),
    ),
    ...port,
  },
  { additionalProperties: false },
)

const HostKey = Type.Object(
  { port: AddedHost.properties.port, mac: AddedHost.properties.mac },
  { additionalProperties: false },
)

export const attachmentOperations: readonly Operation[] = [
  operation({
    name: 'attach',
    summary:
      'Put a port into the network of a VNI. The network is made when it is not there; the same again changes nothing.',
    method: 'POST',
    path: '/v1/attachments',
    command: 'attach <name>',
    schema: Attach,
    async run({ amendments, effective, change }, input) {
      const { network: by, vni: given, ...wanted } = input
      const { name } = wanted
      const held = amendments.holds.find((hold) => hold.name === by)
      const target = given ?? held?.vni ?? effective.networks.find((one) => one.name === by)?.vni
      if ((given === undefined) === (by === undefined)) throw oneOfBoth(given, by)
      if (target === undefined) {
        const known = [...effective.networks, ...amendments.holds].map((one) => one.name)
        throw unknown('network', String(by), known)
      }
      const before = amendments.attachments.find((one) => one.name === name)
      const now = effective.networks.find(({ ports }) => ports.some((one) => one.name === name))
      if (before === undefined && now !== undefined && now.vni !== target)
        throw exists('port', name)
      const attachment = { vni: target, ...wanted }
      const isThere = before === undefined ? now !== undefined : same(before, attachment)
      if (!isThere) {
        const attachments = amendments.attachments.filter((one) => one !== before)
        const next = { ...amendments, attachments: [...attachments, attachment] }
        await change(next, relative('ports'))
      }
      return { ifname: ifnameOf(wanted), vni: target, vtep: effective.vtep.address }
    },
  }),
  operation({
    name: 'detach',
    summary: 'Close a port that was attached. One that is not there is no error.',
    method: 'DELETE',
    path: '/v1/attachments/:name',
    command: 'detach <name>',
    schema: named('name', 'Name of the port.'),
    async run({ amendments, change }, input) {
      const name = String(input['name'])
      if (!amendments.attachments.some((one) => one.name === name)) return { detached: null }
      const attachments = amendments.attachments.filter((one) => one.name !== name)
      const hosts = amendments.hosts.filter((host) => host.port !== name)
      await change({ ...amendments, attachments, hosts })
      return { detached: name }
    },
  }),
  operation({
    name: 'networkHold',
    summary:
      'Keep the network of a VNI, made when it is not there, and know it by another name, too.',
    method: 'POST',
    path: '/v1/holds',
    command: 'network hold <name>',
    schema: Hold,
    async run({ amendments, change }, hold) {
      const before = amendments.holds.find(({ name }) => name === hold.name)
      if (before !== undefined && before.vni !== hold.vni) throw exists('hold', hold.name)
      if (before === undefined) {
        await change({ ...amendments, holds: [...amendments.holds, hold] }, relative('networks'))
      }
      return hold
    },
  }),
  operation({
    name: 'networkRelease',
    summary: 'End a hold. One that is not there is no error.',
    method: 'DELETE',
    path: '/v1/holds/:name',
    command: 'network release <name>',
    schema: named('name', 'Name of the hold.'),
    async run({ amendments, change }, input) {
      const name = String(input['name'])
      if (!amendments.holds.some((hold) => hold.name === name)) return { released: null }
      await change({ ...amendments, holds: amendments.holds.filter((hold) => hold.name !== name) })
      return { released: name }
    },
  }),
  operation({
    name: 'hostAdd',
    summary:
      'Say that a host is behind a port, with addresses beside those it has. The same again changes nothing.',
    method: 'POST',
    path: '/v1/ports/:port/hosts',
    command: 'host add <port> <mac>',
    schema: AddedHost,
    async run({ amendments, effective, change }, { port: name, mac, ip }) {
      const known = effective.networks.flatMap(({ ports }) => ports.map((one) => one.name))
      if (!known.includes(name)) throw unknown('port', name, known)
      const before = hostOf(amendments, { port: name, mac })
      const all = [...new Set([...(before?.ip ?? []), ...ip])]
      const host = { port: name, mac, ip: all }
      if (before === undefined || all.length > before.ip.length) {
        const hosts = amendments.hosts.filter((one) => one !== before)
        await change({ ...amendments, hosts: [...hosts, host] }, relative('hosts'))
      }
      return host
    },
  }),
  operation({
    name: 'hostRemove',
    summary: 'Forget a host that was said to be behind a port. One that is not there is no error.',
    method: 'DELETE',
    path: '/v1/ports/:port/hosts/:mac',
    command: 'host remove <port> <mac>',
    schema: HostKey,
    async run({ amendments, change }, key) {
      const before = hostOf(amendments, key)
      if (before === undefined) return { removed: null }
      await change({ ...amendments, hosts: amendments.hosts.filter((one) => one !== before) })
      return { removed: key.mac }
    },
  }),
]

function hostOf({ hosts }: Amendments, key: Static<typeof HostKey>) {
  return hosts.find(({ port: name, mac }) => name === key.port && mac === key.mac)
}

function ifnameOf({ name, options }: Pick<Static<typeof Attach>, 'name' | 'options'>): string {
  return String(options['ifname'] ?? name)
}

function oneOfBoth(vni: number | undefined, network: string | undefined): Refusal {
  const got = vni === undefined && network === undefined ? 'neither' : 'both'
  const finding = { path: ['vni'], expected: 'one of vni or network', got }
  return new Refusal('invalid', [unplaced(finding)])
}
