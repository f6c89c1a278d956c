// MRT files (RFC 6396): the tables as they are, and the messages of a recorded run.

import { mkdirSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Speaker, SpeakerAction, SpeakerEvent } from '../bgp/index.js'
import { encodeMrt, type MrtPeer, type MrtSession } from '../wire/index.js'
import { unplaced } from './config/index.js'
import { Refusal } from './refusal.js'
import { replay } from './replay.js'

/** Routes between two turns of the loop. */
const SLICE = 500

export interface Dump {
  readonly file: string
  readonly routes: number
}

/** Where a dump of this name goes. Throws Refusal for what is no plain name. */
export function dumpFile(directory: string, name: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/.test(name)) return join(directory, name)
  const expected = 'a file name without a path, such as routes.mrt'
  const finding = { path: ['name'], expected, got: JSON.stringify(name) }
  throw new Refusal('invalid', [unplaced(finding)])
}

/** Writes the loc-rib with all usable paths (TABLE_DUMP_V2). The file is there when it is whole. Rejects with the disk's error. */
export async function dumpTables(speaker: Speaker, file: string, seconds: number): Promise<Dump> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 })
  const draft = `${file}.new`
  const handle = await open(draft, 'w', 0o640)
  let routes = 0
  try {
    let chunk: Uint8Array[] = []
    const flush = async (): Promise<void> => {
      const octets = Buffer.concat(chunk)
      chunk = []
      await handle.write(octets)
      await turn()
    }
    for (const record of tables(speaker, seconds)) {
      chunk.push(record)
      if (++routes % SLICE === 0) await flush()
    }
    await flush()
    await handle.close()
    await rename(draft, file)
  } catch (error) {
    await handle.close()
    await rm(draft, { force: true })
    throw error
  }
  // The peers are in front of the routes.
  return { file, routes: routes - 1 }
}

function* tables(speaker: Speaker, seconds: number): Generator<Uint8Array> {
  const { asn, routerId } = speaker.settings
  const peers: MrtPeer[] = [{ routerId, address: routerId, asn }]
  /** Our own routes are those of the peer with no name. */
  const indexes = new Map([['', 0]])
  for (const { id, address, asn: theirs, session } of speaker.peers()) {
    indexes.set(id, peers.length)
    const number = typeof theirs === 'number' ? theirs : 0
    peers.push({ routerId: session?.routerId ?? '0.0.0.0', address, asn: number })
  }
  yield encodeMrt(seconds, { kind: 'peerIndex', routerId, view: '', peers })
  let sequence = 0
  for (const family of ['ipv4', 'ipv6', 'evpn'] as const) {
    for (const { nlri, paths } of speaker.locRib(family)) {
      yield encodeMrt(seconds, {
        kind: 'rib',
        sequence: sequence++,
        family,
        nlri,
        paths: paths.map(({ peer, nextHop, attributes }) => ({
          // Of a peer that came meanwhile there is no index.
          peer: indexes.get(peer) ?? 0,
          since: seconds,
          nextHop,
          attributes,
        })),
      })
    }
  }
}

/** The BGP messages of a recorded run, both ways (BGP4MP_MESSAGE_AS4). Throws ReplayError. */
export function* messagesOf(recording: string): Generator<Uint8Array> {
  const connections = new Map<number, Connection>()
  const messages: {
    readonly milliseconds: number
    readonly between: Connection
    readonly octets: Uint8Array
  }[] = []
  let now = 0
  const add = (connection: number, way: 'sent' | 'received', octets: Uint8Array): void => {
    const between = connections.get(connection)
    if (between === undefined) return
    for (const one of between[way].cut(octets)) {
      messages.push({ milliseconds: now, between, octets: one })
    }
  }
  const { head, machines } = replay(recording, {
    onEvent(milliseconds, machine, event) {
      now = milliseconds
      if (machine !== 'bgp') return
      const said = event as SpeakerEvent
      if (said.event === 'connected') {
        const { connection, localAddress, remoteAddress: peerAddress } = said
        const [sent, received] = [new Stream(), new Stream()]
        connections.set(connection, { localAddress, peerAddress, sent, received })
      } else if (said.event === 'received') add(said.connection, 'received', said.bytes)
    },
    onAction(action) {
      const { do: what, connection, bytes } = action as Extract<SpeakerAction, { do: 'send' }>
      if (what === 'send') add(connection, 'sent', bytes)
    },
  })
  const localAsn = machines.speaker.settings.asn
  const peers = new Map(machines.speaker.peers().map((peer) => [peer.address, peer.asn]))
  const start = Date.parse(head.time) / 1000
  for (const { milliseconds, between, octets } of messages) {
    const { peerAddress, localAddress } = between
    const asn = peers.get(peerAddress)
    // A connection to a collector, or of a stranger.
    if (asn === undefined) continue
    const peerAsn = typeof asn === 'number' ? asn : asn === 'internal' ? localAsn : 0
    const session: MrtSession = { peerAsn, localAsn, peerAddress, localAddress }
    yield encodeMrt(start + milliseconds / 1000, { kind: 'message', session, octets })
  }
}

interface Connection {
  readonly localAddress: string
  readonly peerAddress: string
  readonly sent: Stream
  readonly received: Stream
}

/**
 * One way of a connection, cut into messages: neither side writes or reads them one by one. By length alone, unlike Framer: a message
 * with a header that ends the session is what one looks for in such a file.
 */
class Stream {
  #rest: Uint8Array = new Uint8Array(0)

  cut(octets: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = []
    let all = this.#rest.length === 0 ? octets : Buffer.concat([this.#rest, octets])
    for (;;) {
      const length = all.length < 19 ? 0 : (all[16]! << 8) | all[17]!
      if (length < 19 || all.length < length) break
      messages.push(all.subarray(0, length))
      all = all.subarray(length)
    }
    this.#rest = all
    return messages
  }
}
