// Properties of every value of net, and the odd spellings of each.

import { isIP } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import {
  compareIp,
  esiFromBytes,
  esiToBytes,
  hexFromBytes,
  hexToBytes,
  ipFamily,
  ipFromBytes,
  ipToBytes,
  isIpv4,
  isIpv6,
  isMulticastMac,
  isVni,
  MAX_ESI,
  macFromBytes,
  macToBytes,
  ParseError,
  parseEsi,
  parseIp,
  parseIpv4,
  parseMac,
  parsePrefix,
  parseRouteDistinguisher,
  parseRouteTarget,
  parseVni,
  prefixContains,
  routeDistinguisherFromBytes,
  routeDistinguisherToBytes,
  routeTargetFromBytes,
  routeTargetToBytes,
  splitPrefix,
  ZERO_ESI,
} from '../../src/net/index.js'

interface Value {
  readonly name: string
  readonly octets: fc.Arbitrary<Uint8Array>
  fromBytes(octets: Uint8Array): string
  toBytes(text: string): Uint8Array
  parse(text: string): string
}

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
/** Zero, one and two octets of type, so that known types come often; zeros where text has runs. */
const sparse = (length: number) =>
  fc
    .array(fc.oneof(fc.constant(0), fc.constant(0), fc.nat(255)), {
      minLength: length,
      maxLength: length,
    })
    .map((list) => Uint8Array.from(list))
const typed = fc.tuple(fc.nat(4), sparse(6)).map(([type, rest]) => Uint8Array.of(0, type, ...rest))
const target = fc.tuple(fc.nat(2), sparse(6)).map(([form, rest]) => Uint8Array.of(form, ...rest))

/** One row for each value that has octets. */
const values: readonly Value[] = [
  { name: 'MAC', octets: octets(6), fromBytes: macFromBytes, toBytes: macToBytes, parse: parseMac },
  { name: 'IPv4', octets: octets(4), fromBytes: ipFromBytes, toBytes: ipToBytes, parse: parseIp },
  { name: 'IPv6', octets: octets(16), fromBytes: ipFromBytes, toBytes: ipToBytes, parse: parseIp },
  {
    name: 'IPv6 with zeros',
    octets: sparse(16),
    fromBytes: ipFromBytes,
    toBytes: ipToBytes,
    parse: parseIp,
  },
  {
    name: 'ESI',
    octets: octets(10),
    fromBytes: esiFromBytes,
    toBytes: esiToBytes,
    parse: parseEsi,
  },
  {
    name: 'route distinguisher',
    octets: typed,
    fromBytes: routeDistinguisherFromBytes,
    toBytes: routeDistinguisherToBytes,
    parse: parseRouteDistinguisher,
  },
  {
    name: 'route target',
    octets: target,
    fromBytes: (bytes) => routeTargetFromBytes(bytes[0]!, bytes, 1),
    toBytes: (text) => {
      const { form, bytes } = routeTargetToBytes(text)
      return Uint8Array.of(form, ...bytes)
    },
    parse: parseRouteTarget,
  },
  {
    name: 'hex',
    octets: fc.uint8Array(),
    fromBytes: hexFromBytes,
    toBytes: (text) => hexToBytes(text)!,
    parse: (text) => text,
  },
]

for (const { name, octets, fromBytes, toBytes, parse } of values) {
  t.test(`${name}: text and octets are one to one`, async (t) => {
    fc.assert(
      fc.property(octets, (bytes) => {
        const text = fromBytes(bytes)
        t.same(toBytes(text), bytes)
        t.equal(parse(text), text, 'canonical')
      }),
    )
  })
  t.test(`${name}: any text gives a value or a ParseError`, async () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          octets.map((bytes) => `${fromBytes(bytes)}:`),
        ),
        (text) => {
          try {
            parse(text)
          } catch (error) {
            if (!(error instanceof ParseError)) throw error
          }
        },
      ),
    )
  })
}

t.test('IP addresses are what Node takes for one', async (t) => {
  fc.assert(fc.property(sparse(16), (bytes) => t.equal(isIP(ipFromBytes(bytes)), 6)))
  const text = fc.string({
    unit: fc.constantFrom(':', '.', '0', '1', 'f', 'db8', '10'),
    maxLength: 12,
  })
  fc.assert(
    fc.property(fc.oneof(text, fc.ipV6(), fc.ipV4()), (text) => {
      let family = 0
      try {
        family = ipFamily(parseIp(text))
      } catch {}
      t.equal(family, isIP(text), text)
    }),
    { numRuns: 2000 },
  )
})

