// /v1/session: a browser shows a token once and has a session from then on; whoever asks learns what they may do.

import type { FastifyInstance } from 'fastify'
import { Denied } from './access/caller.js'
import { challenge, type TcpDoor } from './access/doors.js'
import type { Sessions } from './access/sessions.js'
import { objectOf } from './questions.js'

export interface SessionView {
  readonly role: string
  /** Who we take the caller for. */
  readonly name: string
}

/** `tcp` is undefined on a unix socket, where nobody has to say who they are. */
export function addSession(
  app: FastifyInstance,
  tcp:
    | { readonly door: TcpDoor; readonly sessions: Sessions; readonly isSecure: boolean }
    | undefined,
): void {
  app.get('/v1/session', { config: { role: 'open' } }, async ({ caller }): Promise<SessionView> => {
    if (caller === null) throw new Denied(401, ['authorization', 'a session', 'none'], challenge)
    return { role: caller.role, name: caller.name }
  })
  if (tcp === undefined) return
  const { door, sessions, isSecure } = tcp
  app.post('/v1/session', { config: { role: 'open' } }, async (request, reply) => {
    const { token } = objectOf(request.body ?? {}) as { readonly token?: unknown }
    const found = door.tokenOf(request, typeof token === 'string' ? token : '')
    reply.code(201).header('set-cookie', sessions.open(found, isSecure))
    return { role: found.role, name: `token ${found.name}` } satisfies SessionView
  })
  app.delete('/v1/session', { config: { role: 'open' } }, async (_request, reply) => {
    reply.header('set-cookie', sessions.close(isSecure))
    return { closed: true }
  })
}
