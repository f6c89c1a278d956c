// BIRD as underlay leaf: IPv4 and IPv6 unicast for the reachability of VTEPs, protected and with roles.

import { test } from 'tap'
import type { PeerSettings } from '../../../src/bgp/index.js'
import { missing, startBird, until, wire } from '../../lab/index.js'
import { SpeakerProcess } from './speaker-process.js'

const skip = missing('bird', 'birdc')

for (const passive of [false, true]) {
  test(`BIRD ${passive ? 'connects' : 'waits'}`, { skip }, async (t) => {
    const { hosts } = await wire(t)
    const [h1, h2] = [hosts[0]!, hosts[1]!]
    const bird = await startBird(h2, {
      asn: 65002,
      peers: [h1.vtep4, h1.vtep6].map((address) => ({ address, asn: 65001, passive: !passive })),
      prefixes: ['192.0.2.0/24', '2001:db8:2::/48'],
      extra: ['password "s3cret";', 'ttl security on;', 'local role customer;'],
    })
    const speaker = await SpeakerProcess.start(t, h1, { asn: 65001 }, '::')
    const own = [
      { family: 'ipv4', nlri: { prefix: `${h1.vtep4}/32` }, attributes: {} },
      { family: 'ipv6', nlri: { prefix: `${h1.vtep6}/128` }, attributes: {} },
    ] as const
    speaker.originate(...own)
    const common: Partial<PeerSettings> = {
      passive,
      transport: { password: 's3cret', ttl: 255, minimumTtl: 255 },
      role: 'provider',
      strictRole: true,
    }
    speaker.peer(h2.vtep4, 65002, { ...common, families: ['ipv4'] })
    speaker.peer(h2.vtep6, 65002, { ...common, families: ['ipv6'], updateSource: h1.vtep6 })
    for (const address of [h2.vtep4, h2.vtep6]) await speaker.established(address)

    for (const [family, theirs, us, them] of [
      ['ipv4', '192.0.2.0/24', `${h1.vtep4}/32`, h2.vtep4],
      ['ipv6', '2001:db8:2::/48', `${h1.vtep6}/128`, h2.vtep6],
    ] as const) {
      const route = await until(`its ${family}`, async () =>
        (await speaker.routes(family)).find(({ key }) => key === theirs),
      )
      t.equal(route.nextHop, them)
      const text = await until(`our ${family}`, async () => (await bird.route(us)) || undefined)
      t.match(text, /BGP.as_path: 65001/)
      t.match(text, /BGP.otc: 65001/, 'for customers only (RFC 9234)')
    }
    speaker.withdraw(...own)
    for (const { nlri } of own) {
      await until(`no ${nlri.prefix}`, async () => (await bird.route(nlri.prefix)) === '')
    }
  })
}
