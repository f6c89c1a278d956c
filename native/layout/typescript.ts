// The TypeScript side: types, decoders of packed rows, encoders of operations, and the named numbers.

import type { Contract, Field, Structure } from './schema.js'
import { isSpare, offsets, structureSize } from './schema.js'

const pascal = (name: string): string => name[0]!.toUpperCase() + name.slice(1)

const types: Readonly<Record<string, string>> = {
  u64: 'bigint',
  mac: 'Mac',
  ip: 'Ip',
  esi: 'Esi',
  ips16: 'readonly Ip[]',
}

function typeOf({ type }: Field): string {
  if (type.startsWith('text')) return 'string'
  if (type.startsWith('bytes')) return 'Uint8Array'
  return types[type] ?? 'number'
}

function readText({ type }: Field, offset: number): string {
  const at = offset === 0 ? 'at' : `at + ${offset}`
  if (type === 'u8') return `view.getUint8(${at})`
  if (type === 'u16') return `view.getUint16(${at}, true)`
  if (type === 'u32') return `view.getUint32(${at}, true)`
  if (type === 'u64') return `view.getBigUint64(${at}, true)`
  if (type === 'mac') return `macFromBytes(bytes, ${at})`
  if (type === 'ip') return `readIp(bytes, ${at})`
  if (type === 'esi') return `esiFromBytes(bytes, ${at})`
  if (type === 'ips16') return `readIps(bytes, ${at})`
  if (type.startsWith('text')) return `readText(bytes, ${at}, ${type.slice(4)})`
  return `bytes.slice(${at}, ${offset === 0 ? 'at' : 'at'} + ${offset + Number(type.slice(5))})`
}

function writeText({ name, type }: Field, offset: number): string {
  const at = offset === 0 ? 'at' : `at + ${offset}`
  if (type === 'u8') return `view.setUint8(${at}, value.${name})`
  if (type === 'u16') return `view.setUint16(${at}, value.${name}, true)`
  if (type === 'u32') return `view.setUint32(${at}, value.${name}, true)`
  if (type === 'u64') return `view.setBigUint64(${at}, value.${name}, true)`
  if (type === 'mac') return `bytes.set(macToBytes(value.${name}), ${at})`
  if (type === 'ip') return `writeIp(bytes, ${at}, value.${name})`
  if (type === 'esi') return `bytes.set(esiToBytes(value.${name}), ${at})`
  if (type === 'ips16') return `writeIps(bytes, ${at}, value.${name})`
  throw new Error(`operations have no field of type ${type}: ${name}`)
}

function interfaceText(structure: Structure): string {
  const fields = structure.fields
    .filter((each) => !isSpare(each))
    .flatMap((each) => [`  /** ${each.doc} */`, `  readonly ${each.name}: ${typeOf(each)}`])
  return [
    `/** ${structure.doc} */`,
    `export interface ${pascal(structure.name)} {`,
    ...fields,
    '}',
    '',
  ].join('\n')
}

function decoderText(structure: Structure): string {
  const name = pascal(structure.name)
  const fields = offsets(structure)
    .filter(({ field }) => !isSpare(field))
    .map(({ field, offset }) => `    ${field.name}: ${readText(field, offset)},`)
  return [
    `export const ${structure.name}Size = ${structureSize(structure)}`,
    '',
    `const read${name}: RowReader<${name}> = (view, bytes, at) => ({`,
    ...fields.map((line) => line.slice(2)),
    '})',
    '',
    `/** All rows of a packed buffer. */`,
    `export const decode${name}s = (packed: Uint8Array): ${name}[] =>`,
    `  decodeRows(packed, ${structure.name}Size, read${name})`,
    '',
  ].join('\n')
}

function encoderText(structure: Structure, code: number): string {
  const fields = offsets(structure)
    .filter(({ field }) => !isSpare(field))
    .map(({ field, offset }) => `      ${writeText(field, offset)}`)
  return [
    `  ${structure.name}: {`,
    `    code: ${code},`,
    `    size: ${structureSize(structure)},`,
    `    write(view, bytes, at, value) {`,
    ...fields,
    '    },',
    '  },',
  ].join('\n')
}

const record = (values: Readonly<Record<string, number>>): string =>
  `{ ${Object.entries(values)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')} } as const`

const helpers = `
type RowReader<T> = (view: DataView, bytes: Uint8Array, at: number) => T

function decodeRows<T>(packed: Uint8Array, size: number, read: RowReader<T>): T[] {
  if (packed.length % size !== 0) {
    throw new RangeError(\`packed rows: expected a multiple of \${size} bytes, got \${packed.length}\`)
  }
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length)
  const rows: T[] = []
  for (let at = 0; at < packed.length; at += size) rows.push(read(view, packed, at))
  return rows
}

const decoder = new TextDecoder()

function readText(bytes: Uint8Array, at: number, size: number): string {
  const end = bytes.indexOf(0, at)
  return decoder.decode(bytes.subarray(at, end < 0 || end > at + size ? at + size : end))
}

/** IPv4 lies as ::ffff:a.b.c.d. */
function readIp(bytes: Uint8Array, at: number): Ip {
  for (let i = 0; i < 12; i++) {
    if (bytes[at + i] !== (i < 10 ? 0 : 0xff)) return ipv6FromBytes(bytes, at)
  }
  return ipv4FromBytes(bytes, at + 12)
}

function writeIp(bytes: Uint8Array, at: number, ip: Ip): void {
  const octets = ipToBytes(ip)
  if (octets.length === 4) bytes.fill(0xff, at + 10, at + 12)
  bytes.set(octets, at + 16 - octets.length)
}

/** Up to 16 addresses, ended by ::. */
function readIps(bytes: Uint8Array, at: number): readonly Ip[] {
  const ips: Ip[] = []
  for (let i = 0; i < 16; i++) {
    const ip = readIp(bytes, at + 16 * i)
    if (ip === '::') break
    ips.push(ip)
  }
  return ips
}

function writeIps(bytes: Uint8Array, at: number, ips: readonly Ip[]): void {
  if (ips.length > 16) throw new RangeError(\`expected up to 16 addresses, got \${ips.length}\`)
  for (const [i, ip] of ips.entries()) writeIp(bytes, at + 16 * i, ip)
}
`

