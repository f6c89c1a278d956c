// OpenBGPD as underlay leaf: IPv4 and IPv6 unicast for the reachability of VTEPs.

import { test } from 'tap'
import type { PeerSettings } from '../../../src/bgp/index.js'
import { missing, startOpenbgpd, until, wire } from '../../lab/index.js'
import { SpeakerProcess } from './speaker-process.js'

for (const passive of [false, true]) {
  test(`OpenBGPD ${passive ? 'connects' : 'waits'}`, { skip: missing('bgpctl') }, async (t) => {
    const { hosts } = await wire(t)
    const [h1, h2] = [hosts[0]!, hosts[1]!]
    const openbgpd = await startOpenbgpd(h2, {
      asn: 65002,
      peers: [h1.vtep4, h1.vtep6].map((address) => ({ address, asn: 65001, passive: !passive })),
      prefixes: ['192.0.2.0/24', '2001:db8:2::/48'],
      extra: ['announce policy customer enforce', 'announce enhanced refresh yes'],
    })
    const speaker = await SpeakerProcess.start(t, h1, { asn: 65001 }, '::')
    const own = [
      { family: 'ipv4', nlri: { prefix: `${h1.vtep4}/32` }, attributes: {} },
      { family: 'ipv6', nlri: { prefix: `${h1.vtep6}/128` }, attributes: {} },
    ] as const
    speaker.originate(...own)
    const common: Partial<PeerSettings> = { passive, role: 'provider', strictRole: true }
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
      const text = await until(`our ${family}`, async () => (await openbgpd.route(us)) || undefined)
      t.match(text, /\b65001\b/)
      t.match(text, /valid/)
    }
    speaker.withdraw(...own)
    for (const { nlri } of own) {
      await until(`no ${nlri.prefix}`, async () => (await openbgpd.route(nlri.prefix)) === '')
    }
  })
}
