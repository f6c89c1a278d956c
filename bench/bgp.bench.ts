// The speaker's rates for 100 000 type 2 routes on one core: decode, through the tables to a peer, best path among
// several, a lost session, memory. By itself: node dist/bench/bgp.bench.js [routes]

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type RibChange, Speaker, type SpeakerAction } from '../src/bgp/index.js'
import { EventLog } from '../src/host/index.js'
import { RouteTeller } from '../src/host/route-events.js'
import {
  decodeMessage,
  type EvpnRoute,
  encodeMessage,
  initialContext,
  type PathAttributes,
  type WireContext,
} from '../src/wire/index.js'
import { emit, type Figure } from './result.js'

const ROUTES = Number(process.argv[2] ?? 100_000)
const TRIALS = 3
/** As one read from a socket gives them. */
const CHUNK_BYTES = 65536

const context: WireContext = { ...initialContext, isIbgp: true }

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const hex = (octet: number): string => octet.toString(16).padStart(2, '0')

/** MAC and IP of host `n` as FRR sends them: MAC+IP, one RD per VTEP, 256 hosts on each VTEP. */
function route(n: number): EvpnRoute {
  const [a, b, c] = [(n >> 16) & 255, (n >> 8) & 255, n & 255]
  return {
    type: 'macIp',
    rd: `10.255.${a}.${b}:100`,
    esi: '00:00:00:00:00:00:00:00:00:00',
    ethernetTag: 0,
    mac: `02:00:00:${hex(a)}:${hex(b)}:${hex(c)}`,
    ip: `10.${a}.${b}.${c}`,
    label: 10100,
  }
}

function attributesOf(n: number): PathAttributes {
  return {
    origin: 'igp',
    asPath: [],
    localPref: 100,
    extendedCommunities: [
      { type: 'routeTarget', target: `65000:${10100 + ((n >> 8) & 15)}` },
      { type: 'encapsulation', tunnelType: 8 },
    ],
  }
}

/** UPDATEs of up to `perMessage` routes of one VTEP, joined into chunks. */
function updates(perMessage: number, nextHopOf: (n: number) => string): readonly Uint8Array[] {
  const messages: Uint8Array[] = []
  for (let from = 0; from < ROUTES; ) {
    const to = Math.min(ROUTES, from + perMessage, ((from >> 8) + 1) << 8)
    const nlri = Array.from({ length: to - from }, (_, i) => route(from + i))
    const mpReach = { family: 'evpn', nextHop: nextHopOf(from), nlri } as const
    const attributes = { ...attributesOf(from), mpReach }
    messages.push(encodeMessage({ kind: 'update', withdrawn: [], attributes, nlri: [] }, context))
    from = to
  }
  return messages
}

const vtepOf = (n: number): string => `10.255.${(n >> 16) & 255}.${(n >> 8) & 255}`

function chunks(messages: readonly Uint8Array[]): readonly Uint8Array[] {
  const all = Buffer.concat(messages)
  const count = Math.ceil(all.length / CHUNK_BYTES)
  return Array.from(
    { length: count },
    (_, i) => new Uint8Array(all.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES)),
  )
}

/** A speaker with reflector clients 1 to `peers`, all sessions up. */
function reflector(peers: number): Speaker {
  const speaker = new Speaker({ asn: 65000, routerId: '10.0.0.254' })
  for (let n = 1; n <= peers; n++) {
    const address = `10.0.0.${n}`
    const settings = { asn: 65000, families: ['evpn'], routeReflectorClient: true } as const
    speaker.step({
      event: 'peerAdded',
      peer: { ...settings, id: address, address, passive: true },
    })
    const opposite = new Speaker({ asn: 65000, routerId: address })
    const replies = opposite.step({
      event: 'peerAdded',
      peer: { ...settings, id: 'r', address: '10.0.0.254' },
    })
    handshake(speaker, opposite, n, address, replies)
  }
  return speaker
}

/** Lets two speakers open a session; `speaker`'s connection is number `n`. */
function handshake(
  speaker: Speaker,
  opposite: Speaker,
  n: number,
  address: string,
  first: readonly SpeakerAction[],
): void {
  if (!first.some((action) => action.do === 'connect')) throw new Error('expected a connect')
  const ends = { localAddress: '10.0.0.254', remoteAddress: address, remotePort: 179 }
  const there = { localAddress: address, remoteAddress: '10.0.0.254', remotePort: 179 }
  let toOpposite = speaker.step({ event: 'connected', connection: n, direction: 'in', ...ends })
  let toSpeaker = opposite.step({
    event: 'connected',
    connection: n,
    direction: 'out',
    peer: 'r',
    ...there,
  })
  while (toOpposite.length + toSpeaker.length > 0) {
    const [fromSpeaker, fromOpposite] = [sent(toOpposite), sent(toSpeaker)]
    toSpeaker = fromSpeaker.flatMap((bytes) =>
      opposite.step({ event: 'received', connection: n, bytes }),
    )
    toOpposite = fromOpposite.flatMap((bytes) =>
      speaker.step({ event: 'received', connection: n, bytes }),
    )
  }
}

