// What a capture of the daemon sends, block by block, for the commands that read it.

import { type PcapngBlock, PcapngReader } from '../host/capture/index.js'
import { type Call, call, type Daemon, open } from './client.js'
import { CommandFailure, exitCode } from './context.js'

export interface Captured {
  readonly frames: number
  readonly missed: number
}

/**
 * Asks for a capture and hands on what comes until it ends, SIGINT or SIGTERM ends it, or `use` answers false. `say` is told
 * notes, and that it has begun; `ended` ends it, too. Throws CommandFailure.
 */
export async function readCapture(
  daemon: Daemon,
  query: NonNullable<Call['query']>,
  say: (sentence: string) => void,
  use: (block: PcapngBlock) => Promise<boolean>,
  ended = new AbortController(),
): Promise<Captured> {
  const end = (): void => ended.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  try {
    const stream = await open(daemon, { path: '/v1/capture', query })
    if ((stream.statusCode ?? 500) >= 400) {
      stream.destroy()
      // The same once more, for its sentence: it is refused before anything begins.
      await call(daemon, { path: '/v1/capture', query })
      throw new CommandFailure(exitCode.failed, 'the daemon refused the capture')
    }
    ended.signal.addEventListener('abort', () => stream.destroy())
    if (ended.signal.aborted) stream.destroy()
    return await consume(stream, ended.signal, say, use)
  } finally {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
  }
}

async function consume(
  stream: AsyncIterable<Uint8Array> & { destroy(): unknown },
  signal: AbortSignal,
  say: (sentence: string) => void,
  use: (block: PcapngBlock) => Promise<boolean>,
): Promise<Captured> {
  const reader = new PcapngReader()
  let frames = 0
  let missed = 0
  try {
    for await (const chunk of stream) {
      for (const block of reader.push(chunk)) {
        if (block.block === 'packet') frames++
        if (block.block === 'section') {
          if (block.comment !== undefined) say(block.comment)
          say('capturing')
        }
        if (block.block === 'statistics' && block.dropped !== undefined)
          missed = Number(block.dropped)
        if (await use(block)) continue
        stream.destroy()
        return { frames, missed }
      }
    }
  } catch (error) {
    // Ended by us, as it was asked for, or by a daemon that went away.
    const { code } = error as NodeJS.ErrnoException
    if (!signal.aborted && code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE')
      throw error
    if (!signal.aborted)
      throw new CommandFailure(exitCode.unreachable, 'the daemon has ended the capture')
  }
  return { frames, missed }
}
