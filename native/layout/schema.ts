// How a shared structure is described: fields in memory order, one sentence each. The generator writes C++ and TypeScript from it.

/** Scalar and array types a field may have; all little-endian, naturally aligned. `ip` is 16 bytes (IPv4 as ::ffff:a.b.c.d), `mac` 6. */
export type FieldType = 'u8' | 'u16' | 'u32' | 'u64' | 'mac' | 'ip' | `bytes${number}` | `text${number}`

export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly doc: string
}

export interface Structure {
  readonly name: string
  readonly doc: string
  readonly fields: readonly Field[]
}

export const field = (name: string, type: FieldType, doc: string): Field => ({ name, type, doc })

const scalarSizes: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, u64: 8, mac: 6, ip: 16 }

/** Size of a field in bytes. */
export const sizeOf = (type: FieldType): number =>
  scalarSizes[type] ?? Number(type.replace(/^(bytes|text)/, ''))

/** Alignment of a field in bytes; byte strings need none. */
export const alignmentOf = (type: FieldType): number =>
  type.startsWith('u') ? sizeOf(type) : 1
