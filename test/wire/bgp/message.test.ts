// What messages offer beside their octets.

import t from 'tap'
import {
  afiSafiOf,
  type EvpnRoute,
  encodeMessage,
  endOfRib,
  endOfRibUpdate,
  evpnKey,
  evpnRouteCode,
  familyOf,
  formatCommunity,
  formatEvpnRoute,
  formatExtendedCommunity,
  iana,
  initialContext,
  isTransitive,
  knownFamilies,
  maxMessageLength,
  notificationName,
  type PathAttributes,
  type Problem,
  parseExtendedCommunity,
  shutdownCommunication,
  shutdownData,
  worstVerdict,
} from '../../../src/wire/bgp/index.js'
import { decodeMessage } from '../../../src/wire/index.js'

const noOctets = new Uint8Array(0)

t.test('End-of-RIB of every family is recognized after a trip over the wire', async (t) => {
  for (const family of [...knownFamilies, '1/128'] as const) {
    const octets = encodeMessage(endOfRibUpdate(family), initialContext)
    const { message, problems } = decodeMessage(octets, initialContext)
    t.same(problems, [])
    t.equal(message?.kind === 'update' && endOfRib(message), family)
  }
  const attributes = { origin: 'igp' as const }
  t.equal(endOfRib({ kind: 'update', withdrawn: [], attributes, nlri: [] }), undefined)
  const nlri = [{ prefix: '10.0.0.0/8' }]
  t.equal(endOfRib({ kind: 'update', withdrawn: [], attributes: {}, nlri }), undefined)
  const mpUnreach = { family: 'ipv4' as const, nlri }
  t.equal(
    endOfRib({ kind: 'update', withdrawn: [], attributes: { mpUnreach }, nlri: [] }),
    undefined,
  )
})

t.test('NOTIFICATION names', async (t) => {
  t.equal(notificationName(6, 2), 'cease/administrativeShutdown')
  t.equal(notificationName(4, 0), 'holdTimerExpired')
  t.equal(notificationName(3, 99), 'update/99')
  t.equal(notificationName(42, 7), '42/7')
})

t.test('shutdown communication, RFC 9003', async (t) => {
  const cease = (subcode: number, data: Uint8Array) =>
    shutdownCommunication({ code: 6, subcode, data })
  t.equal(cease(2, shutdownData('back at 10:00 ☕')), 'back at 10:00 ☕')
  t.equal(cease(4, shutdownData('')), undefined, 'no text')
  t.equal(cease(9, Uint8Array.of(6, 2, ...shutdownData('hard'))), 'hard', 'inside a hard reset')
  t.equal(cease(9, Uint8Array.of(6, 9, 6, 9)), undefined, 'a hard reset inside a hard reset')
  t.equal(cease(2, Uint8Array.of(5, 65)), undefined, 'too short')
  t.equal(cease(2, Uint8Array.of(1, 0xff)), undefined, 'not UTF-8')
  t.equal(cease(1, shutdownData('x')), undefined, 'another subcode')
  t.equal(shutdownCommunication({ code: 3, subcode: 2, data: shutdownData('x') }), undefined)
  t.equal(shutdownData('é'.repeat(200)).length, 255, 'cut at a character')
})

t.test('the worst verdict is of the message, not of one route', async (t) => {
  const problem = (verdict: Problem['verdict'], more: Partial<Problem> = {}): Problem => {
    return { attribute: 'x', verdict, text: '', ...more }
  }
  const route: EvpnRoute = { type: 'opaque', code: 2, value: noOctets }
  t.equal(worstVerdict([]), undefined)
  t.equal(worstVerdict([problem('treat-as-withdraw', { route })]), undefined)
  t.equal(
    worstVerdict([
      problem('attribute-discard'),
      problem('session-reset'),
      problem('treat-as-withdraw'),
    ]),
    'session-reset',
  )
})

t.test('families', async (t) => {
  t.equal(familyOf({ afi: 25, safi: 70 }), 'evpn')
  t.equal(familyOf({ afi: 1, safi: 128 }), '1/128')
  for (const family of [...knownFamilies, '1/128'] as const)
    t.equal(familyOf(afiSafiOf(family)), family)
})

