// What reads a stranger's octets in TypeScript, each with where to begin and what must hold.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { PeerSettings } from '../../src/bgp/index.js'
import type { SegmentSettings } from '../../src/evpn/index.js'
import { Machines } from '../../src/host/machines.js'
import { readCapture } from '../../src/wire/capture/index.js'
import {
  decapsulateOuter,
  decapsulatePayload,
  describeFrame,
  dissect,
  findLayers,
  flowHash,
  frameDigest,
  noMeta,
  readNeighbourTalk,
} from '../../src/wire/frame/index.js'
import {
  type BmpMessage,
  decodeBmp,
  decodeMessage,
  decodeMrt,
  decodePcapng,
  type EvpnRoute,
  encodeBmp,
  encodeMessage,
  encodeMrt,
  encodePcapng,
  initialContext,
  type Message,
  type MrtRecord,
  type PcapngBlock,
  type WireContext,
} from '../../src/wire/index.js'
import { imet, macIp } from '../bgp/routes.js'
import { vectors } from '../core/vectors/index.js'
import { changeOf, type RouteLine } from '../evpn/replay.js'
import { messages, pathAttributes } from '../wire/bgp/support/arbitraries.js'
import type { FuzzTarget } from './mutation.js'

const HEADER = 19

/** Header and length as they should be, and in an UPDATE the lengths of its parts. */
function wellFramed(octets: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.max(HEADER, octets.length))
  out.set(octets)
  out.fill(0xff, 0, 16)
  const view = new DataView(out.buffer)
  view.setUint16(16, out.length)
  if (out[18] === 0 || out[18]! > 5) out[18] = 2
  if (out[18] !== 2 || out.length < HEADER + 4) return out
  const withdrawn = view.getUint16(HEADER)
  const at = HEADER + 2 + withdrawn
  if (at + 2 > out.length) return out
  // As seldom as not, the NLRI behind the attributes are left out.
  if (at + 2 + view.getUint16(at) > out.length) view.setUint16(at, out.length - at - 2)
  return out
}

const sample = <T>(from: fc.Arbitrary<T>, count: number): readonly T[] =>
  fc.sample(from, { numRuns: count, seed: 1 })

function written(values: readonly Message[], ctx: WireContext = initialContext): Uint8Array[] {
  return values.flatMap((message) => {
    try {
      return [encodeMessage(message, ctx)]
    } catch (error) {
      // Too long for a message.
      if (error instanceof RangeError) return []
      throw error
    }
  })
}

const bgpSeeds = [
  ...Object.values(messages).flatMap((one) => written(sample(one, 60))),
  ...written(
    sample(pathAttributes, 200).map((attributes) => ({
      kind: 'update',
      withdrawn: [],
      attributes,
      nlri: [],
    })),
  ),
]

const contexts: readonly WireContext[] = [
  { ...initialContext, isIbgp: true },
  { ...initialContext, isIbgp: false, fourOctetAs: false },
  { ...initialContext, addPath: ['evpn', 'ipv4'], extendedMessages: true },
]

const isWireError = (error: unknown): boolean => (error as Error).name === 'WireError'

/** A decoder that throws WireError for what it can not read, and nothing else. */
function read<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (!isWireError(error)) throw error
    return undefined
  }
}

/** What was read without a problem can be told to others, who have none with it either. */
function survives(message: Message, ctx: WireContext): void {
  let again: Uint8Array
  try {
    again = encodeMessage(message, ctx)
  } catch (error) {
    if (error instanceof RangeError) return
    throw error
  }
  const { message: same, problems } = decodeMessage(again, ctx)
  assert.deepEqual(problems, [])
  assert.equal(same?.kind, message.kind)
}

const bgp: FuzzTarget = {
  name: 'BGP messages',
  seeds: bgpSeeds,
  repair: wellFramed,
  run(octets) {
    const outcomes = contexts.map((ctx) => {
      const { message, problems } = decodeMessage(octets, ctx)
      // Each problem is about some octets of its own.
      assert.ok(problems.length <= octets.length + 1, `${problems.length} problems`)
      if (message !== undefined && problems.length === 0) survives(message, ctx)
      const attributes = message?.kind === 'update' ? Object.keys(message.attributes) : []
      const verdicts = problems.map(({ attribute, verdict, text }) => [attribute, verdict, text])
      const shape = JSON.stringify(verdicts).replace(/\d+|0x[0-9a-f]+/g, '#')
      return `${message?.kind} ${attributes} ${shape.slice(0, 400)}`
    })
    return outcomes.join('\n')
  },
}

// ---- a whole host with a hostile peer and a good one

