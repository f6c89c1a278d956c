// Who calls, and what an endpoint asks of them.

import type { FastifyRequest } from 'fastify'
import type { Role } from '../../host/index.js'

export interface Caller {
  readonly role: Role
  /** For the event stream and the log: "token grafana", "certificate ops", "unix socket". */
  readonly name: string
}

/** Tells who calls. Throws Denied for who shows something that is not right; undefined for who shows nothing. */
export type Door = (request: FastifyRequest) => Caller | undefined

/** `open`: also for who is nobody. An endpoint that says nothing asks for `read`. */
export type RouteRole = Role | 'open'

declare module 'fastify' {
  interface FastifyContextConfig {
    role?: RouteRole
  }
  interface FastifyRequest {
    caller: Caller | null
  }
}

/** A request that is not answered, and why. */
export class Denied extends Error {
  readonly status: 401 | 403 | 429
  readonly where: string
  readonly expected: string
  readonly got: string
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: Denied['status'],
    [where, expected, got]: readonly [where: string, expected: string, got: string],
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(`${where}: expected ${expected}, got ${got}`)
    this.name = 'Denied'
    this.status = status
    this.where = where
    this.expected = expected
    this.got = got
    this.headers = headers
  }
}
