// A value as everybody may see it.

import type { Schema } from './check.js'

/** Stands for a secret. */
export const HIDDEN = '***'

/** A copy in which every value that the schema calls secret is hidden. Branches of a union hold none. */
export function withoutSecrets<T>(schema: Schema, value: T): T {
  return hide(schema, value) as T
}

function hide(schema: Schema, value: unknown): unknown {
  if (value === undefined) return undefined
  if (schema.secret === true) return HIDDEN
  if (Array.isArray(value)) return value.map((item) => hide(schema.items ?? {}, item))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, hide(schema.properties?.[key] ?? {}, one)]),
  )
}