const ends = { localAddress: '10.0.0.1', remotePort: 179 } as const
const openOf = (bgpId: string): Uint8Array =>
  encodeMessage(
    {
      kind: 'open',
      version: 4,
      asn: 65000,
      holdTimeSeconds: 90,
      bgpId,
      capabilities: [
        { name: 'multiprotocol', afi: 25, safi: 70 },
        { name: 'multiprotocol', afi: 1, safi: 1 },
        { name: 'routeRefresh' },
        { name: 'enhancedRouteRefresh' },
        { name: 'fourOctetAs', asn: 65000 },
      ],
    },
    initialContext,
  )
const keepalive = encodeMessage({ kind: 'keepalive' }, initialContext)
const [good, hostile] = ['10.0.0.2', '10.0.0.3'] as const

/** Machines of a host with a network, an IP-VRF, and sessions with both peers. */
const esi = '03:02:00:00:00:00:01:00:00:01'

class FuzzedHost {
  readonly machines: Machines
  #connection = 1
  isConnected = true

  constructor() {
    const ignore = (): void => undefined
    this.machines = new Machines(
      { asn: 65000, routerId: '10.0.0.1' },
      { asn: 65000, routerId: '10.0.0.1', vtep: '10.0.0.1', profile: 'frr' },
      new Proxy(
        {
          transport: (action: { readonly do: string; readonly connection?: number }) => {
            if (action.do === 'close' && action.connection === this.#connection) {
              this.isConnected = false
            }
          },
        },
        { get: (own, name) => (name in own ? own[name as keyof typeof own] : ignore) },
      ) as never,
    )
    const { machines } = this
    machines.toEvpn({
      event: 'vrfAdded',
      vrf: { name: 'v', vni: 50001 },
    })
    machines.toEvpn({
      event: 'networkAdded',
      network: {
        name: 'n',
        vni: 10100,
        agingSeconds: 300,
        suppress: true,
        vrf: 50001,
        gateway: [{ ip: '10.1.0.1', length: 24 }],
        multicast: { querier: false },
        assistedReplication: { role: 'leaf', activationSeconds: 0 },
      },
    })
    const segment: SegmentSettings = {
      esi,
      singleActive: false,
      algorithm: 'preference',
      preference: 100,
      dontPreempt: false,
      waitSeconds: 0,
    }
    machines.toEvpn({ event: 'portBound', binding: { vni: 10100, port: 1, segment } })
    for (const address of [good, hostile]) {
      const peer: PeerSettings = {
        id: address,
        address,
        asn: 65000,
        families: ['evpn', 'ipv4'],
        passive: true,
        routeReflectorClient: true,
      }
      machines.toSpeaker({ event: 'peerAdded', peer })
    }
    this.connect(1000, good)
    const routes = [macIp(1, { rd: `${good}:1`, nextHop: good }), imet(`${good}:1`, good)]
    for (const { nlri, nextHop, attributes } of routes) {
      const mpReach = { family: 'evpn', nextHop, nlri: [nlri] } as never
      const update: Message = {
        kind: 'update',
        withdrawn: [],
        attributes: { origin: 'igp', asPath: [], localPref: 100, ...attributes, mpReach },
        nlri: [],
      }
      this.hear(1000, encodeMessage(update, initialContext))
    }
    this.reconnect()
  }

  connect(connection: number, remoteAddress: string): void {
    this.machines.toSpeaker({
      event: 'connected',
      connection,
      direction: 'in',
      remoteAddress,
      ...ends,
    })
    for (const bytes of [openOf(remoteAddress), keepalive]) this.hear(connection, bytes)
  }

