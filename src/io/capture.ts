// A capture of a dataplane process: records out of the rings that its workers fill.

import type {
  CaptureBatch,
  CapturedFrame,
  CaptureFeed,
  CapturePointName,
  CaptureSpec,
} from '../fib/index.js'
import {
  CaptureFlag,
  CapturePoint,
  captureRecordSize,
  Destination,
  DestinationWord,
  decodeCaptureRecords,
} from '../fib/tables.gen.js'
import type { AddonClient } from './addon.js'
import { formatKeyValues, keyValues } from './rows.js'

/** Octets of records that one call takes out. */
const READ_OCTETS = 4 << 20
const NO_ADDRESS = '::'

const pointNames = new Map<number, CapturePointName>(
  Object.entries(CapturePoint).map(([name, code]) => [code, name as CapturePointName]),
)

/** A connection of its own: when it ends, however it ends, the capture is gone. */
export class NativeCapture implements CaptureFeed {
  readonly leftFastPath: readonly number[]
  readonly #client: AddonClient
  readonly #lost: () => string | undefined
  #stopped = false

  private constructor(
    client: AddonClient,
    lost: () => string | undefined,
    leftFastPath: readonly number[],
  ) {
    this.#client = client
    this.#lost = lost
    this.leftFastPath = leftFastPath
  }

  /** Takes the connection. `program` is the filter's. Rejects with the dataplane's sentence; then the connection is closed. */
  static async start(
    client: AddonClient,
    lost: () => string | undefined,
    spec: CaptureSpec,
    program: Uint8Array | undefined,
  ): Promise<NativeCapture> {
    try {
      const answer = await client.request('capture-start', payloadOf(spec, program))
      const ports = keyValues(answer.toString())['leftFastPath'] ?? ''
      const ids = ports === '' ? [] : ports.split(',').map(Number)
      return new NativeCapture(client, lost, ids)
    } catch (error) {
      client.close()
      throw error
    }
  }

  get lost(): string | undefined {
    return this.#lost()
  }

  read(): CaptureBatch {
    if (this.#stopped) return { frames: [], missedRoom: 0, missedRate: 0 }
    const { records, missedRoom, missedRate } = this.#client.captureRead(READ_OCTETS)
    return { frames: framesOf(records), missedRoom, missedRate }
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#client.close()
  }
}

function payloadOf(spec: CaptureSpec, program: Uint8Array | undefined): string {
  const { points, inner, follow, filter: _, ...numbers } = spec
  const bits = points?.reduce((sum, name) => sum | (1 << CapturePoint[name]), 0)
  const given = { ...numbers, points: bits, inner: inner && 1, follow: follow && 1 }
  return formatKeyValues({
    ...Object.fromEntries(
      Object.entries(given)
        .filter(([, value]) => typeof value === 'number')
        .map(([key, value]) => [key, String(value)]),
    ),
    ...(program === undefined ? {} : { filter: Buffer.from(program).toString('hex') }),
  })
}

function framesOf(records: Uint8Array): CapturedFrame[] {
  const frames: CapturedFrame[] = []
  for (let at = 0; at < records.length; ) {
    const [record] = decodeCaptureRecords(records.subarray(at, at + captureRecordSize))
    if (record === undefined) break
    const { flags, destination, remote, gsoType, gsoSize } = record
    const kind = destination >>> DestinationWord.kindShift
    const begin = at + captureRecordSize
    frames.push({
      point: pointNames.get(record.point) ?? 'drop',
      worker: record.worker,
      id: record.id,
      timeNanoseconds: record.timeNanoseconds,
      length: record.frameLength,
      bytes: records.subarray(begin, begin + record.captured),
      port: record.port,
      outPort: record.outPort,
      vni: record.vni,
      ...(remote === NO_ADDRESS ? {} : { remote }),
      reason: record.reason,
      ...(kind === Destination.port ? { destination: 'port' as const } : {}),
      ...(kind === Destination.remote ? { destination: 'remote' as const } : {}),
      copies: record.copies,
      rebuilt: (flags & CaptureFlag.rebuilt) !== 0,
      held: (flags & CaptureFlag.held) !== 0,
      answered: (flags & CaptureFlag.answered) !== 0,
      routed: (flags & CaptureFlag.routed) !== 0,
      ...(gsoType === 0 ? {} : { gso: { type: gsoType & 0x7f, size: gsoSize } }),
      partialChecksum: record.metaFlags !== 0,
    })
    at += record.length
  }
  return frames
}