t.test(
  'the key of a route is what RFC 7432 section 7 says, no label, no ESI of a MAC',
  async (t) => {
    const route = {
      type: 'macIp',
      rd: '65000:1',
      esi: '00:00:00:00:00:00:00:00:00:00',
      ethernetTag: 0,
      mac: '02:00:00:00:00:01',
      label: 10100,
    } as const
    const key = evpnKey(route)
    t.equal(
      evpnKey({ ...route, label: 0x800000, label2: 7, esi: '01:00:00:00:00:00:00:00:00:00' }),
      key,
    )
    t.equal(evpnKey({ ...route, pathId: 3 }), key)
    t.not(evpnKey({ ...route, ip: '10.0.0.1' }), key)
    t.not(evpnKey({ ...route, ethernetTag: 1 }), key)
    t.not(evpnKey({ ...route, rd: '65000:2' }), key)
    t.equal(formatEvpnRoute(route), '[2]:[0]:[48]:[02:00:00:00:00:01]')
    t.equal(
      formatEvpnRoute({ ...route, ip: '2001:db8::1' }),
      '[2]:[0]:[48]:[02:00:00:00:00:01]:[128]:[2001:db8::1]',
    )
    const opaque: EvpnRoute = { type: 'opaque', code: 6, value: Uint8Array.of(1, 2) }
    t.equal(evpnKey(opaque), '6|0102')
    t.equal(formatEvpnRoute(opaque), '[6]:[0102]')
    t.same([evpnRouteCode(opaque), evpnRouteCode(route)], [6, 2])
  },
)

t.test('host bits of a type 5 prefix mean nothing: it is the same route', async (t) => {
  const common = { rd: '65000:1', esi: '00:00:00:00:00:00:00:00:00:00', ethernetTag: 0, label: 5 }
  for (const [prefix, gateway, octetsOfAddress] of [
    ['10.1.0.0/16', '0.0.0.0', 4],
    ['2001:db8:1::/48', '::', 16],
  ] as const) {
    const route = { type: 'prefix', ...common, prefix, gateway } as const
    const attributes = { mpUnreach: { family: 'evpn', nlri: [route] } } as const
    const update = { kind: 'update', withdrawn: [], attributes, nlri: [] } as const
    const octets = encodeMessage(update, initialContext)
    // The last octet of the prefix; behind it are gateway and label.
    octets[octets.length - 3 - octetsOfAddress - 1] = 0x99
    const { message, problems } = decodeMessage(octets, initialContext)
    t.same(problems, [])
    if (message?.kind !== 'update') return t.fail('no UPDATE')
    const { mpUnreach } = message.attributes
    const [got] = mpUnreach?.family === 'evpn' ? mpUnreach.nlri : []
    t.same(got, route)
    t.equal(evpnKey(got!), evpnKey(route))
  }
})

t.test('texts of communities', async (t) => {
  const texts = [
    'rt:65000:10100',
    'rt:10.0.0.1:100',
    'soo:4200000000:1',
    'encap:vxlan',
    'encap:99',
    'mm:5',
    'mm:5,sticky',
    'esi-label:0,singleActive',
    'es-import:02:00:00:00:00:01',
    'router-mac:02:00:00:00:00:01',
    'default-gateway',
    'df:1,0x4000,100',
    'arp-nd',
    'arp-nd:router,override',
    'multicast:igmp,mld',
    'multicast',
    'multicast:igmp,0x8',
    'evi-rt:65000:10100',
    'evi-rt:4200000000:1',
    'color:0:100',
    'bandwidth:65000:125000000',
    '0x4302000000000000',
  ]
  for (const text of texts) t.equal(formatExtendedCommunity(parseExtendedCommunity(text)), text)
  t.same(parseExtendedCommunity('0x0002fde800002774'), parseExtendedCommunity('rt:65000:10100'))
  const bad = [
    '',
    'rt',
    'rt:x',
    'mm:x',
    'mm:1,x',
    'mm:4294967296',
    'esi-label:1,x',
    'encap:x',
    'nope:1',
  ]
  bad.push(
    'df:1',
    'df:x,1,1',
    'df:1,1,x',
    'arp-nd:x',
    'multicast:0x2',
    'multicast:0x4,0x8',
    'evi-rt:x',
    'color:1',
    'color:1:x',
    'bandwidth:1',
    'bandwidth:1:',
  )
  bad.push('default-gateway:1', 'esi-label:x', '0x12', 'es-import:1', 'router-mac:1', 'soo:1')
  for (const text of bad) t.throws(() => parseExtendedCommunity(text), { name: 'ParseError' }, text)
  t.equal(formatCommunity(iana.wellKnownCommunity.noExport), '65535:65281')
})

