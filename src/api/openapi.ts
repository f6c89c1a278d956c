// GET /openapi.json: the API's description, made from the tables of views, questions and operations.

import {
  eventSchema,
  operations,
  questions,
  type Role,
  type Schema,
  viewSchemas,
  views,
} from '../host/index.js'
import { COOKIE } from './access/sessions.js'
import { eventsSchema } from './events.js'

type Json = Readonly<Record<string, unknown>>

/** OpenAPI 3.1, whose schemas are JSON Schema. */
export function openApi(version: string): Json {
  const paths: Record<string, Record<string, unknown>> = {}
  const add = (path: string, method: string, operation: Json): void => {
    const key = path.replace(/:(\w+)/g, '{$1}')
    paths[key] = { ...paths[key], [method.toLowerCase()]: operation }
  }
  for (const view of views) {
    const rows = { type: 'array', items: published(viewSchemas[view.name] as Schema) }
    add(`/v1/${view.name}`, 'get', {
      operationId: view.name,
      summary: view.summary,
      ...security('read'),
      parameters: view.filters.map((name) => ({
        name,
        in: 'query',
        description: `Only rows with this ${name}; may be repeated.`,
        schema: { type: 'string' },
      })),
      responses: answers(200, view.single === true ? rows.items : rows),
    })
  }
  for (const { name, summary, method, path, role, schema, answer, mediaType } of questions)
    add(path, method, {
      operationId: name,
      summary,
      ...security(role),
      ...(method === 'GET'
        ? { parameters: inQuery(schema as Schema) }
        : requestBody(schema as Schema, [])),
      responses: answers(200, published(answer as Schema), mediaType),
    })
  add('/v1/events', 'get', {
    operationId: 'events',
    summary:
      'Events as they happen (server-sent), after those since `since`; the kept ones as a list for Accept: application/json.',
    ...security('read'),
    parameters: [
      ...inQuery(eventsSchema as unknown as Schema),
      {
        name: 'Last-Event-ID',
        in: 'header',
        description: 'As `since`, of a browser that comes back.',
        schema: { type: 'integer', minimum: 0 },
      },
    ],
    responses: {
      ...answers(200, { type: 'array', items: published(eventSchema as Schema) }),
      200: {
        description: 'Events.',
        content: {
          'text/event-stream': { schema: { type: 'string' } },
          'application/json': {
            schema: { type: 'array', items: published(eventSchema as Schema) },
          },
        },
      },
    },
  })
  for (const { name, summary, method, path, schema } of operations) {
    const inPath = [...path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? '')
    add(path, method, {
      operationId: name,
      summary,
      ...security('operator'),
      parameters: inPath.map((key) => ({
        name: key,
        in: 'path',
        required: true,
        schema: published((schema as Schema).properties?.[key] ?? { type: 'string' }),
      })),
      ...requestBody(schema as Schema, inPath),
      responses: answers(method === 'POST' ? 201 : 200, { type: 'object' }),
    })
  }
  for (const [method, summary, body] of sessionRows)
    add('/v1/session', method, {
      operationId: `session${method[0]?.toUpperCase()}${method.slice(1)}`,
      summary,
      security: [{}, ...security('read').security],
      ...body,
      responses: answers(method === 'post' ? 201 : 200, { type: 'object' }),
    })
  add('/metrics', 'get', {
    operationId: 'metrics',
    summary: 'Prometheus metrics.',
    ...security('read'),
    responses: {
      200: { description: 'Metrics.', content: { 'text/plain': { schema: { type: 'string' } } } },
    },
  })
  return {
    openapi: '3.1.0',
    info: { title: 'vtep', version, description: 'VXLAN and EVPN on the hypervisor host.' },
    paths,
    components: {
      schemas: { Error: errorSchema },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of `vtep token create`.' },
        session: { type: 'apiKey', in: 'cookie', name: COOKIE, description: 'Of a browser.' },
        certificate: { type: 'mutualTLS', description: 'Of the authority api.tls.clientCa.' },
      },
    },
  }
}

/** Who may: on a unix socket the permissions of the file say so, and on a loopback address everybody may read. */
function security(role: Role) {
  const scopes = [role]
  return { security: [{ token: scopes }, { session: scopes }, { certificate: scopes }] }
}

const sessionRows = [
  ['get', 'Who the caller is taken for, and what they may do.', {}],
  [
    'post',
    'A session for a browser: a cookie in the place of the token.',
    {
      requestBody: {
        content: {
          'application/json': {
            schema: {
              type: 'object',
              properties: { token: { type: 'string' } },
              required: ['token'],
              additionalProperties: false,
            },
          },
        },
      },
    },
  ],
  ['delete', 'Ends the session.', {}],
] as const

/** The keys of a schema as parameters. */
function inQuery({ properties = {}, required = [] }: Schema): Json[] {
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.includes(name) && property.default === undefined,
    ...(property.description === undefined ? {} : { description: property.description }),
    schema: published(property),
  }))
}

const errorSchema = {
  type: 'object',
  properties: {
    error: { type: 'string' },
    where: { type: 'string' },
    expected: { type: 'string' },
    got: { type: 'string' },
    problems: { type: 'array', items: { type: 'object' } },
  },
  required: ['error', 'where', 'expected', 'got'],
}

function answers(status: number, schema: unknown, mediaType = 'application/json'): Json {
  const error = { schema: { $ref: '#/components/schemas/Error' } }
  return {
    [status]: { description: 'The answer.', content: { [mediaType]: { schema } } },
    default: { description: 'An error.', content: { 'application/json': error } },
  }
}

function requestBody(schema: Schema, inPath: readonly string[]): Json {
  const rest = Object.entries(schema.properties ?? {}).filter(([key]) => !inPath.includes(key))
  if (rest.length === 0) return {}
  const body = {
    ...schema,
    properties: Object.fromEntries(rest),
    required: (schema.required ?? []).filter((key) => !inPath.includes(key)),
  }
  return { requestBody: { content: { 'application/json': { schema: published(body) } } } }
}

/** A schema without the words that only our own check knows. */
function published(schema: Schema): unknown {
  if (Array.isArray(schema)) return schema.map((item) => published(item as Schema))
  if (typeof schema !== 'object' || schema === null) return schema
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'expected') continue
    result[key] = key === 'properties' ? publishedKeys(value) : published(value as Schema)
  }
  // A key with a default need not be given.
  if (Array.isArray(result['required'])) {
    result['required'] = schema.required?.filter(
      (key) => schema.properties?.[key]?.default === undefined,
    )
  }
  return result
}

function publishedKeys(properties: unknown): unknown {
  return Object.fromEntries(
    Object.entries(properties as Readonly<Record<string, Schema>>).map(([key, property]) => [
      key,
      published(property),
    ]),
  )
}