function sent(actions: readonly SpeakerAction[], connection?: number): Uint8Array[] {
  return actions.flatMap((action) =>
    action.do === 'send' && (connection === undefined || action.connection === connection)
      ? [action.bytes]
      : [],
  )
}

/** Gives the octets to a connection and lets the speaker send until it has nothing left to do. */
function feed(speaker: Speaker, connection: number, pieces: readonly Uint8Array[]): number {
  let octets = 0
  const count = (actions: readonly SpeakerAction[]): boolean => {
    for (const bytes of sent(actions)) octets += bytes.length
    return actions.some((action) => action.do === 'startTimer' && action.seconds === 0)
  }
  let isBusy = false
  for (const bytes of pieces)
    isBusy = count(speaker.step({ event: 'received', connection, bytes })) || isBusy
  while (isBusy) isBusy = count(speaker.step({ event: 'timer', timer: 'speaker flush' }))
  return octets
}

function seconds(run: () => void): number {
  const start = process.hrtime.bigint()
  run()
  return Number(process.hrtime.bigint() - start) / 1e9
}

function trials(what: string, unit: string, run: () => number): Figure {
  return { what, unit, values: Array.from({ length: TRIALS }, run) }
}

function check(what: string, got: number, expected: number): void {
  if (got !== expected) throw new Error(`${what}: expected ${expected}, got ${got}`)
}

const packed = updates(100, vtepOf)
const single = updates(1, vtepOf)
const packedChunks = chunks(packed)
const elsewhere = chunks(updates(100, () => '10.254.0.1'))

// The first run of everything is the compiler's.
through(packedChunks, 2)

const decodeRate = (messages: readonly Uint8Array[]) => (): number =>
  ROUTES / seconds(() => messages.forEach((octets) => void decodeMessage(octets, context)))

function through(pieces: readonly Uint8Array[], peers: number): number {
  const speaker = reflector(peers)
  const time = seconds(() => feed(speaker, 1, pieces))
  check('routes', [...speaker.locRib('evpn')].length, ROUTES)
  const told = speaker.peers().filter(({ id }) => id !== '10.0.0.1')
  for (const { session } of told) check('sent', session!.families[0]!.sent, ROUTES)
  return time
}

/** The second and third peer's paths must be compared with the first's. */
function bestPath(): number {
  const speaker = reflector(3)
  feed(speaker, 1, packedChunks)
  return (
    (2 * ROUTES) /
    seconds(() => {
      feed(speaker, 2, elsewhere)
      feed(speaker, 3, packedChunks)
    })
  )
}

function lostSession(): number {
  const speaker = reflector(2)
  feed(speaker, 1, packedChunks)
  const time = seconds(() => speaker.step({ event: 'closed', connection: 1 }))
  check('routes left', [...speaker.locRib('evpn')].length, 0)
  return time * 1000
}

function bytesPerRoute(peers: number): number {
  const speaker = reflector(peers)
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  feed(speaker, 1, packedChunks)
  collectGarbage()
  const used = process.memoryUsage().heapUsed - before
  check('routes', [...speaker.locRib('evpn')].length, ROUTES)
  return used / ROUTES
}

/** What the event log costs for so many changes of the loc-rib: few are kept, the others only counted. */
function asEvents(): number {
  const speaker = reflector(1)
  const changes = feedFor(speaker, packedChunks)
  check('changes', changes.flat().length, ROUTES)
  const teller = new RouteTeller(new EventLog(Date.now))
  return seconds(() => changes.forEach((some) => void teller.tell(some))) * 1000
}

/** The changes of the loc-rib that come of the octets. */
function feedFor(speaker: Speaker, pieces: readonly Uint8Array[]): (readonly RibChange[])[] {
  return pieces.flatMap((bytes) =>
    speaker
      .step({ event: 'received', connection: 1, bytes })
      .flatMap((action) => (action.do === 'routes' ? [action.changes] : [])),
  )
}

emit('bgp', [
  trials('decode, 100 routes in a message', 'routes/s', decodeRate(packed)),
  trials('decode, 1 route in a message', 'routes/s', decodeRate(single)),
  trials(`${ROUTES} routes into the loc-rib`, 's', () => through(packedChunks, 1)),
  trials(`${ROUTES} routes into the loc-rib: their events`, 'ms', asEvents),
  trials(`${ROUTES} routes through to 1 peer`, 's', () => through(packedChunks, 2)),
  trials(`${ROUTES} routes through to 1 peer, 1 route in a message`, 's', () =>
    through(chunks(single), 2),
  ),
  trials(`${ROUTES} routes through to 10 peers`, 's', () => through(packedChunks, 11)),
  trials('best path of 2 and of 3', 'routes/s', bestPath),
  trials(`session with ${ROUTES} routes lost: first step`, 'ms', lostSession),
  trials('memory, 1 path', 'bytes/route', () => bytesPerRoute(1)),
  trials('memory, 1 path told to 1 peer', 'bytes/route', () => bytesPerRoute(2)),
])
