// What is in force: the configuration file and what was changed at run time, as one configuration; and what differs
// from one to the next.

import type { Amendments } from './amendments.js'
import { type Arrivals, applied, current } from './arrivals.js'
import {
  checkPortKinds,
  checkRules,
  checkValue,
  type Finding,
  Network,
  type PortKindInfo,
  portOptions,
  type Schema,
} from './config/index.js'
import type { Config, Neighbor, Port } from './config/schema.js'

type PortHost = Port['hosts'][number]

export interface Effective {
  readonly config: Config
  /** Names and ids of what did not come from the file. */
  readonly added: {
    readonly vrfs: ReadonlySet<string>
    readonly networks: ReadonlySet<string>
    readonly ports: ReadonlySet<string>
    readonly neighbors: ReadonlySet<string>
  }
  /** What is behind a port instead of what the configuration says. */
  readonly arrivals: Arrivals
}

export interface Merged extends Effective {
  readonly findings: readonly Finding[]
}

/** A neighbour's id: its address, the interface, or the range. */
export function neighborId(neighbor: Neighbor): string {
  return neighbor.address ?? neighbor.interface ?? neighbor.range ?? ''
}

/**
 * One configuration from both, checked as a whole. What was added and is now in the file, too, comes from the file:
 * operators try at run time and write down later.
 */
export function merge(
  file: Config,
  amendments: Amendments,
  portKinds: readonly PortKindInfo[],
): Merged {
  const { removed } = amendments
  const kept = file.networks.filter(({ name }) => !removed.networks.includes(name))
  const inFile = new Map(kept.map((network) => [network.name, network]))
  const networks = amendments.networks.filter(({ name, vni }) => inFile.get(name)?.vni !== vni)
  const all: Network[] = [
    ...kept.map((network) => ({
      ...network,
      ports: network.ports.filter(({ name }) => !removed.ports.includes(name)),
    })),
    ...networks.map((network) => ({ ...network, ports: [...network.ports] })),
  ]
  const findings: Finding[] = []
  const ports = new Set(networks.flatMap((network) => network.ports.map(({ name }) => name)))
  const wanted = wantedNetworks(amendments, all)
  all.push(...wanted)
  const byVni = new Map(all.map((network) => [network.vni, network]))
  for (const { vni, ...port } of amendments.attachments) {
    const network = byVni.get(vni)!
    // The file has it now, too.
    if (network.ports.some((one) => one.name === port.name)) continue
    network.ports.push(port)
    ports.add(port.name)
  }
  for (const [i, { network: name, ...port }] of amendments.ports.entries()) {
    const network = all.find((one) => one.name === name)
    if (network === undefined) {
      const known = all.map((one) => one.name).join(', ')
      const expected =
        known === '' ? 'a network, but there is none' : `one of the networks ${known}`
      findings.push({ path: ['ports', i, 'network'], expected, got: name })
      continue
    }
    if (inFile.has(name) && network.ports.some((one) => one.name === port.name)) continue
    network.ports.push(port)
    ports.add(port.name)
  }
  addHosts(amendments, all)
  const keptVrfs = file.vrfs.filter(({ name }) => !removed.vrfs.includes(name))
  const vrfNames = new Set(keptVrfs.map(({ name }) => name))
  const vrfs = amendments.vrfs.filter(({ name }) => !vrfNames.has(name))
  const peers = file.bgp.neighbors.filter((one) => !removed.neighbors.includes(neighborId(one)))
  const ids = new Set(peers.map(neighborId))
  const neighbors = amendments.neighbors.filter((neighbor) => !ids.has(neighborId(neighbor)))
  const config: Config = {
    ...file,
    bgp: { ...file.bgp, neighbors: [...peers, ...neighbors] },
    vrfs: [...keptVrfs, ...vrfs],
    networks: all,
  }
  return {
    config,
    added: {
      vrfs: new Set(vrfs.map(({ name }) => name)),
      networks: new Set([...networks, ...wanted].map(({ name }) => name)),
      ports,
      neighbors: new Set(neighbors.map(neighborId)),
    },
    arrivals: current(amendments.arrivals, config),
    findings: [...findings, ...checkRules(config), ...checkPortKinds(config, portKinds)],
  }
}

