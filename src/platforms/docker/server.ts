// Docker's plugin protocol: HTTP POST over a unix socket that the engine finds by its name. Errors of the wire have a status,
// what can not be done is an answer that says why.

import { mkdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { type DriverParts, methods, type Request, type Response } from './driver.js'

/** Where the engine looks for a plugin called vtep. */
export const DOCKER_SOCKET = '/run/docker/plugins/vtep.sock'

const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.2+json'
const BODY_LIMIT_BYTES = 1 << 20

interface Answer {
  readonly status: number
  readonly body: Response
}

/** Listens on the socket; replaces one that nobody listens on. Rejects with an error of one sentence. */
export async function serveDocker(socketPath: string, parts: DriverParts): Promise<Server> {
  if (await isServed(socketPath)) throw new Error(`${socketPath}: another program listens there`)
  mkdirSync(dirname(socketPath), { recursive: true })
  rmSync(socketPath, { force: true })
  const server = createServer((request, reply) => {
    void answer(request, parts).then(({ status, body }) => {
      const text = JSON.stringify(body)
      reply.writeHead(status, {
        'content-type': CONTENT_TYPE,
        'content-length': Buffer.byteLength(text),
      })
      reply.end(text)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`${socketPath}: ${error.message}`)))
    server.listen(socketPath, resolve)
  })
  return server
}

async function answer(request: IncomingMessage, parts: DriverParts): Promise<Answer> {
  const name = (request.url ?? '').replace(/^\//, '')
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (method === undefined) return failed(404, `${name}: expected a method of a network driver`)
  if (request.method !== 'POST') return failed(405, `${name}: expected POST`)
  try {
    return { status: 200, body: await method(parts, await read(request)) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return failed(error instanceof SyntaxError ? 400 : 200, reason)
  }
}

const failed = (status: number, reason: string): Answer => ({ status, body: { Err: reason } })

/** Calls without arguments have no body, or null. */
async function read(request: IncomingMessage): Promise<Request> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) {
    text += part
    if (text.length > BODY_LIMIT_BYTES) throw new SyntaxError('body: too large')
  }
  const value: unknown = text.trim() === '' ? {} : (JSON.parse(text) ?? {})
  if (typeof value === 'object' && !Array.isArray(value)) return value as Request
  throw new SyntaxError('body: expected an object')
}

function isServed(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