const operationCodec = `
type OperationWriter<T> = {
  readonly code: number
  readonly size: number
  readonly write: (view: DataView, bytes: Uint8Array, at: number, value: T) => void
}

/** One operation under its name, as the packet path takes it. */
export type TableOperation = {
  [K in keyof Operations]: { readonly op: K } & Operations[K]
}[keyof Operations]

/** Packs operations: each a u16 code, a u16 size and the structure. */
export function encodeOperations(operations: readonly TableOperation[]): Uint8Array {
  let length = 0
  for (const { op } of operations) length += 4 + operationWriters[op].size
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const operation of operations) {
    const writer = operationWriters[operation.op] as OperationWriter<TableOperation>
    view.setUint16(at, writer.code, true)
    view.setUint16(at + 2, writer.size, true)
    writer.write(view, bytes, at + 4, operation)
    at += 4 + writer.size
  }
  return bytes
}
`

const stepCodec = `
/** One finding of a trace under its name. */
export type TraceStep = {
  [K in keyof Steps]: { readonly step: K } & Steps[K]
}[keyof Steps]

type StepReader = {
  readonly name: keyof Steps
  /** The sentence, with {field} where a value goes. */
  readonly text: string
  readonly size: number
  readonly read: RowReader<object>
}

/** Packed steps, each a u16 code, a u16 size and the structure. Throws RangeError for anything else. */
export function decodeSteps(packed: Uint8Array): TraceStep[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length)
  const steps: TraceStep[] = []
  for (let at = 0; at < packed.length; ) {
    const code = at + 4 <= packed.length ? view.getUint16(at, true) : 0
    const reader = stepReaders[code - 1]
    if (
      reader === undefined ||
      view.getUint16(at + 2, true) !== reader.size ||
      at + 4 + reader.size > packed.length
    ) {
      throw new RangeError(\`packed steps: expected a step at octet \${at}, got code \${code}\`)
    }
    steps.push({ step: reader.name, ...reader.read(view, packed, at + 4) } as TraceStep)
    at += 4 + reader.size
  }
  return steps
}

/** The sentence of a step, with {field} where a value goes. */
export const stepText = (name: TraceStep['step']): string =>
  stepReaders.find((reader) => reader.name === name)!.text
`

function stepText(structure: Structure): string {
  const fields = offsets(structure)
    .filter(({ field }) => !isSpare(field))
    .map(({ field, offset }) => `      ${field.name}: ${readText(field, offset)},`)
  return [
    '  {',
    `    name: '${structure.name}',`,
    `    text: ${JSON.stringify(structure.doc)},`,
    `    size: ${structureSize(structure)},`,
    '    read: (view, bytes, at) => ({',
    ...fields,
    '    }),',
    '  },',
  ].join('\n')
}

/** The text of src/fib/tables.gen.ts. */
export function typescriptFile(contract: Contract): string {
  const { views, operations, events, counters, records, steps, limits, constants, drops, hash } =
    contract
  const read = [...views, ...events, ...counters, ...records]
  return [
    '// Generated by native/layout/generate.ts from native/layout/layout.ts and native/core/drop.def. Do not edit.',
    '',
    "import { type Esi, esiFromBytes, esiToBytes, type Ip, ipToBytes, ipv4FromBytes, ipv6FromBytes, type Mac, macFromBytes, macToBytes } from '../net/index.js'",
    '',
    '/** Both sides of a segment or socket must have the same. */',
    `export const layoutHash = '${hash}'`,
    '',
    `export const limits = ${record(limits)}`,
    '',
    ...Object.entries(constants).map(
      ([name, values]) => `export const ${name} = ${record(values)}\n`,
    ),
    '/** Every way to lose a frame, in the order of the counters. */',
    'export const dropReasons = [',
    ...drops.map(({ name, text }) => `  { name: '${name}', text: ${JSON.stringify(text)} },`),
    '] as const',
    '',
    "export type DropName = (typeof dropReasons)[number]['name']",
    helpers,
    ...read.flatMap((each) => [interfaceText(each), decoderText(each)]),
    ...operations.map(interfaceText),
    'interface Operations {',
    ...operations.map(({ name }) => `  readonly ${name}: ${pascal(name)}`),
    '}',
    operationCodec,
    'const operationWriters: { readonly [K in keyof Operations]: OperationWriter<Operations[K]> } = {',
    ...operations.map((each, i) => encoderText(each, i + 1)),
    '}',
    '',
    ...steps.map((each) => interfaceText({ ...each, name: `${each.name}Step` })),
    'interface Steps {',
    ...steps.map(({ name }) => `  readonly ${name}: ${pascal(name)}Step`),
    '}',
    stepCodec,
    'const stepReaders: readonly StepReader[] = [',
    ...steps.map(stepText),
    ']',
    '',
    '/** Names of all steps. */',
    "export const traceSteps: readonly TraceStep['step'][] = stepReaders.map(({ name }) => name)",
    '',
  ].join('\n')
}
