// How each listener knows who calls.

import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { type EventLog, HostFailure, type StoredToken, type TokenFile } from '../../host/index.js'
import type { Attempts } from './attempts.js'
import { type Caller, Denied, type Door } from './caller.js'
import type { Sessions } from './sessions.js'

/** Whoever the permissions of a socket let in. */
export const socketDoor =
  (role: Caller['role']): Door =>
  () => ({ role, name: 'unix socket' })

export interface TcpDoorSettings {
  readonly tokens: TokenFile
  readonly sessions: Sessions
  readonly attempts: Attempts
  readonly events: EventLog
  /** Common names of certificates whose owner may change things; others that our authority has signed may read. */
  readonly operators: readonly string[]
  /** Who shows nothing; undefined: is not answered. */
  readonly anonymous: Caller | undefined
}

export class TcpDoor {
  readonly #settings: TcpDoorSettings

  constructor(settings: TcpDoorSettings) {
    this.#settings = settings
  }

  /** By token, session or certificate. */
  readonly callerOf: Door = (request) => {
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const [, token] = /^Bearer +(\S{1,256})$/i.exec(authorization) ?? []
      return callerBy(this.tokenOf(request, token ?? ''))
    }
    const session = this.#sessionOf(request)
    if (session !== undefined) return callerBy(session)
    return this.#byCertificate(request) ?? this.#settings.anonymous
  }

  /** Whose token it is. Throws Denied for a wrong one. */
  tokenOf(request: FastifyRequest, token: string): StoredToken {
    const { tokens, attempts, events } = this.#settings
    const address = request.socket.remoteAddress ?? ''
    const seconds = attempts.waitSeconds(address)
    if (seconds > 0) {
      const got = `too many wrong ones; try again in ${seconds} s`
      throw new Denied(429, ['authorization', 'a known token', got], {
        'retry-after': `${seconds}`,
      })
    }
    const found = this.#orNone(() => tokens.find(token))
    if (found !== undefined) return found
    if (attempts.failed(address)) {
      const text = `${address} has shown wrong tokens again and again, and is not answered for a while`
      events.add('warn', 'apiDenied', text, { address })
    }
    throw new Denied(401, ['authorization', 'a known token', 'another one'], challenge)
  }

  #sessionOf(request: FastifyRequest): StoredToken | undefined {
    return this.#orNone(() => this.#settings.sessions.find(request.headers.cookie))
  }

  /** A file of tokens that can not be read lets nobody in. */
  #orNone(find: () => StoredToken | undefined): StoredToken | undefined {
    try {
      return find()
    } catch (error) {
      if (!(error instanceof HostFailure)) throw error
      this.#settings.events.add('error', 'tokensUnreadable', error.message)
      return undefined
    }
  }

  #byCertificate({ socket }: FastifyRequest): Caller | undefined {
    const tls = socket as Partial<TLSSocket>
    if (tls.authorized !== true || tls.getPeerCertificate === undefined) return undefined
    const name = [tls.getPeerCertificate().subject?.CN].flat()[0]
    if (name === undefined) return undefined
    const role = this.#settings.operators.includes(name) ? 'operator' : 'read'
    return { role, name: `certificate ${name}` }
  }
}

/** What to show (RFC 9110 section 11.6.1). */
export const challenge = { 'www-authenticate': 'Bearer realm="vtep"' } as const

const callerBy = ({ name, role }: StoredToken): Caller => ({ role, name: `token ${name}` })
