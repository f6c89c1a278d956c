// GET /v1/<view> for every view, with its filters as query parameters.

import type { FastifyInstance } from 'fastify'
import { type HostSurface, Refusal, suggest, unplaced, type View, views } from '../host/index.js'

export function addReads(app: FastifyInstance, host: HostSurface): void {
  for (const view of views) {
    app.get(`/v1/${view.name}`, { config: { role: 'read' } }, (request) => {
      const filters = checkFilters(view, request.query as Readonly<Record<string, unknown>>)
      const rows = host.state[view.name]()
      return Array.isArray(rows) ? select<object>(rows, filters) : rows
    })
  }
}

type Filters = readonly (readonly [string, readonly string[]])[]

function checkFilters(view: View, query: Readonly<Record<string, unknown>>): Filters {
  const unknown = Object.keys(query).filter((key) => !view.filters.includes(key))
  if (unknown.length > 0) {
    throw new Refusal(
      'invalid',
      unknown.map((key) => {
        const near = suggest(key, view.filters)
        const known =
          view.filters.length === 0 ? 'no parameters' : `one of ${view.filters.join(', ')}`
        const hint = near === undefined ? '' : ` (did you mean ${near}?)`
        return unplaced({ path: [key], expected: known, got: `${JSON.stringify(key)}${hint}` })
      }),
    )
  }
  return Object.entries(query).map(([key, value]) => [key, [value].flat().map(String)])
}

/** Rows whose value of every key is one of the wanted; of a list, one member is enough. */
export function select<T extends object>(rows: readonly T[], filters: Filters): readonly T[] {
  if (filters.length === 0) return rows
  return rows.filter((row) =>
    filters.every(([key, wanted]) => {
      const value = (row as Readonly<Record<string, unknown>>)[key]
      return [value].flat().some((one) => wanted.includes(String(one)))
    }),
  )
}
