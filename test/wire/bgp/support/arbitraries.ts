// Generators derived from what a codec says of its values (Shape), so a newly registered type needs none of its own.

import fc from 'fast-check'
import {
  hexFromBytes,
  ipFromBytes,
  macFromBytes,
  prefixFromBytes,
  routeDistinguisherFromBytes,
  routeTargetFromBytes,
} from '../../../../src/net/index.js'
import { attributeTypes } from '../../../../src/wire/bgp/attribute/index.js'
import { capabilityTypes } from '../../../../src/wire/bgp/capability/index.js'
import { routeTypes } from '../../../../src/wire/bgp/evpn/index.js'
import type {
  Capability,
  EvpnRoute,
  Message,
  PathAttributes,
} from '../../../../src/wire/bgp/index.js'
import type { Shape, TextName } from '../../../../src/wire/codec.js'

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

export const ipv4 = octets(4).map(ipFromBytes)
/** Half of them with runs of zero groups, where the text is hard. */
export const ipv6 = fc
  .oneof(
    octets(16),
    fc
      .array(fc.constantFrom(0, 0, 1, 0xffff, 0xdb8), { minLength: 8, maxLength: 8 })
      .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))),
  )
  .map(ipFromBytes)
export const ip = fc.oneof(ipv4, ipv6)
/** Of multicast. */
const group = fc.oneof(
  octets(4).map((bytes) =>
    ipFromBytes(Uint8Array.of(224 | (bytes[0]! & 15), ...bytes.subarray(1))),
  ),
  octets(16).map((bytes) => ipFromBytes(Uint8Array.of(255, ...bytes.subarray(1)))),
)
export const mac = octets(6).map((bytes) => macFromBytes(bytes))
export const esi = fc
  .oneof(fc.constant(new Uint8Array(10)), octets(10))
  .map((bytes) => Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join(':'))
export const ipv4Prefix = fc
  .tuple(octets(4), fc.nat(32))
  .map(([bytes, length]) => prefixFromBytes(bytes, length))
export const ipv6Prefix = fc
  .tuple(octets(16), fc.nat(128))
  .map(([bytes, length]) => prefixFromBytes(bytes, length))
/** Types 0 to 3, so that one in four is unknown; AS numbers of type 2 in two octets among them. */
export const routeDistinguisher = fc
  .tuple(fc.nat(3), fc.boolean(), octets(6))
  .map(([type, small, value]) => {
    const zeroed = small && type === 2 ? [0, 0, ...value.subarray(2)] : [...value]
    return routeDistinguisherFromBytes(Uint8Array.of(0, type, ...zeroed))
  })
export const routeTarget = fc
  .tuple(fc.nat(2), fc.boolean(), octets(6))
  .map(([form, small, value]) => {
    if (small && form === 2) value.fill(0, 0, 2)
    return routeTargetFromBytes(form, value, 0)
  })

const texts: { readonly [N in TextName]: fc.Arbitrary<string> } = {
  mac,
  ipv4,
  ipv6,
  ip,
  group,
  ipv4Prefix,
  ipv6Prefix,
  routeDistinguisher,
  routeTarget,
  esi,
  utf8: fc.string({ unit: 'grapheme', maxLength: 20 }),
}

type Properties = { readonly [name: string]: unknown }

/** Values of a codec of this shape. */
export function ofShape(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'uint':
      return unsigned(shape.bits, shape.min)
    case 'bytes':
      return shape.length === undefined ? fc.uint8Array({ maxLength: 30 }) : octets(shape.length)
    case 'text':
      return texts[shape.name]
    case 'values':
      return fc.constantFrom(...shape.of)
    case 'struct':
      return structOf(shape.fields)
    case 'list':
      return fc.array(ofShape(shape.of.shape), { minLength: shape.min ?? 0, maxLength: 5 })
    case 'optional':
      return fc.option(ofShape(shape.of.shape), { nil: undefined })
    case 'choice':
      return fc.oneof(...shape.of.map(ofShape))
    case 'join':
      return fc.tuple(...shape.of.map(ofShape)).map((parts) => Object.assign({}, ...parts))
    case 'tagged':
      return ofShape(shape.of).map((value) => ({
        [shape.tag]: shape.name,
        ...(value as Properties),
      }))
    case 'with':
      return ofShape(shape.of).map((value) => ({ ...(value as Properties), ...shape.values }))
    case 'boolean':
      return fc.boolean()
    case 'float32':
      return fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
    case 'nothing':
      return fc.constant(undefined)
    case 'reach':
      return mpReach
    case 'unreach':
      return mpUnreach
  }
}

function unsigned(bits: number, min = 0): fc.Arbitrary<number> {
  const max = 2 ** bits - 1
  return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, 1, max >>> 1, max))
}

/** Properties without a value are left out, as the codecs leave them out. */
function structOf(fields: { readonly [name: string]: { readonly shape: Shape } }) {
  const entries = Object.entries(fields).map(
    ([name, codec]) => [name, ofShape(codec.shape)] as const,
  )
  return fc.record(Object.fromEntries(entries)).map((record) => {
    return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
  })
}

