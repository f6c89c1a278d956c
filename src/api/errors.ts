// Errors as JSON: { error, where, expected, got }, and all of them under `problems` when there are several.

import type { FastifyError } from 'fastify'
import { type Problem, Refusal, type RefusalKind } from '../host/index.js'
import { Denied } from './access/caller.js'

export interface ErrorBody {
  /** One sentence. */
  readonly error: string
  /** Key, parameter or path that is wrong. */
  readonly where: string
  readonly expected: string
  readonly got: string
  readonly problems?: readonly Problem[]
}

export interface ErrorReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ErrorBody
}

const statusOf: Readonly<Record<RefusalKind, number>> = {
  invalid: 400,
  unknown: 404,
  conflict: 409,
  failed: 500,
}

export function errorBody(where: string, expected: string, got: string): ErrorBody {
  return { error: `${where}: expected ${expected}, got ${got}`, where, expected, got }
}

/** Status and body of whatever a handler threw. What is not the caller's fault says nothing of our insides. */
export function errorReply(error: unknown): ErrorReply {
  if (error instanceof Denied) {
    const { status, headers, where, expected, got } = error
    return { status, headers, body: errorBody(where, expected, got) }
  }
  return { headers: {}, ...replyOf(error) }
}

function replyOf(error: unknown): Omit<ErrorReply, 'headers'> {
  if (error instanceof Refusal) {
    const [first] = error.problems
    const { expected = '', got = '' } = first ?? {}
    const body = { error: error.message, where: first?.path ?? '', expected, got }
    const { problems } = error
    return {
      status: statusOf[error.kind],
      body: problems.length > 1 ? { ...body, problems } : body,
    }
  }
  const { code = '', statusCode = 500, message } = error as FastifyError
  const row = fastifyErrors[code]
  if (row !== undefined) return { status: statusCode, body: errorBody(...row) }
  if (statusCode < 500)
    return { status: statusCode, body: errorBody('request', 'a well-formed request', message) }
  return { status: 500, body: errorBody('server', 'an answer', 'an internal error; see the log') }
}

/** Code of fastify → where, expected, got. */
const fastifyErrors: Readonly<Record<string, readonly [string, string, string]>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: ['body', 'JSON', 'something else'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['body', 'JSON', 'nothing'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['content-type', 'application/json', 'another type'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body', 'a body of up to 262144 bytes', 'a larger one'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['content-length', 'the length of the body', 'another one'],
}
