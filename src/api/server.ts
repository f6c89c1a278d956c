// The HTTP API of a host: one application per listener, all made from the same tables.

import { chmodSync, existsSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { type FastifyInstance, fastify } from 'fastify'
import {
  HostFailure,
  type HostSurface,
  type SocketAddress,
  type Supervisor,
} from '../host/index.js'
import { errorBody, errorReply } from './errors.js'
import { addEvents } from './events.js'
import { openApi } from './openapi.js'
import { addOperations, type OperationAccess } from './operations.js'
import { indexPage } from './page.js'
import { addReads } from './reads.js'

export interface ApiSettings {
  /** Unix socket; may always change things. A file that is there is replaced: the caller holds the directory's lock. */
  readonly socketPath: string
  readonly listen?: SocketAddress
  /** Of `listen`. */
  readonly readOnly: boolean
  /** Keeps the Unix socket open while no controller is there: who calls meanwhile waits for the next one. */
  readonly supervisor?: Supervisor
}

export interface Api {
  close(): Promise<void>
}

const KEPT_NAME = 'api'
const BODY_LIMIT_BYTES = 262_144

/** Starts answering. Throws HostFailure with one sentence when a listener can not be opened. */
export async function startApi(host: HostSurface, settings: ApiSettings): Promise<Api> {
  const apps: FastifyInstance[] = []
  const { socketPath, listen, readOnly } = settings
  const close = async (): Promise<void> => {
    await Promise.all(apps.map((app) => app.close()))
    rmSync(socketPath, { force: true })
  }
  const api = { close }
  try {
    apps.push(createApp(host, { readOnly: false }))
    await openUnix(apps[0]!, settings)
    if (listen !== undefined) {
      const app = createApp(host, { readOnly }, listen)
      apps.push(app)
      await open(
        app,
        { host: listen.address, port: listen.port },
        `${listen.address} port ${listen.port}`,
      )
    }
  } catch (error) {
    await api.close()
    throw error
  }
  return api
}

/** What an earlier run has left open with the supervisor, else a new one. */
async function openUnix(
  app: FastifyInstance,
  { socketPath, supervisor }: ApiSettings,
): Promise<void> {
  const kept = supervisor?.kept(KEPT_NAME)
  if (kept !== undefined && existsSync(socketPath)) {
    await adopt(app, kept)
    return
  }
  rmSync(socketPath, { force: true })
  await open(app, { path: socketPath }, socketPath)
  // The group may use it, too; without that bit set a umask of 022 lets only the owner connect.
  chmodSync(socketPath, 0o660)
  const descriptor = descriptorOf(app.server)
  if (descriptor !== undefined) supervisor?.keep(KEPT_NAME, descriptor)
}

/** Fastify has no word for a socket that listens already. */
async function adopt(app: FastifyInstance, descriptor: number): Promise<void> {
  const { server } = app
  app.addHook('preClose', async () => server.closeAllConnections())
  await app.ready()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd: descriptor }, resolve)
  })
}

/** Node.js tells nobody else the number. */
const descriptorOf = (server: Server): number | undefined =>
  (server as unknown as { readonly _handle?: { readonly fd?: number } })._handle?.fd

async function open(
  app: FastifyInstance,
  where: { path: string } | { host: string; port: number },
  name: string,
): Promise<void> {
  try {
    await app.listen(where)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const got = code === 'EADDRINUSE' ? 'in use by another program' : message
    throw new HostFailure(`api: expected to listen on ${name}, got ${got}`)
  }
}

/** The application without a listener. `address` is where it will listen when that is TCP. */
export function createApp(
  host: HostSurface,
  access: OperationAccess,
  address?: SocketAddress,
): FastifyInstance {
  const app = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: 10_000,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  })
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = errorReply(error)
    if (status >= 500) {
      const text = `${request.method} ${request.url}: ${error instanceof Error ? error.message : error}`
      host.events.add('error', 'apiError', text)
    }
    return reply.code(status).send(body)
  })
  app.setNotFoundHandler((request, reply) => {
    const where = `${request.method} ${request.url.split('?', 1)[0]}`
    return reply.code(404).send(errorBody(where, 'a path that GET / lists', 'an unknown one'))
  })
  if (address !== undefined && isLoopback(address.address)) refuseNames(app)
  app.get('/', (request, reply) => {
    const html = request.headers.accept?.includes('text/html') === true
    reply.type(html ? 'text/html' : 'text/plain')
    return indexPage(host.version, html)
  })
  app.get('/openapi.json', () => openApi(host.version))
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await host.metrics()
    reply.type(contentType)
    return text
  })
  addReads(app, host)
  addEvents(app, host)
  addOperations(app, host, access)
  return app
}

/**
 * A page of another site can point a name of its own at the loopback address and read us through its visitor's browser
 * (DNS rebinding). Such requests carry that name: only addresses and localhost are answered.
 */
function refuseNames(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const host = request.headers.host ?? ''
    if (/^(localhost|[\d.]+|\[[\da-f:]+\])(:\d+)?$/i.test(host)) return
    await reply.code(403).send(errorBody('host', 'localhost or an address', JSON.stringify(host)))
  })
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
