// Whatever octets come, nothing is thrown, and a good session afterwards works.

import fc from 'fast-check'
import t from 'tap'
import { Speaker } from '../../src/bgp/index.js'
import { encodeMessage, initialContext, type Message } from '../../src/wire/index.js'
import { imet, macIp } from './routes.js'

const ends = { localAddress: '10.0.0.1', remoteAddress: '10.0.0.2', remotePort: 179 } as const
const encode = (message: Message): Uint8Array => encodeMessage(message, initialContext)

const open = encode({
  kind: 'open',
  version: 4,
  asn: 65000,
  holdTimeSeconds: 90,
  bgpId: '10.0.0.2',
  capabilities: [
    { name: 'multiprotocol', afi: 25, safi: 70 },
    { name: 'routeRefresh' },
    { name: 'enhancedRouteRefresh' },
    { name: 'fourOctetAs', asn: 65000 },
  ],
})
const keepalive = encode({ kind: 'keepalive' })
const nlri = [macIp(1).nlri, macIp(2, { ip: '10.1.1.1' }).nlri, imet('10.0.0.2:1', '10.0.0.2').nlri]
const reach = { family: 'evpn', nextHop: '10.0.0.2', nlri } as never
const attributes = {
  mpReach: reach,
  origin: 'igp',
  asPath: [{ type: 'sequence', asns: [1, 2] }],
  localPref: 100,
  communities: [1, 2],
  extendedCommunities: [{ type: 'macMobility', sequence: 1, sticky: false }],
  pmsiTunnel: { flags: 0, tunnelType: 6, label: 10100, endpoint: '10.0.0.2' },
} as const
const messages: readonly Uint8Array[] = [
  open,
  keepalive,
  encode({ kind: 'update', withdrawn: [{ prefix: '10.0.0.0/8' }], attributes, nlri: [] }),
  encode({ kind: 'update', withdrawn: [], attributes: { mpUnreach: reach }, nlri: [] }),
  encode({ kind: 'routeRefresh', afi: 25, safi: 70, subtype: 0 }),
  encode({ kind: 'routeRefresh', afi: 25, safi: 70, subtype: 1 }),
  encode({ kind: 'notification', code: 6, subcode: 2, data: new Uint8Array(3) }),
]

function speakerWithPeer(): Speaker {
  const speaker = new Speaker({ asn: 65000, routerId: '10.0.0.1' })
  const peer = {
    id: 'p',
    address: '10.0.0.2',
    asn: 65000,
    families: ['evpn'],
    passive: true,
  } as const
  speaker.step({ event: 'peerAdded', peer })
  return speaker
}

function establish(speaker: Speaker, connection: number): void {
  speaker.step({ event: 'connected', connection, direction: 'in', ...ends })
  for (const bytes of [open, keepalive]) speaker.step({ event: 'received', connection, bytes })
}

const stateOf = (speaker: Speaker): string | undefined => speaker.peers()[0]?.state

/** A message with some octets changed, behind its header so that most reach a decoder. */
const damaged = fc
  .tuple(
    fc.constantFrom(...messages),
    fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([message, changes, anywhere]) => {
    const octets = message.slice()
    for (const [at, value] of changes) {
      const from = anywhere || octets.length === 19 ? 0 : 19
      octets[from + (at % (octets.length - from))] = value
    }
    return octets
  })

const stream = fc.array(
  fc.oneof({ weight: 9, arbitrary: damaged }, fc.uint8Array({ maxLength: 60 })),
  {
    maxLength: 8,
  },
)

for (const state of ['OpenSent', 'OpenConfirm', 'Established'] as const) {
  t.test(`in ${state}`, async () => {
    fc.assert(
      fc.property(stream, fc.nat(40), (pieces, cut) => {
        const speaker = speakerWithPeer()
        speaker.step({ event: 'connected', connection: 1, direction: 'in', ...ends })
        if (state !== 'OpenSent') speaker.step({ event: 'received', connection: 1, bytes: open })
        if (state === 'Established')
          speaker.step({ event: 'received', connection: 1, bytes: keepalive })
        for (const bytes of pieces) {
          speaker.step({ event: 'received', connection: 1, bytes: bytes.slice(0, cut) })
          speaker.step({ event: 'received', connection: 1, bytes: bytes.slice(cut) })
        }
        speaker.step({ event: 'closed', connection: 1 })
        if ([...speaker.locRib('evpn')].length > 0)
          throw new Error('routes of a closed session left')
        speaker.step({ event: 'timer', timer: 'p idleHold' })
        establish(speaker, 2)
        return stateOf(speaker) === 'Established'
      }),
      { numRuns: 1500 },
    )
  })
}

t.test('NLRI that overruns its attribute disables the family, not the session', async (t) => {
  const speaker = speakerWithPeer()
  establish(speaker, 1)
  const good = encode({ kind: 'update', withdrawn: [], attributes, nlri: [] })
  speaker.step({ event: 'received', connection: 1, bytes: good })
  t.equal([...speaker.locRib('evpn')].length, 3)

  // The length of the last route says more octets than the attribute has.
  const bad = good.slice()
  const last = encode({
    kind: 'update',
    withdrawn: [],
    attributes: { mpReach: { ...(reach as object), nlri: nlri.slice(2) } } as never,
    nlri: [],
  })
  const body = Buffer.from(last.subarray(last.length - 19))
  const at = Buffer.from(bad).indexOf(body)
  t.ok(at > 0, 'the type 3 route is in the message')
  bad[at + 1] = 200
  const actions = speaker.step({ event: 'received', connection: 1, bytes: bad })
  t.equal(stateOf(speaker), 'Established')
  t.notOk(actions.some((action) => action.do === 'close'))
  t.equal([...speaker.locRib('evpn')].length, 0, 'what was there is gone')
  t.ok(speaker.peers()[0]?.session?.families[0]?.disabled)

  speaker.step({ event: 'received', connection: 1, bytes: good })
  t.equal([...speaker.locRib('evpn')].length, 0, 'what follows is ignored')
})

t.test('a NOTIFICATION longer than a session without RFC 8654 could carry', async (t) => {
  const speaker = speakerWithPeer()
  establish(speaker, 1)
  const message: Message = {
    kind: 'notification',
    code: 6,
    subcode: 99,
    data: new Uint8Array(40_000),
  }
  const bytes = encodeMessage(message, { ...initialContext, extendedMessages: true })
  speaker.step({ event: 'received', connection: 1, bytes })
  t.equal(speaker.peers()[0]?.lastError?.notification?.length, 4096, 'as much as fits is kept')
  establish(speaker, 2)
  t.equal(stateOf(speaker), 'Established')
})