const { value: usualNetwork } = checkValue<Network>(Network as Schema, { name: '-', vni: 1 })

/** Networks that are there because a platform has a port in them, or holds them: nobody else has named their VNI. */
function wantedNetworks({ attachments, holds }: Amendments, known: readonly Network[]): Network[] {
  const vnis = new Set([...holds, ...attachments].map(({ vni }) => vni))
  for (const { vni } of known) vnis.delete(vni)
  return [...vnis].map((vni) => ({ ...usualNetwork, name: `vni${vni}`, vni, ports: [] }))
}

/** What platforms have said is behind ports, beside what the configuration says. */
function addHosts({ hosts }: Amendments, networks: readonly Network[]): void {
  if (hosts.length === 0) return
  const byPort = new Map<string, PortHost[]>()
  for (const { port, ...host } of hosts) {
    const list = byPort.get(port)
    if (list === undefined) byPort.set(port, [host])
    else list.push(host)
  }
  for (const { ports } of networks) {
    for (const [i, port] of ports.entries()) {
      const known = new Set(port.hosts.map(({ mac }) => mac))
      const more = byPort.get(port.name)?.filter(({ mac }) => !known.has(mac)) ?? []
      if (more.length === 0) continue
      ports[i] = { ...port, hosts: [...port.hosts, ...more] }
    }
  }
}

/** A port with the network it is in. */
export interface PlacedPort extends Port {
  readonly vni: number
  readonly network: string
  /** As the dataplane takes them. */
  readonly texts: Readonly<Record<string, string>>
}

/** A host that has moved to a port changes what is behind it, and never how it is opened. */
export function placedPorts(
  { config, arrivals }: Effective,
  portKinds: readonly PortKindInfo[],
): PlacedPort[] {
  return config.networks.flatMap(({ vni, name, ports }) =>
    ports.map((port) => {
      const texts = portOptions(port, portKinds)
      return applied({ ...port, vni, network: name, texts }, arrivals)
    }),
  )
}

/** What came, went and became different, by key. */
export interface Difference<T> {
  readonly removed: readonly T[]
  readonly added: readonly T[]
  readonly changed: readonly { readonly from: T; readonly to: T }[]
}

/** Values are canonical and have their keys in the schema's order, so equal text is equal value. */
export function difference<T>(
  before: readonly T[],
  after: readonly T[],
  key: (value: T) => string | number,
): Difference<T> {
  const old = new Map(before.map((value) => [key(value), value]))
  const keys = new Set(after.map(key))
  const added: T[] = []
  const changed: { from: T; to: T }[] = []
  for (const to of after) {
    const from = old.get(key(to))
    if (from === undefined) added.push(to)
    else if (!same(from, to)) changed.push({ from, to })
  }
  return { removed: before.filter((value) => !keys.has(key(value))), added, changed }
}

export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Keys that hold for the life of the process, and what they are in a configuration. */
const frozen: readonly (readonly [Finding['path'], (config: Config) => unknown])[] = [
  [['asn'], ({ asn }) => asn],
  [['routerId'], ({ routerId }) => routerId],
  [['vtep'], ({ vtep }) => vtep],
  [['bgp', 'listen'], ({ bgp }) => bgp.listen],
  [['bgp', 'clusterId'], ({ bgp }) => bgp.clusterId],
  [['bgp', 'gracefulRestart'], ({ bgp }) => bgp.gracefulRestart],
  [['api'], ({ api }) => api],
  [['events'], ({ events }) => events],
  [['dataplane'], ({ dataplane }) => dataplane],
  [['duplicateDetection'], ({ duplicateDetection }) => duplicateDetection],
  [['multihoming'], ({ multihoming }) => multihoming],
]

/** Changes that a running host does not carry out. */
export function frozenChanges(before: Config, after: Config): Finding[] {
  return frozen.flatMap(([path, read]) => {
    const [was, is] = [read(before), read(after)].map((value) => JSON.stringify(value) ?? 'nothing')
    if (was === is) return []
    return [{ path, expected: `${was} until a restart`, got: is ?? 'nothing' }]
  })
}
