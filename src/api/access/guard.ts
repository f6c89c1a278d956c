// What every request passes before it is answered: where it comes from, who asks, and whether they may.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { allows } from '../../host/index.js'
import { Denied, type Door } from './caller.js'
import { challenge } from './doors.js'

/** Puts the caller into each request, or throws Denied. */
export function guard(app: FastifyInstance, door: Door): void {
  app.decorateRequest('caller', null)
  app.addHook('onRequest', async (request) => {
    const wanted = request.routeOptions.config.role ?? 'read'
    const caller = door(request)
    request.caller = caller ?? null
    if (wanted === 'open') return
    if (caller === undefined) {
      const expected = 'a token (vtep token create) or a certificate'
      throw new Denied(401, ['authorization', expected, 'none'], challenge)
    }
    if (allows(caller.role, wanted)) return
    const where = `${request.method} ${request.routeOptions.url}`
    const got = `${caller.name}, which may only read`
    throw new Denied(403, [where, 'somebody who may change things', got])
  })
}

/**
 * A page of another site must not act through its visitor's browser (CSRF), nor read what is costly. Browsers say where a
 * request comes from; programs do not.
 */
export function refuseOtherSites(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    const { 'sec-fetch-site': site, origin, host } = request.headers
    // A link to a page is followed from anywhere.
    const isSafe = request.method === 'GET' && request.routeOptions.config.role === 'open'
    if (isSafe) return
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      throw new Denied(403, ['sec-fetch-site', 'a request of our own pages', JSON.stringify(site)])
    if (origin !== undefined && hostOf(origin) !== host)
      throw new Denied(403, ['origin', 'a request of our own pages', JSON.stringify(origin)])
  })
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host
  } catch {
    return undefined
  }
}

/**
 * A page of another site can point a name of its own at the loopback address and read us through its visitor's browser
 * (DNS rebinding). Such requests carry that name: only addresses and localhost are answered.
 */
export function refuseNames(app: FastifyInstance): void {
  app.addHook('onRequest', async (request: FastifyRequest) => {
    const host = request.headers.host ?? ''
    if (/^(localhost|[\d.]+|\[[\da-f:]+\])(:\d+)?$/i.test(host)) return
    throw new Denied(403, ['host', 'localhost or an address', JSON.stringify(host)])
  })
}

/** What browsers shall not do with our answers. */
export function addHeaders(app: FastifyInstance): void {
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    reply.header('cross-origin-resource-policy', 'same-origin')
    reply.header('referrer-policy', 'no-referrer')
  })
}
