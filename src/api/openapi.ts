// GET /openapi.json: the API's description, made from the tables of views and operations.

import { eventSchema, operations, type Schema, viewSchemas, views } from '../host/index.js'

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
      parameters: view.filters.map((name) => ({
        name,
        in: 'query',
        description: `Only rows with this ${name}; may be repeated.`,
        schema: { type: 'string' },
      })),
      responses: answers(200, view.single === true ? rows.items : rows),
    })
  }
  add('/v1/events', 'get', {
    operationId: 'events',
    summary:
      'Events as they happen (server-sent); the kept ones as a list for Accept: application/json.',
    parameters: [
      {
        name: 'since',
        in: 'query',
        description: 'Only events after this sequence number.',
        schema: { type: 'integer', minimum: 0 },
      },
    ],
    responses: {
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
  add('/metrics', 'get', {
    operationId: 'metrics',
    summary: 'Prometheus metrics.',
    responses: {
      200: { description: 'Metrics.', content: { 'text/plain': { schema: { type: 'string' } } } },
    },
  })
  return {
    openapi: '3.1.0',
    info: { title: 'vtep', version, description: 'VXLAN and EVPN on the hypervisor host.' },
    paths,
    components: { schemas: { Error: errorSchema } },
  }
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

function answers(status: number, schema: unknown): Json {
  const error = { schema: { $ref: '#/components/schemas/Error' } }
  return {
    [status]: { description: 'The answer.', content: { 'application/json': { schema } } },
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
