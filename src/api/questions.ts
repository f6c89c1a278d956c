// GET or POST for every row of host's table of questions.

import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type HostSurface, questions, Refusal, unplaced } from '../host/index.js'

export function addQuestions(app: FastifyInstance, host: HostSurface): void {
  for (const { name, method, path, role, mediaType } of questions) {
    app.route({
      method,
      url: path,
      config: { role },
      handler: async (request, reply) => {
        const input = method === 'GET' ? request.query : (request.body ?? {})
        const answer = await host.ask(name, objectOf(input), whenGone(reply))
        if (mediaType === undefined) return reply.send(answer)
        reply.type(mediaType)
        return reply.send(
          answer instanceof Uint8Array
            ? Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength)
            : Readable.from(answer as AsyncIterable<Uint8Array>, { objectMode: false }),
        )
      },
    })
  }
}

/** Aborts when nobody waits for the answer any more. */
function whenGone({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  raw.once('close', () => gone.abort())
  return gone.signal
}

/** Refuses a body that is no JSON object. */
export function objectOf(body: unknown): object {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body
  const got = Array.isArray(body) ? 'a list' : typeof body
  throw new Refusal('invalid', [unplaced({ path: ['body'], expected: 'a JSON object', got })])
}
