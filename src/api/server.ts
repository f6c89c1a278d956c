// The HTTP API of a host: one application per listener, all made from the same tables.

import { chmodSync, chownSync, existsSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { Server as SecureServer } from 'node:https'
import { type FastifyInstance, fastify } from 'fastify'
import {
  HostFailure,
  type HostSurface,
  reasonOf,
  type SocketAddress,
  type Supervisor,
  type TokenFile,
} from '../host/index.js'
import { Attempts } from './access/attempts.js'
import type { Door } from './access/caller.js'
import { socketDoor, TcpDoor } from './access/doors.js'
import { addHeaders, guard, refuseNames, refuseOtherSites } from './access/guard.js'
import { Sessions } from './access/sessions.js'
import { addDashboard, readDashboard, sendPage, wantsHtml } from './dashboard.js'
import { errorBody, errorReply } from './errors.js'
import { addEvents } from './events.js'
import { addLookingGlass } from './looking-glass.js'
import { openApi } from './openapi.js'
import { addOperations } from './operations.js'
import { indexPage } from './page.js'
import { addQuestions } from './questions.js'
import { addReads } from './reads.js'
import { addSession } from './session.js'

export interface ApiSettings {
  /** Unix socket; may always change things. A file that is there is replaced: the caller holds the directory's lock. */
  readonly socketPath: string
  /** Keeps the Unix socket open while no controller is there: who calls meanwhile waits for the next one. */
  readonly supervisor?: Supervisor
  /** A second Unix socket, for a group that may only read. */
  readonly readSocket?: { readonly path: string; readonly groupId: number }
  readonly tcp?: TcpSettings
}

export interface TcpSettings {
  readonly listen: SocketAddress
  /** Who shows no token and no certificate may only read; else change things, too. Of a loopback address only. */
  readonly readOnly: boolean
  /** Who shows nothing is not answered, on a loopback address either. */
  readonly authenticate: boolean
  readonly tokens: TokenFile
  /** File for the key of browsers' sessions. */
  readonly sessionKeyFile: string
  readonly tls?: TlsSettings
}

/** Names of PEM files. */
export interface TlsSettings {
  readonly cert: string
  readonly key: string
  /** Clients with a certificate of this authority may read. */
  readonly clientCa?: string | undefined
  /** Common names of those that may change things, too. */
  readonly operators: readonly string[]
}

export interface Api {
  /** Reads the certificates again. Throws HostFailure; then the old ones hold. */
  renew(): void
  close(): Promise<void>
}

const KEPT_NAME = 'api'
const BODY_LIMIT_BYTES = 262_144
/** Of one TCP listener. */
const CONNECTIONS = 512
const REQUEST_MILLISECONDS = 10_000
const CHECK_MILLISECONDS = 2_000

/** Starts answering. Throws HostFailure with one sentence when a listener can not be opened. */
export async function startApi(host: HostSurface, settings: ApiSettings): Promise<Api> {
  const apps: FastifyInstance[] = []
  const { socketPath, readSocket, tcp } = settings
  const close = async (): Promise<void> => {
    await Promise.all(apps.map((app) => app.close()))
    rmSync(socketPath, { force: true })
    if (readSocket !== undefined) rmSync(readSocket.path, { force: true })
  }
  const renew = (): void => {
    if (tcp?.tls === undefined) return
    const secrets = readTls(tcp.tls)
    for (const { server } of apps)
      if (server instanceof SecureServer) server.setSecureContext(secrets)
  }
  try {
    apps.push(createApp(host, { door: socketDoor('operator') }))
    await openUnix(apps[0]!, settings)
    if (readSocket !== undefined) {
      apps.push(createApp(host, { door: socketDoor('read') }))
      await openReadSocket(apps[1]!, readSocket)
    }
    if (tcp !== undefined) {
      const { address, port } = tcp.listen
      const app = createTcpApp(host, tcp)
      apps.push(app)
      await open(app, { host: address, port }, `${address} port ${port}`)
    }
  } catch (error) {
    await close()
    throw error
  }
  return { renew, close }
}

function createTcpApp(host: HostSurface, tcp: TcpSettings): FastifyInstance {
  const { listen, readOnly, authenticate, tokens, sessionKeyFile, tls } = tcp
  const isLocal = isLoopback(listen.address)
  const hasTokens = tokens.all().length > 0
  if (!isLocal && !hasTokens && tls?.clientCa === undefined)
    throw new HostFailure(
      `api.listen: expected a loopback address, or somebody who may use ${listen.address}: make a token with \`vtep token create NAME\`, or set api.tls.clientCa; got neither`,
    )
  if (!isLocal && tls === undefined)
    host.events.add(
      'warn',
      'hint',
      `api.listen: tokens cross the network to ${listen.address} in the clear: set api.tls`,
    )
  const role = readOnly ? 'read' : 'operator'
  const anonymous =
    isLocal && !authenticate ? ({ role, name: 'anybody on this host' } as const) : undefined
  const sessions = new Sessions(sessionKeyFile, tokens, Date.now)
  const door = new TcpDoor({
    tokens,
    sessions,
    attempts: new Attempts(() => performance.now()),
    events: host.events,
    operators: tls?.operators ?? [],
    anonymous,
  })
  const secrets = tls && readTls(tls)
  return createApp(host, {
    door: door.callerOf,
    tcp: { door, sessions, isSecure: tls !== undefined, isLocal },
    ...(secrets === undefined ? {} : { secrets }),
  })
}

interface Secrets {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca?: Buffer
  readonly requestCert: boolean
  /** Who has no good certificate may still have a token. */
  readonly rejectUnauthorized: false
  readonly minVersion: 'TLSv1.2'
}

function readTls({ cert, key, clientCa }: TlsSettings): Secrets {
  const read = (name: string, file: string): Buffer => {
    try {
      return readFileSync(file)
    } catch (error) {
      throw new HostFailure(`api.tls.${name}: expected a PEM file, got ${reasonOf(error)}`)
    }
  }
  return {
    cert: read('cert', cert),
    key: read('key', key),
    ...(clientCa === undefined ? {} : { ca: read('clientCa', clientCa) }),
    requestCert: clientCa !== undefined,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
  }
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

async function openReadSocket(
  app: FastifyInstance,
  { path, groupId }: NonNullable<ApiSettings['readSocket']>,
): Promise<void> {
  rmSync(path, { force: true })
  await open(app, { path }, path)
  try {
    chownSync(path, process.getuid?.() ?? 0, groupId)
    chmodSync(path, 0o660)
  } catch (error) {
    throw new HostFailure(
      `api.readGroup: expected a group that we may give a socket to (root, or a member), got ${reasonOf(error)}`,
    )
  }
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

interface AppSettings {
  readonly door: Door
  /** Of a TCP listener, whose callers may be browsers. */
  readonly tcp?: {
    readonly door: TcpDoor
    readonly sessions: Sessions
    readonly isSecure: boolean
    readonly isLocal: boolean
  }
  readonly secrets?: Secrets
}

/** The application without a listener. */
function createApp(host: HostSurface, { door, tcp, secrets }: AppSettings): FastifyInstance {
  const app = newServer(secrets)
  app.setErrorHandler((error, request, reply) => {
    const { status, headers, body } = errorReply(error)
    if (status >= 500) {
      const text = `${request.method} ${request.url}: ${reasonOf(error)}`
      host.events.add('error', 'apiError', text)
    }
    return reply.code(status).headers(headers).send(body)
  })
  app.setNotFoundHandler((request, reply) => {
    const where = `${request.method} ${request.url.split('?', 1)[0]}`
    return reply.code(404).send(errorBody(where, 'a path that GET / lists', 'an unknown one'))
  })
  addHeaders(app)
  if (tcp !== undefined) {
    app.server.maxConnections = CONNECTIONS
    if (tcp.isLocal) refuseNames(app)
    refuseOtherSites(app)
  }
  guard(app, door)
  const dashboard = readDashboard()
  app.get('/', { config: { role: 'open' } }, (request, reply) => {
    if (dashboard !== undefined && wantsHtml(request.headers.accept))
      return sendPage(reply, dashboard)
    return reply.type('text/plain').send(indexPage(host.version))
  })
  if (dashboard !== undefined) addDashboard(app, dashboard)
  addLookingGlass(app, host)
  app.get('/openapi.json', { config: { role: 'open' } }, () => openApi(host.version))
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await host.metrics()
    reply.type(contentType)
    return text
  })
  addSession(app, tcp)
  addReads(app, host)
  addQuestions(app, host)
  addEvents(app, host)
  addOperations(app, host)
  return app
}

/** One that lets nobody take longer for a request than they need. */
function newServer(secrets: Secrets | undefined): FastifyInstance {
  const patience = {
    headersTimeout: REQUEST_MILLISECONDS,
    connectionsCheckingInterval: CHECK_MILLISECONDS,
  }
  const common = {
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_MILLISECONDS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  } as const
  if (secrets === undefined) return fastify({ ...common, http: patience })
  const https = { ...patience, ...secrets, handshakeTimeout: REQUEST_MILLISECONDS }
  try {
    return fastify({ ...common, https }) as unknown as FastifyInstance
  } catch (error) {
    throw new HostFailure(
      `api.tls: expected a certificate, its key and an authority in PEM, got ${reasonOf(error)}`,
    )
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
