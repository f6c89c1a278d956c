// Talks to a running daemon: HTTP on a unix socket of its runtime directory, or over TCP on another host.

import { accessSync, constants } from 'node:fs'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { runtimePaths } from '../host/instance/index.js'
import { CommandFailure, exitCode } from './context.js'

export interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** A list is a parameter for each of its members. */
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body?: object
  readonly accept?: string
}

/** Its runtime directory, or where its API listens and what it is told of us. */
export type Daemon = string | { readonly url: URL; readonly token?: string }

/** The JSON of the answer. Throws CommandFailure for an error answer, or when nobody answers. */
export async function call<T>(daemon: Daemon, what: Call): Promise<T> {
  const response = await open(daemon, what)
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) text += chunk
  const status = response.statusCode ?? 500
  const answer = parse(text)
  if (status < 400) return answer as T
  throw new CommandFailure(exitCode.failed, ...errorLines(answer, status))
}

/** The answer as it begins: its body can be read as it comes. */
export function open(daemon: Daemon, what: Call): Promise<IncomingMessage> {
  const { method = 'GET', path, query = {}, body, accept = 'application/json' } = what
  const place = placeOf(daemon)
  const given = Object.entries(query).flatMap(([key, value]) =>
    [value ?? []].flat().map((one): [string, string] => [key, one]),
  )
  const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`
  const text = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const headers = {
      ...place.options.headers,
      accept,
      ...(text === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    }
    const ask = place.secure ? secureRequest : request
    const outgoing = ask({ ...place.options, method, path: path + search, headers }, resolve)
    outgoing.once('error', (error) => reject(unreachable(place, error)))
    outgoing.end(text)
  })
}

interface Place {
  readonly name: string
  readonly secure: boolean
  readonly options: RequestOptions
}

function placeOf(daemon: Daemon): Place {
  if (typeof daemon === 'string') {
    const socketPath = socketIn(daemon)
    return { name: socketPath, secure: false, options: { socketPath } }
  }
  const { url, token } = daemon
  const { protocol, hostname, port } = url
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  // The brackets of an IPv6 address are the URL's.
  const host = hostname.replace(/^\[|\]$/g, '')
  return { name: url.host, secure: protocol === 'https:', options: { host, port, headers } }
}

/** Who may not use the socket for all may have one for reading. */
function socketIn(runtimeDir: string): string {
  const { api, apiRead } = runtimePaths(runtimeDir)
  return !isOpenFor(api) && isOpenFor(apiRead) ? apiRead : api
}

function isOpenFor(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

function unreachable(
  { name, options }: Place,
  { code, message }: NodeJS.ErrnoException,
): CommandFailure {
  const local =
    code === 'EACCES'
      ? 'permission denied; run as root or as a member of its group'
      : 'start the daemon with `vtep run --config FILE`, or name its directory with --runtime-dir'
  const hint = options.socketPath === undefined ? message : local
  return new CommandFailure(exitCode.unreachable, `no daemon answers on ${name}: ${hint}`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function errorLines(answer: unknown, status: number): string[] {
  const { error, problems } = (answer ?? {}) as {
    readonly error?: string
    readonly problems?: readonly { readonly text: string }[]
  }
  if (problems !== undefined) return problems.map(({ text }) => text)
  return [error ?? `the daemon answered with status ${status}`]
}
