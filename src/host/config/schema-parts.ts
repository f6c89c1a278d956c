// What the schema of the configuration is made of: kinds of values, each with its description.

import { type TObject, type TProperties, Type } from '@sinclair/typebox'
import type { TextFormatName } from './text.js'

export const text = (format: TextFormatName, description: string, more: object = {}) =>
  Type.String({ format, description, ...more })

export const words = (description: string, maxLength = 255) =>
  Type.String({ description, maxLength })

export const integer = (minimum: number, maximum: number, description: string, more: object = {}) =>
  Type.Integer({ minimum, maximum, description, ...more })

export const flag = (fallback: boolean, description: string) =>
  Type.Boolean({ default: fallback, description })

/** One of some words. */
export function choice<const T extends string>(
  values: readonly T[],
  description: string,
  more: { readonly default?: T } = {},
) {
  return Type.Unsafe<T>({ type: 'string', enum: values, description, ...more })
}

/** Never repeated in a problem's text, and left out of recordings. */
export const password = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: 80,
    secret: true,
    expected: 'a password of 1 to 80 characters',
    description,
  })

export const list = <T extends Parameters<typeof Type.Array>[0]>(item: T, description: string) =>
  Type.Array(item, { default: [], description })

export const options = (description: string) =>
  Type.Record(
    Type.String(),
    Type.Union([Type.String({ maxLength: 255 }), Type.Integer(), Type.Boolean()]),
    { default: {}, description },
  )

export function keys<T extends TProperties>(
  properties: T,
  description: string,
  more: { readonly default?: object } = {},
): TObject<T> {
  return Type.Object(properties, { description, additionalProperties: false, ...more })
}
