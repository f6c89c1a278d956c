// GoBGP: injector, reflector, and the far end of our reflection.

import { test } from 'tap'
import type { OriginatedRoute } from '../../../src/bgp/index.js'
import { hexFromBytes } from '../../../src/net/index.js'
import { communityOctets } from '../../../src/wire/index.js'
import { missing, routedFabric, startGobgp, until } from '../../lab/index.js'
import { imet, macIp, macOf } from '../routes.js'
import { SpeakerProcess } from './speaker-process.js'

const skip = missing('gobgpd', 'gobgp')
const vni = 10100

/** GoBGP's own words for a type 2 and a type 3 route. */
const injected = (n: number, rd: string): readonly string[] => [
  ...['macadv', macOf(n), '0.0.0.0', 'etag', '0', 'label', `${vni}`],
  ...['rd', rd, 'rt', `65000:${vni}`, 'encap', 'vxlan'],
]

const asking = (n: number): OriginatedRoute => {
  const octets = communityOctets({ type: 'routeTarget', target: `65000:${n}` })
  const nlri = { originAs: 65000, target: hexFromBytes(octets), bits: 96 }
  return { family: 'rtc', nlri, attributes: {} }
}

for (const asn of [65000, 65002]) {
  test(`GoBGP over ${asn === 65000 ? 'iBGP' : 'eBGP'}`, { skip }, async (t) => {
    const { hosts } = await routedFabric(t)
    const [h1, h2] = [hosts[0]!, hosts[1]!]
    const gobgp = await startGobgp(h2, { asn, peers: [{ address: h1.vtep4, asn: 65000 }] })
    const speaker = await SpeakerProcess.start(t, h1, { asn: 65000 })
    const rd = `${h1.vtep4}:100`
    const ours = [imet(rd, h1.vtep4, vni), macIp(1, { rd, nextHop: h1.vtep4, vni, sequence: 2 })]
    speaker.originate(...ours)
    speaker.peer(h2.vtep4, asn)
    await speaker.established(h2.vtep4)

    await t.test('ours are in its table', async () => {
      await until('both', async () => {
        const rib = await gobgp.rib()
        return rib.includes(macOf(1)) && /type:multicast.*10\.255\.0\.1/i.test(rib)
      })
    })

    await t.test('its route comes and goes', async (t) => {
      await gobgp.add(...injected(2, `${h2.vtep4}:100`))
      const route = await speaker.route(macOf(2))
      t.match(route.nlri, { type: 'macIp', label: vni, rd: `${h2.vtep4}:100` })
      await gobgp.remove(...injected(2, `${h2.vtep4}:100`))
      await speaker.noRoute(macOf(2))
    })

    await t.test('withdrawn there', async () => {
      speaker.withdraw(...ours)
      await until('none', async () => !(await gobgp.rib()).includes(macOf(1)))
    })

    await t.test('it answers our route refresh', async () => {
      await gobgp.add(...injected(3, `${h2.vtep4}:100`))
      await speaker.route(macOf(3))
      const received = async (): Promise<number> =>
        (await speaker.peers())[0]!.statistics.messagesReceived.update
      const before = await received()
      speaker.clear(h2.vtep4, 'in')
      await until('its routes again', async () => (await received()) > before)
    })
  })
}

test('GoBGP as reflector between two of us', { skip }, async (t) => {
  const { hosts, spine } = await routedFabric(t)
  const clients = hosts.map((host) => ({ address: host.vtep4, asn: 65000, client: true }))
  await startGobgp(spine, { asn: 65000, peers: clients })
  const speakers: SpeakerProcess[] = []
  for (const [i, host] of hosts.entries()) {
    const speaker = await SpeakerProcess.start(t, host, { asn: 65000 })
    const rd = `${host.vtep4}:100`
    speaker.originate(macIp(i, { rd, nextHop: host.vtep4, vni }), imet(rd, host.vtep4, vni))
    speaker.peer(spine.vtep4, 65000)
    speakers.push(speaker)
  }
  for (const [i, speaker] of speakers.entries()) {
    const other = hosts[1 - i]!
    const route = await speaker.route(macOf(1 - i))
    t.match(route, { nextHop: other.vtep4, attributes: { originatorId: other.vtep4 } })
    t.match(route.attributes.clusterList, [spine.vtep4])
    const type3 = await speaker.route(`3|${other.vtep4}`)
    t.match(type3.attributes.pmsiTunnel, { label: vni, endpoint: other.vtep4 })
  }
})

test('we as reflector between GoBGP and one of us', { skip }, async (t) => {
  const { hosts, spine } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const reflector = await SpeakerProcess.start(t, spine, { asn: 65000 })
  for (const host of hosts) reflector.peer(host.vtep4, 65000, { routeReflectorClient: true })
  const gobgp = await startGobgp(h2, { asn: 65000, peers: [{ address: spine.vtep4, asn: 65000 }] })
  const speaker = await SpeakerProcess.start(t, h1, { asn: 65000 })
  speaker.originate(macIp(1, { rd: `${h1.vtep4}:100`, nextHop: h1.vtep4, vni }))
  speaker.peer(spine.vtep4, 65000)
  await until('ours is in its table', async () => (await gobgp.rib()).includes(macOf(1)))
  await gobgp.add(...injected(2, `${h2.vtep4}:100`))
  const route = await speaker.route(macOf(2))
  t.match(route.attributes, { originatorId: h2.vtep4, clusterList: [spine.vtep4] })
})

test('GoBGP as reflector with route-target constraint', { skip }, async (t) => {
  const { hosts, spine } = await routedFabric(t)
  const clients = hosts.map((host) => ({ address: host.vtep4, asn: 65000, client: true }))
  await startGobgp(spine, { asn: 65000, peers: clients, rtc: true })
  const families = ['evpn', 'rtc'] as const
  const speakers: SpeakerProcess[] = []
  for (const [i, host] of hosts.entries()) {
    const speaker = await SpeakerProcess.start(t, host, { asn: 65000 })
    const own = { rd: `${host.vtep4}:100`, nextHop: host.vtep4 }
    speaker.originate(
      macIp(10 + i, { ...own, vni: 10100 }),
      macIp(20 + i, { ...own, vni: 10200 }),
      asking(10100),
    )
    speaker.peer(spine.vtep4, 65000, { families })
    speakers.push(speaker)
  }
  const [one, two] = [speakers[0]!, speakers[1]!]
  await one.route(macOf(11))
  await two.route(macOf(10))
  t.notOk(
    (await one.routes()).some(({ key }) => key.includes(macOf(21))),
    'nobody asked',
  )
  one.originate(asking(10200))
  await one.route(macOf(21))
  t.notOk(
    (await two.routes()).some(({ key }) => key.includes(macOf(20))),
    'only one asked',
  )
  one.withdraw(asking(10200))
  await one.noRoute(macOf(21))
})
