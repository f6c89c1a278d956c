// How a shared structure is described: fields in memory order, one sentence each. The generator writes C++ and TypeScript from it.

/**
 * Scalar and array types a field may have; all little-endian, naturally aligned. `ip` is 16 bytes (IPv4 as ::ffff:a.b.c.d), `mac` 6, `esi`
 * 10; `ips16` are up to 16 addresses, ended by ::.
 */
export type FieldType =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'u64'
  | 'mac'
  | 'ip'
  | 'esi'
  | 'ips16'
  | `bytes${number}`
  | `text${number}`

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

/** A line of drop.def. */
export interface DropReason {
  readonly name: string
  readonly text: string
}

/** Everything the generator writes from. */
export interface Contract {
  readonly tables: readonly Structure[]
  readonly views: readonly Structure[]
  readonly operations: readonly Structure[]
  readonly events: readonly Structure[]
  readonly counters: readonly Structure[]
  readonly records: readonly Structure[]
  /** What a trace tells; the sentence of a step has {field} where a value goes. */
  readonly steps: readonly Structure[]
  readonly limits: Readonly<Record<string, number>>
  readonly constants: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly drops: readonly DropReason[]
  /** First 16 hex digits of the SHA-256 of the contract without its sentences. */
  readonly hash: string
}

export const field = (name: string, type: FieldType, doc: string): Field => ({ name, type, doc })

const scalarSizes: Readonly<Record<string, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  mac: 6,
  ip: 16,
  esi: 10,
  ips16: 256,
}

/** Size of a field in bytes. */
export const sizeOf = (type: FieldType): number =>
  scalarSizes[type] ?? Number(type.replace(/^(bytes|text)/, ''))

/** Alignment of a field in bytes; byte strings need none. */
export const alignmentOf = (type: FieldType): number => (type.startsWith('u') ? sizeOf(type) : 1)

/** Fields with their offsets, in memory order. */
export function offsets(
  structure: Structure,
): readonly { readonly field: Field; readonly offset: number }[] {
  let offset = 0
  return structure.fields.map((each) => {
    const at = offset
    offset += sizeOf(each.type)
    return { field: each, offset: at }
  })
}

/** Size of a structure in bytes. */
export const structureSize = (structure: Structure): number =>
  structure.fields.reduce((sum, each) => sum + sizeOf(each.type), 0)

/** Fields that hold nothing: zero in memory, absent from values. */
export const isSpare = (each: Field): boolean => /^spare\d*$/.test(each.name)

/** Throws when a compiler would insert padding: the description must say every byte. */
export function checkStructure(structure: Structure): void {
  for (const { field: each, offset } of offsets(structure)) {
    if (offset % alignmentOf(each.type) !== 0) {
      throw new Error(
        `${structure.name}.${each.name}: a ${each.type} at offset ${offset} needs padding; reorder or add a spare`,
      )
    }
  }
  const alignment = Math.max(...structure.fields.map((each) => alignmentOf(each.type)))
  const size = structureSize(structure)
  if (size % alignment !== 0) {
    throw new Error(
      `${structure.name}: ${size} bytes are no multiple of the alignment ${alignment}; add a spare at the end`,
    )
  }
}
