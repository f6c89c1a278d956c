// Everything that can be asked beyond the views.

import type { TSchema } from '@sinclair/typebox'
import { checkValue, type Schema, unplaced } from '../config/index.js'
import { Refusal } from '../refusal.js'
import { capture } from './capture.js'
import { doctorQuestion } from './doctor.js'
import { history } from './history.js'
import { image } from './image.js'
import type { Question, QuestionContext } from './question.js'
import { trace } from './trace.js'
import { whyQuestion } from './why.js'

export { octets, type Question, type QuestionContext, question } from './question.js'

/** Adding a question is its file and one line here: endpoint, check of the input, role and OpenAPI follow. */
export const questions: readonly Question[] = [
  capture,
  history,
  whyQuestion,
  doctorQuestion,
  trace,
  image,
]

/**
 * The answer to a question, by its name. Rejects with Refusal for an input that its schema does not allow, with
 * RangeError for a name that is not in the table.
 */
export async function ask(name: string, input: object, context: QuestionContext): Promise<unknown> {
  const row = questions.find((one) => one.name === name)
  if (row === undefined) throw new RangeError(`no question ${name}`)
  const schema = row.schema as Schema
  const given = row.method === 'GET' ? ofQuery(schema, input) : input
  const { value, findings } = checkValue<never>(schema, given)
  if (findings.length > 0)
    throw new Refusal(
      'invalid',
      findings.map((finding) => unplaced(finding)),
    )
  return row.ask(context, value)
}

/** A query is all text: numbers, truth and lists are read as the schema wants them. What can not be read stays text. */
export function ofQuery(schema: TSchema | Schema, query: object): Record<string, unknown> {
  const { properties = {} } = schema as Schema
  return Object.fromEntries(
    Object.entries(query).map(([key, value]) => {
      const property = Object.hasOwn(properties, key) ? properties[key] : undefined
      return [key, property === undefined ? value : readAs(property, value)]
    }),
  )
}

function readAs(schema: Schema, value: unknown): unknown {
  if (schema.type === 'array')
    return [value].flat().map((one: unknown) => readAs(schema.items ?? {}, one))
  if (typeof value !== 'string') return value
  const types = [schema.type, ...(schema.anyOf ?? []).map(({ type }) => type)]
  if (types.includes('integer') && /^-?\d{1,15}$/.test(value)) return Number(value)
  if (types.includes('boolean') && /^(true|false)$/.test(value)) return value === 'true'
  return value
}