t.test('spellings', async (t) => {
  const same: readonly (readonly [(text: string) => unknown, string, unknown])[] = [
    [parseMac, '02-00-00-AA-BB-CC', '02:00:00:aa:bb:cc'],
    [parseMac, '0200.00AA.bbcc', '02:00:00:aa:bb:cc'],
    [parseIp, '2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    [parseIp, '::', '::'],
    [parseIp, '1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    [parseIp, '::FFFF:a00:1', '::ffff:10.0.0.1'],
    [parseIp, '64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
    [parseIpv4, '10.0.0.1', '10.0.0.1'],
    [parsePrefix, '10.1.2.3/8', '10.0.0.0/8'],
    [parsePrefix, '10.1.2.3/32', '10.1.2.3/32'],
    [parsePrefix, '2001:db8::1/127', '2001:db8::/127'],
    [parsePrefix, '::1/0', '::/0'],
    [parseVni, '16777215', 16777215],
    [parseRouteDistinguisher, '0x0000fde800000064', '65000:100'],
    [parseRouteDistinguisher, '70000L:1', '70000:1'],
    [parseRouteTarget, '65000L:100', '65000L:100'],
    [parseEsi, '00:11:22:33:44:55:66:77:88:AA', '00:11:22:33:44:55:66:77:88:aa'],
  ]
  for (const [parse, text, value] of same) t.equal(parse(text), value, text)
})

t.test('refused', async (t) => {
  const refused: readonly (readonly [(text: string) => unknown, readonly string[]])[] = [
    [parseMac, ['', '02:00:00:00:00', '02:00:00:00:00:0g', '02-00:00:00:00:00', '020000000000']],
    [
      parseIp,
      [
        '',
        '10.0.0',
        '10.0.0.256',
        '10.0.0.01',
        '1::2::3',
        '1:2:3:4:5:6:7',
        '12345::',
        'fe80::1%eth0',
      ],
    ],
    [parseIp, ['1:2:3:4:5:6:7::8', '10.0.0.1::', '1:2:3:4:5:6:7:8:9', ':::', '1:']],
    [parseIpv4, ['::1', '10.0.0']],
    [parsePrefix, ['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/+8', 'x/8']],
    [parseVni, ['0', '16777216', '1.5', '-1', '', '01']],
    [
      parseRouteDistinguisher,
      ['', '65000', '65000:4294967296', '70000:65536', '10.0.0.1:65536', '0x00', 'x:1'],
    ],
    [
      parseRouteTarget,
      ['', '65000:x', '10.0.0:1', '4294967296:1', '0x0000fde800000064', '::1.1:2'],
    ],
    [parseEsi, ['', '00:11', '00:11:22:33:44:55:66:77:88:zz']],
  ]
  for (const [parse, texts] of refused)
    for (const text of texts) t.throws(() => parse(text), ParseError, text)
  t.throws(() => ipFromBytes(new Uint8Array(5)), ParseError)
  t.throws(() => ipToBytes('x'), ParseError)
  t.throws(() => routeTargetFromBytes(3, new Uint8Array(6), 0), ParseError)
  t.match(new ParseError('VNI', '1 to 3', '9'), { what: 'VNI', expected: '1 to 3', got: '9' })
})

t.test('facts', async (t) => {
  t.ok(isMulticastMac('01:00:5e:00:00:01'))
  t.ok(isMulticastMac('ff:ff:ff:ff:ff:ff'))
  t.notOk(isMulticastMac('02:00:00:00:00:01'))
  t.ok(isIpv4('10.0.0.1') && isIpv6('::1') && !isIpv6('10.0.0.1') && !isIpv4('::1'))
  t.ok(isVni(4096) && !isVni(0) && !isVni(0x1000000) && !isVni(1.5))
  t.same(splitPrefix('10.0.0.0/24'), { address: '10.0.0.0', length: 24 })
  t.ok(prefixContains('10.0.0.0/24', '10.0.0.9') && prefixContains('::/0', '2001:db8::1'))
  t.notOk(prefixContains('10.0.0.0/24', '10.0.1.9') || prefixContains('::/0', '10.0.0.1'))
  t.same(
    [ZERO_ESI, MAX_ESI],
    [esiFromBytes(new Uint8Array(10)), esiFromBytes(new Uint8Array(10).fill(255))],
  )
})

t.test('addresses are ordered as numbers, IPv4 first', async (t) => {
  t.ok(compareIp('10.0.0.9', '10.0.0.10') < 0)
  t.ok(compareIp('255.0.0.1', '::1') < 0)
  t.ok(compareIp('::2', '::1') > 0)
  t.equal(compareIp('::1', '::1'), 0)
  t.equal(compareIp('::1', '0:0::1'), 0, 'other spellings of one address too')
  fc.assert(
    fc.property(octets(4), octets(4), (a, b) => {
      const number = (bytes: Uint8Array) => new DataView(bytes.buffer).getUint32(0)
      const order = compareIp(ipFromBytes(a), ipFromBytes(b))
      t.equal(Math.sign(order), Math.sign(number(a) - number(b)))
    }),
  )
})
