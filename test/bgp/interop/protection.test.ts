// Sessions with FRR that are protected: TCP MD5 (RFC 2385), and TTL (RFC 5082).

import t, { test } from 'tap'
import type { Transport } from '../../../src/bgp/index.js'
import { type Frr, type Host, missing, routedFabric, sleep, startFrr } from '../../lab/index.js'
import { SpeakerProcess } from './speaker-process.js'

const skip = missing('bgpd', 'zebra', 'vtysh')
const asn = 65000

// They wait for what must not come, each in networks of its own.
t.jobs = 4

interface Owner {
  teardown(handler: () => Promise<void>): void
}

/** We on h1, FRR on h2 with more lines for us, `passive` or not. A router is between them. */
async function pair(
  t: Owner,
  lines: readonly string[],
  passive: boolean,
): Promise<{ h1: Host; h2: Host; frr: Frr; speaker: SpeakerProcess }> {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const extra = [
    `router bgp ${asn}`,
    ...lines.map((line) => ` neighbor ${h1.vtep4} ${line}`),
    'exit',
  ]
  const frr = await startFrr(h2, { asn, peers: [{ address: h1.vtep4, asn, passive }], extra })
  return { h1, h2, frr, speaker: await SpeakerProcess.start(t, h1, { asn }) }
}

const protections: readonly (readonly [string, readonly string[], Transport, Transport])[] = [
  ['a password', ['password s3cret'], { password: 's3cret' }, { password: 'other' }],
  [
    'TTL security',
    ['ttl-security hops 2'],
    { ttl: 255, minimumTtl: 254 },
    { ttl: 255, minimumTtl: 255 },
  ],
  [
    'both',
    ['password s3cret', 'ttl-security hops 2'],
    { ttl: 255, minimumTtl: 254, password: 's3cret' },
    { ttl: 254, minimumTtl: 254, password: 's3cret' },
  ],
]

for (const [name, lines, right, wrong] of protections) {
  for (const who of ['we connect', 'FRR connects']) {
    test(`${name}: ${who}`, { skip, buffered: true }, async (t) => {
      const weConnect = who === 'we connect'
      const { h1, h2, frr, speaker } = await pair(t, lines, weConnect)
      const peer = (transport?: Transport): void =>
        speaker.peer(h2.vtep4, asn, {
          passive: !weConnect,
          ...(transport === undefined ? {} : { transport }),
        })
      // Both have to be up: FRR may read our OPEN before it has set the limit on a connection that it accepted.
      const isDown = async (): Promise<boolean> => {
        await sleep(3)
        if ((await speaker.peers()).every(({ state }) => state !== 'Established')) return true
        const { peers } = await frr.json<{ peers: Record<string, { state: string }> }>(
          'show bgp l2vpn evpn summary',
        )
        return peers[h1.vtep4]?.state !== 'Established'
      }
      peer(wrong)
      t.ok(await isDown(), 'not with the wrong one')
      peer()
      t.ok(await isDown(), 'not without')
      peer(right)
      await speaker.established(h2.vtep4, frr)
      t.pass('with the right one')
    })
  }
}

test('a password for a range', { skip }, async (t) => {
  const { h1, h2, frr, speaker } = await pair(t, ['password s3cret'], false)
  const range = { id: 'all', prefix: '10.255.0.0/24', asn: 'internal', families: ['evpn'] } as const
  speaker.range({ ...range, transport: { password: 'other' } })
  await sleep(3)
  t.same(await speaker.peers(), [])
  speaker.range({ ...range, transport: { password: 's3cret' } })
  await speaker.established(h2.vtep4, frr)
  t.match(await speaker.peers(), [{ id: h2.vtep4, isDynamic: true }])
  t.ok(h1)
})

test('so many hops and no more', { skip }, async (t) => {
  const { h2, speaker } = await pair(t, [], true)
  speaker.peer(h2.vtep4, asn, { transport: { ttl: 1 } })
  await sleep(3)
  t.not((await speaker.peers())[0]?.state, 'Established')
  speaker.peer(h2.vtep4, asn, { transport: { ttl: 2 } })
  await speaker.established(h2.vtep4)
})
