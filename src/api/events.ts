// GET /v1/events: server-sent events, those since `since` and then as they happen; with `Accept: application/json` the kept
// ones as a list.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  EventsQuery,
  type HostEvent,
  type HostSurface,
  matches,
  ofQuery,
  type ReadQuery,
  Refusal,
  unplaced,
} from '../host/index.js'

/** A reader this far behind is let go: it can come back with Last-Event-ID. */
const MAX_BACKLOG_BYTES = 1 << 20
const KEEPALIVE_MILLISECONDS = 15_000
/** Readers at a time. */
const MAX_STREAMS = 200

export { EventsQuery as eventsSchema }

export function addEvents(app: FastifyInstance, host: HostSurface): void {
  const open = new Set<ServerResponse>()
  app.get('/v1/events', { config: { role: 'read' } }, async (request, reply) => {
    const isList = request.headers.accept?.includes('application/json') === true
    const { query, isResumed } = queryOf(host, request)
    if (isList) return host.events.past(query.filter, query.limit)
    if (open.size >= MAX_STREAMS) {
      const got = `${open.size} of them already`
      const finding = { path: ['events'], expected: `at most ${MAX_STREAMS} readers`, got }
      throw new Refusal('conflict', [unplaced(finding)])
    }
    reply.hijack()
    open.add(reply.raw)
    reply.raw.once('close', () => open.delete(reply.raw))
    await stream(host, reply.raw, query, isResumed)
    return reply
  })
}

/** Where to go on is `since`, or what the browser remembers as Last-Event-ID: the newer word. */
function queryOf(
  host: HostSurface,
  request: FastifyRequest,
): { readonly query: ReadQuery; readonly isResumed: boolean } {
  const last = request.headers['last-event-id']
  const given = request.query as Readonly<Record<string, unknown>>
  const input = ofQuery(EventsQuery, last === undefined ? given : { ...given, since: last })
  const query = host.eventsQuery(input)
  return { query, isResumed: input['since'] !== undefined }
}

async function stream(
  host: HostSurface,
  raw: ServerResponse,
  { filter, limit }: ReadQuery,
  isResumed: boolean,
): Promise<void> {
  raw.on('error', () => {})
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  })
  const send = (chunk: string): void => {
    if (raw.writableLength > MAX_BACKLOG_BYTES) raw.destroy()
    else raw.write(chunk)
  }
  send(': vtep\n\n')
  // What happens while the past is read comes behind it.
  let last = host.events.last
  let waiting: HostEvent[] | undefined = []
  const tell = (event: HostEvent): void => {
    if (event.sequence <= last || !matches(event, filter)) return
    if (waiting === undefined) send(format(event))
    else waiting.push(event)
  }
  const stop = host.events.subscribe(tell)
  // A comment now and then finds readers that are gone without having said so.
  const keepalive = setInterval(() => send(':\n\n'), KEEPALIVE_MILLISECONDS)
  keepalive.unref()
  raw.once('close', () => {
    stop()
    clearInterval(keepalive)
  })
  if (isResumed) {
    for (const event of await host.events.past(filter, limit)) {
      if (raw.destroyed) return
      if (!raw.write(format(event))) await Promise.race([once(raw, 'drain'), once(raw, 'close')])
      last = event.sequence
    }
  }
  for (const event of waiting) if (event.sequence > last) send(format(event))
  waiting = undefined
}

function format(event: HostEvent): string {
  return `id: ${event.sequence}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`
}