  reconnect(): void {
    this.#connection++
    this.isConnected = true
    this.machines.toSpeaker({ event: 'clear', peer: hostile })
    this.connect(this.#connection, hostile)
  }

  hear(connection: number, bytes: Uint8Array): void {
    this.machines.toSpeaker({ event: 'received', connection, bytes })
  }

  attack(bytes: Uint8Array): void {
    this.hear(this.#connection, bytes)
  }

  /** What the good peer has said must be there, whatever the other one says. */
  check(): void {
    const peer = this.machines.speaker.peers().find(({ id }) => id === good)
    assert.equal(peer?.state, 'Established')
    assert.equal(peer?.session?.families.find(({ family }) => family === 'evpn')?.received, 2)
    assert.ok(this.machines.evpn.image.networks.has(10100))
  }
}

/** After so many inputs a new host: what earlier ones have left behind is part of the test, but not for ever. */
const RENEW = 3000

const group = '239.1.1.1'

/** What a VTEP of our segment says, a replicator, and who leads to prefixes by way of others. */
const lines: readonly RouteLine[] = (
  [
    { route: 'ead', esi, whole: true, also: ['esi-label:0'] },
    { route: 'ead', esi },
    { route: 'es', esi, communities: ['es-import:02:00:00:00:00:01', 'df:2,0x0,50'] },
    { route: 'imet', also: ['multicast:igmp,mld'] },
    { route: 'imet', rd: `${hostile}:9`, pmsi: { tunnelType: 10, flags: 8 } },
    { route: 'smet', group },
    { route: 'joinSynch', esi, group },
    { route: 'leaveSynch', esi, group, seconds: 2 },
    { route: 'macIp', mac: '02:00:00:00:00:03', ip: '10.1.0.3', label2: 50001, esi },
    {
      route: 'prefix',
      esi,
      prefix: '192.0.2.0/24',
      communities: ['encap:vxlan', 'rt:65000:50001', 'router-mac:02:00:00:00:02:01'],
    },
  ] as const
).map((line) => ({ vtep: hostile, ...line }))

function hosts(): FuzzTarget {
  let host = new FuzzedHost()
  let runs = 0
  const seeds = written(
    [
      macIp(2, { rd: `${hostile}:1`, nextHop: hostile, sequence: 5 }),
      macIp(1, { rd: `${hostile}:1`, nextHop: hostile, ip: '10.1.0.7' }),
      imet(`${hostile}:1`, hostile),
      ...lines.map((line) => {
        const { nlri, best } = changeOf(line)
        return { nlri, ...best! }
      }),
    ].map(({ nlri, nextHop, attributes }) => ({
      kind: 'update' as const,
      withdrawn: [],
      attributes: {
        origin: 'igp' as const,
        asPath: [],
        localPref: 100,
        ...attributes,
        mpReach: { family: 'evpn', nextHop, nlri: [nlri] } as never,
      },
      nlri: [],
    })),
  )
  return {
    name: 'a host with a hostile peer',
    seeds: [...seeds, ...bgpSeeds],
    repair: wellFramed,
    run(octets) {
      if (++runs % RENEW === 0) host = new FuzzedHost()
      if (!host.isConnected) host.reconnect()
      host.attack(octets)
      host.check()
      const { speaker, evpn } = host.machines
      const [one] = speaker.peers().filter(({ id }) => id === hostile)
      const types = [...speaker.adjRibIn(hostile, 'evpn')].map(
        ({ path }) => (path.nlri as EvpnRoute).type,
      )
      const kinds = [...new Set(types)].sort().join()
      return `${one?.state} ${kinds} ${[...evpn.macs()].length > 1} ${[...evpn.prefixes()].length > 1}`
    },
  }
}

// ---- files, and what monitors send

const peerSample = { address: '10.0.0.2', asn: 65000, routerId: '10.0.0.2' } as const
const update = written(sample(messages.update, 1))[0]!
const bmpSeeds: readonly BmpMessage[] = [
  { kind: 'initiation', information: [{ type: 2, text: 'h1' }] },
  { kind: 'termination' },
  { kind: 'routeMonitoring', peer: { view: 'prePolicy', ...peerSample }, update },
  { kind: 'peerDown', peer: { view: 'postPolicy', ...peerSample }, reason: 2, data: update },
  {
    kind: 'statistics',
    peer: { view: 'locRib', asn: 65000, routerId: '10.0.0.1' },
    statistics: [
      { type: 8, value: 5n },
      { type: 10, value: 3n, afiSafi: { afi: 25, safi: 70 } },
    ],
  },
  {
    kind: 'peerUp',
    peer: { view: 'prePolicy', ...peerSample },
    localAddress: '10.0.0.1',
    localPort: 179,
    remotePort: 40000,
    sentOpen: openOf('10.0.0.1'),
    receivedOpen: openOf('10.0.0.2'),
    information: [],
  },
]

const bmp: FuzzTarget = {
  name: 'BMP messages',
  seeds: bmpSeeds.map(encodeBmp),
  run(octets) {
    const decoded = read(() => decodeBmp(octets))
    return decoded === undefined ? '' : `${decoded.message.kind} ${decoded.rest.length > 0}`
  },
}

const mrtSeeds: readonly MrtRecord[] = [
  {
    kind: 'peerIndex',
    routerId: '10.0.0.1',
    view: 'x',
    peers: [peerSample, { ...peerSample, address: '2001:db8::2', asn: 4200000001 }],
  },
  ...(['evpn', 'ipv4', 'ipv6'] as const).map((family): MrtRecord => {
    const prefix = family === 'ipv4' ? '10.1.0.0/16' : '2001:db8::/32'
    const nlri = family === 'evpn' ? macIp(1).nlri : { prefix }
    const attributes = { origin: 'igp', asPath: [] } as const
    const path = { peer: 1, since: 5, attributes, nextHop: family === 'ipv6' ? '::1' : '10.0.0.2' }
    return { kind: 'rib', sequence: 1, family, nlri, paths: [path] } as MrtRecord
  }),
]

const mrt: FuzzTarget = {
  name: 'MRT records',
  seeds: mrtSeeds.map((record) => encodeMrt(1_600_000_000, record)),
  run(octets) {
    const records = read(() => [...decodeMrt(octets)])
    return records?.map(({ record }) => record.kind).join() ?? 'not readable'
  },
}

const pcapngSeeds: readonly PcapngBlock[] = [
  { block: 'section', application: 'x', comment: 'y' },
  { block: 'interface', linkType: 1, snapLength: 96, name: 'vm1', description: 'z' },
  {
    block: 'packet',
    interface: 0,
    timeNanoseconds: 1_600_000_000_000_000_000n,
    length: 60,
    bytes: new Uint8Array(21),
    comment: 'point=drop',
    direction: 'in',
    id: 7n,
  },
  { block: 'statistics', interface: 0, timeNanoseconds: 1n, received: 2n, dropped: 3n },
]

const pcapng: FuzzTarget = {
  name: 'pcapng',
  seeds: [1, 2, 3, 4].map((count) =>
    Buffer.concat(pcapngSeeds.slice(0, count).map((block) => encodePcapng(block))),
  ),
  run(octets) {
    const blocks = read(() => decodePcapng(octets))
    if (blocks === undefined) return 'not readable'
    // What was read can be written, and is the same then, but for what a file may say in several ways.
    const again = decodePcapng(
      Buffer.concat(
        blocks.filter(({ block }) => block !== 'other').map((block) => encodePcapng(block)),
      ),
    )
    assert.deepEqual(
      again.map(({ block }) => block),
      blocks.map(({ block }) => block).filter((block) => block !== 'other'),
    )
    return blocks.map((block) => `${block.block} ${Object.keys(block).length}`).join()
  },
}

/** A file as tcpdump writes it, of the vectors' frames. */
function pcapSeed(): Uint8Array {
  const head = Buffer.alloc(24)
  for (const [offset, value] of [
    [0, 0xa1b2c3d4],
    [4, 0x00040002],
    [16, 65535],
    [20, 1],
  ] as const)
    head.writeUInt32LE(value, offset)
  const records = vectors.slice(0, 4).flatMap(({ frames: all }) =>
    all.map(({ bytes }) => {
      const record = Buffer.alloc(16)
      record.writeUInt32LE(bytes.length, 8)
      record.writeUInt32LE(bytes.length, 12)
      return Buffer.concat([record, bytes])
    }),
  )
  return Buffer.concat([head, ...records])
}

/** Files that somebody drops on the dashboard, or gives to `vtep trace --pcap`. */
const captures: FuzzTarget = {
  name: 'captures',
  seeds: [pcapSeed(), ...pcapng.seeds],
  run(octets) {
    const capture = readCapture(octets)
    if (!('frames' in capture)) return capture.problem.slice(0, 30)
    let kept = 0
    for (const frame of capture.frames) {
      kept += frame.octets.length
      for (const { offset, length } of dissect(frame.octets))
        assert.ok(offset >= 0 && length >= 0 && offset + length <= frame.octets.length)
    }
    assert.ok(kept <= octets.length, 'no octet twice')
    return `${capture.format} ${capture.frames.length} ${capture.problem?.slice(0, 20) ?? ''}`
  },
}

// ---- frames

const frames: FuzzTarget = {
  name: 'frames',
  seeds: vectors.flatMap(({ frames: all }) => all.map(({ bytes }) => bytes)),
  run(octets) {
    assert.match(frameDigest(octets), /^[0-9a-f]{16}$/)
    assert.ok(describeFrame(octets).length < 500)
    const layers = findLayers(octets)
    if (layers !== undefined) {
      flowHash(octets, layers)
      readNeighbourTalk(octets, layers, true)
    }
    const frame = { bytes: octets, meta: noMeta }
    const outer = decapsulateOuter(frame, { local: '10.0.0.1', replicator: '10.0.0.9' }, 4789)
    const inner = decapsulatePayload(frame, '10.0.0.2')
    const shape = (value: unknown): string =>
      typeof value === 'object' && value !== null ? Object.keys(value).join() : String(value)
    return `${JSON.stringify(layers)} ${shape(outer)} ${shape(inner)}`
  },
}

export const targets: readonly FuzzTarget[] = [bgp, hosts(), bmp, mrt, pcapng, captures, frames]
