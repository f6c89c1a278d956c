// POST and DELETE for every operation that names an HTTP method and path.

import type { FastifyInstance } from 'fastify'
import { type HostSurface, operations } from '../host/index.js'
import { objectOf } from './questions.js'

export function addOperations(app: FastifyInstance, host: HostSurface): void {
  for (const { name, method, path } of operations) {
    app.route({
      method,
      url: path,
      config: { role: 'operator' },
      handler: async (request, reply) => {
        const body = objectOf(request.body ?? {})
        const input = { ...body, ...(request.params as object) }
        const result = await host.run(name, input, request.caller?.name)
        return reply.code(method === 'POST' ? 201 : 200).send(result)
      },
    })
  }
}