/** A route of every registered type, and opaque ones of codes without a row. */
export const evpnRoute: fc.Arbitrary<EvpnRoute> = fc.oneof(
  ...routeTypes.map((row) => {
    const check = row.check as ((route: unknown) => string | undefined) | undefined
    return ofShape(row.fields.shape)
      .map((value) => ({ type: row.name, ...(value as Properties) }) as unknown as EvpnRoute)
      .filter((route) => check?.(route) === undefined)
  }),
  fc
    .tuple(fc.integer({ min: 100, max: 255 }), fc.uint8Array({ maxLength: 255 }))
    .map(([code, value]): EvpnRoute => ({ type: 'opaque', code, value })),
)

const ipv4Nlri = ipv4Prefix.map((prefix) => ({ prefix }))
const ipv6Nlri = ipv6Prefix.map((prefix) => ({ prefix }))
const membership = fc
  .tuple(fc.uint8Array({ minLength: 12, maxLength: 12 }), fc.constantFrom(0, 32, 33, 64, 95, 96))
  .map(([octets, bits]) => {
    const masked = octets.map(
      (octet, i) => octet & (0xff << Math.min(8, Math.max(0, 8 * (i + 1) - bits))),
    )
    const hex = hexFromBytes(masked)
    return { originAs: Number.parseInt(hex.slice(0, 8), 16), target: hex.slice(8), bits }
  })
const rawNlri = fc.uint8Array({ minLength: 1, maxLength: 30 }).map((value) => ({ octets: value }))

const hop = fc.oneof(
  fc.record({ nextHop: ip }),
  fc.record({ nextHop: ipv6, linkLocal: ipv6 }),
  fc.record({ nextHop: ip, nextHopRd: routeDistinguisher }),
  fc.record({ nextHop: ipv6, linkLocal: ipv6, nextHopRd: routeDistinguisher }),
)

const families = fc.oneof(
  fc.record({ family: fc.constant('evpn'), nlri: fc.array(evpnRoute, { maxLength: 4 }) }),
  fc.record({ family: fc.constant('ipv4'), nlri: fc.array(ipv4Nlri, { maxLength: 4 }) }),
  fc.record({ family: fc.constant('ipv6'), nlri: fc.array(ipv6Nlri, { maxLength: 4 }) }),
  fc.record({ family: fc.constant('rtc'), nlri: fc.array(membership, { maxLength: 4 }) }),
)
const otherFamily = fc.record({
  family: fc.constantFrom('1/128', '16388/71'),
  nlri: fc.array(rawNlri, { maxLength: 1 }),
})
const mpReach = fc.oneof(
  fc.tuple(families, hop).map(([routes, next]) => ({ ...routes, ...next })),
  fc
    .tuple(otherFamily, fc.uint8Array({ maxLength: 30 }))
    .map(([routes, nextHopOctets]) => ({ ...routes, nextHopOctets })),
)
const mpUnreach = fc.oneof(families, otherFamily)

/** Any set of registered attributes. */
export const pathAttributes: fc.Arbitrary<PathAttributes> = fc.record(
  Object.fromEntries(attributeTypes.map((row) => [row.name, ofShape(row.value.shape)])),
  { requiredKeys: [] },
) as fc.Arbitrary<PathAttributes>

/** A capability of every registered type, and of a code without a row. */
export const capability: fc.Arbitrary<Capability> = fc.oneof(
  ...capabilityTypes.map((row) =>
    ofShape(row.fields.shape).map(
      (value) => ({ name: row.name, ...(value as Properties) }) as unknown as Capability,
    ),
  ),
  fc
    .tuple(fc.integer({ min: 200, max: 254 }), fc.uint8Array({ maxLength: 20 }))
    .map(([code, value]): Capability => ({ name: 'unknown', code, value })),
)

/** A message of every kind. The record type makes a new kind without a generator a compile error. */
export const messages: { readonly [K in Message['kind']]: fc.Arbitrary<Message> } = {
  open: fc.record({
    kind: fc.constant('open' as const),
    version: fc.constant(4),
    asn: fc.integer({ min: 1, max: 0xffff }),
    holdTimeSeconds: fc.integer({ min: 3, max: 0xffff }),
    bgpId: ipv4.filter((id) => id !== '0.0.0.0'),
    capabilities: fc.array(capability, { maxLength: 20 }),
  }),
  update: fc.record({
    kind: fc.constant('update' as const),
    withdrawn: fc.array(ipv4Nlri, { maxLength: 5 }),
    attributes: pathAttributes,
    nlri: fc.array(ipv4Nlri, { maxLength: 5 }),
  }),
  notification: fc.record({
    kind: fc.constant('notification' as const),
    code: unsigned(8),
    subcode: unsigned(8),
    data: fc.uint8Array({ maxLength: 40 }),
  }),
  keepalive: fc.constant({ kind: 'keepalive' as const }),
  routeRefresh: fc.record({
    kind: fc.constant('routeRefresh' as const),
    afi: unsigned(16),
    safi: unsigned(8),
    subtype: unsigned(8),
  }),
}
