// Talks to a running daemon: HTTP on a unix socket of its runtime directory.

import { accessSync, constants } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
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

/** The JSON of the answer. Throws CommandFailure for an error answer, or when nobody answers. */
export async function call<T>(runtimeDir: string, what: Call): Promise<T> {
  const response = await open(runtimeDir, what)
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) text += chunk
  const status = response.statusCode ?? 500
  const answer = parse(text)
  if (status < 400) return answer as T
  throw new CommandFailure(exitCode.failed, ...errorLines(answer, status))
}

/** The answer as it begins: its body can be read as it comes. */
export function open(runtimeDir: string, what: Call): Promise<IncomingMessage> {
  const { method = 'GET', path, query = {}, body, accept = 'application/json' } = what
  const socketPath = socketIn(runtimeDir)
  const given = Object.entries(query).flatMap(([key, value]) =>
    [value ?? []].flat().map((one): [string, string] => [key, one]),
  )
  const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`
  const text = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const headers = {
      accept,
      ...(text === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    }
    const outgoing = request({ socketPath, method, path: path + search, headers }, resolve)
    outgoing.once('error', (error) => reject(unreachable(socketPath, error)))
    outgoing.end(text)
  })
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

function unreachable(socketPath: string, error: NodeJS.ErrnoException): CommandFailure {
  const hint =
    error.code === 'EACCES'
      ? 'permission denied; run as root or as a member of its group'
      : 'start the daemon with `vtep run --config FILE`, or name its directory with --runtime-dir'
  return new CommandFailure(exitCode.unreachable, `no daemon answers on ${socketPath}: ${hint}`)
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