t.test('transitive communities', async (t) => {
  t.equal(isTransitive({ type: 'routeTarget', target: '65000:1' }), true)
  t.equal(isTransitive({ type: 'linkBandwidth', asn: 65000, bytesPerSecond: 1 }), false)
  t.equal(isTransitive({ type: 'unknown', value: '0x4600000000000000' }), false)
})

t.test('a message that is too long is the programmer’s error', async (t) => {
  const message = { kind: 'notification', code: 6, subcode: 2, data: new Uint8Array(5000) } as const
  t.throws(() => encodeMessage(message, initialContext), RangeError)
  const extended = { ...initialContext, extendedMessages: true }
  t.equal(encodeMessage(message, extended).length, 5021)
  t.equal(maxMessageLength(extended), 65535)
  t.equal(maxMessageLength(extended, iana.messageType.open), 4096)
})

t.test('attributes that grew take the extended length, whatever they came with', async (t) => {
  const communities = Array.from({ length: 100 }, (_, i) => i)
  const attributes = {
    communities,
    asReceived: [
      { code: 8, flags: 0xc0 },
      { code: 5, flags: 0x40 },
    ],
  }
  const octets = encodeMessage(
    { kind: 'update', withdrawn: [], attributes, nlri: [] },
    initialContext,
  )
  const { message } = decodeMessage(octets, initialContext)
  t.match(message, { attributes: { communities, asReceived: [{ code: 8, flags: 0xd0 }] } })
})

t.test(
  'an OPEN whose layout does not fit its capabilities is written in one parameter',
  async (t) => {
    const open = {
      kind: 'open',
      version: 4,
      asn: 65000,
      holdTimeSeconds: 90,
      bgpId: '10.0.0.1',
      capabilities: [{ name: 'routeRefresh' }, { name: 'fourOctetAs', asn: 65000 }],
      asReceived: { perParameter: [1], extended: false },
    } as const
    const { message } = decodeMessage(encodeMessage(open, initialContext), initialContext)
    t.match(message, { capabilities: open.capabilities, asReceived: { perParameter: [2] } })
  },
)

t.test('octets that are not one message', async (t) => {
  const keepalive = encodeMessage({ kind: 'keepalive' }, initialContext)
  const wanted = { problems: [{ verdict: 'session-reset', notification: { code: 1, subcode: 2 } }] }
  t.match(decodeMessage(noOctets, initialContext), wanted)
  t.match(decodeMessage(keepalive.subarray(0, 18), initialContext), wanted)
  t.match(decodeMessage(Uint8Array.of(...keepalive, 0), initialContext), wanted)
})

t.test('values that do not fit are the programmer’s error', async (t) => {
  const encode = (attributes: PathAttributes) => () =>
    encodeMessage({ kind: 'update', withdrawn: [], attributes, nlri: [] }, initialContext)
  const asns = Array.from({ length: 256 }, () => 1)
  t.throws(encode({ med: -1 }), RangeError)
  t.throws(encode({ med: 1.5 }), RangeError)
  t.throws(encode({ localPref: 2 ** 32 }), RangeError)
  t.throws(encode({ asPath: [{ type: 'sequence', asns }] }), RangeError)
  const hop = { family: 'evpn', nextHop: '10.0.0.1', linkLocal: 'fe80::1', nlri: [] } as const
  t.throws(encode({ mpReach: hop }), RangeError)
  const long: EvpnRoute = { type: 'opaque', code: 99, value: new Uint8Array(256) }
  t.throws(encode({ mpUnreach: { family: 'evpn', nlri: [long] } }), RangeError)
})

t.test('path ids default to 0', async (t) => {
  const ctx = { ...initialContext, addPath: ['ipv4', 'evpn'] } as const
  const route: EvpnRoute = { type: 'opaque', code: 99, value: noOctets }
  const attributes: PathAttributes = { mpUnreach: { family: 'evpn', nlri: [route] } }
  const withdrawn = [{ prefix: '10.0.0.0/8' }]
  const octets = encodeMessage({ kind: 'update', withdrawn, attributes, nlri: [] }, ctx)
  const { message } = decodeMessage(octets, ctx)
  t.match(message, {
    withdrawn: [{ prefix: '10.0.0.0/8', pathId: 0 }],
    attributes: { mpUnreach: { nlri: [{ code: 99, pathId: 0 }] } },
  })
})
