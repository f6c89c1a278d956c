// POST and DELETE for every operation that names an HTTP method and path.

import type { FastifyInstance } from 'fastify'
import { type HostSurface, operations, Refusal, unplaced } from '../host/index.js'

export interface OperationAccess {
  /** This listener only reads. */
  readonly readOnly: boolean
}

export function addOperations(
  app: FastifyInstance,
  host: HostSurface,
  { readOnly }: OperationAccess,
): void {
  for (const { name, method, path } of operations) {
    app.route({
      method,
      url: path,
      handler: async (request, reply) => {
        if (readOnly) {
          const where = `${method} ${path}`
          const got = 'a change on a read-only listener'
          return reply.code(403).send({
            error: `${where}: expected a change by the unix socket, got ${got}`,
            where,
            expected: 'a change by the unix socket',
            got,
          })
        }
        const body = request.body ?? {}
        if (typeof body !== 'object' || Array.isArray(body)) {
          const got = Array.isArray(body) ? 'a list' : typeof body
          throw new Refusal('invalid', [
            unplaced({ path: ['body'], expected: 'a JSON object', got }),
          ])
        }
        const result = await host.run(name, { ...body, ...(request.params as object) })
        return reply.code(method === 'POST' ? 201 : 200).send(result)
      },
    })
  }
}
