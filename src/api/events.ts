// GET /v1/events: server-sent events as they happen; with `Accept: application/json` the kept ones as a list.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type HostEvent, type HostSurface, Refusal, unplaced } from '../host/index.js'

/** A reader this far behind is let go: it can come back with Last-Event-ID. */
const MAX_BACKLOG_BYTES = 1 << 20
const KEEPALIVE_MILLISECONDS = 15_000

export function addEvents(app: FastifyInstance, host: HostSurface): void {
  app.get('/v1/events', (request, reply) => {
    const since = sinceOf(request)
    if (request.headers.accept?.includes('application/json')) return host.events.since(since ?? 0)
    stream(host, reply, since ?? host.events.last)
    return reply
  })
}

/** Where to go on: `since` or what the browser remembers as Last-Event-ID. */
function sinceOf(request: FastifyRequest): number | undefined {
  const query = request.query as Readonly<Record<string, unknown>>
  const text = query['since'] ?? request.headers['last-event-id']
  if (text === undefined) return undefined
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text)
  const finding = { path: ['since'], expected: 'a sequence number', got: JSON.stringify(text) }
  throw new Refusal('invalid', [unplaced(finding)])
}

function stream(host: HostSurface, reply: FastifyReply, since: number): void {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  const send = (chunk: string): void => {
    if (raw.writableLength > MAX_BACKLOG_BYTES) raw.destroy()
    else raw.write(chunk)
  }
  send(': vtep\n\n')
  for (const event of host.events.since(since)) send(format(event))
  const stop = host.events.subscribe((event) => send(format(event)))
  // A comment now and then finds readers that are gone without having said so.
  const keepalive = setInterval(() => send(':\n\n'), KEEPALIVE_MILLISECONDS)
  keepalive.unref()
  raw.on('error', () => {})
  raw.once('close', () => {
    stop()
    clearInterval(keepalive)
  })
}

function format(event: HostEvent): string {
  return `id: ${event.sequence}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`
}
