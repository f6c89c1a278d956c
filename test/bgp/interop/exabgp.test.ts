// ExaBGP: routes whose octets we did not write, also odd ones.

import { test } from 'tap'
import { missing, routedFabric, startExabgp, until } from '../../lab/index.js'
import { macIp, macOf } from '../routes.js'
import { SpeakerProcess } from './speaker-process.js'

const vni = 10100
const address = (ip: string): number[] => ip.split('.').map(Number)
const rd = (ip: string): number[] => [0, 1, ...address(ip), 0, 100]

function type2(vtep: string, mac: string): number[] {
  const octets = mac.split(':').map((octet) => Number.parseInt(octet, 16))
  const label = [vni >> 16, (vni >> 8) & 255, vni & 255]
  const body = [...rd(vtep), ...Array<number>(14).fill(0), 48, ...octets, 0, ...label]
  return [2, body.length, ...body]
}

const afiSafi = [0, 25, 70]
const reach = (nextHop: string, nlri: readonly number[]): Uint8Array =>
  Uint8Array.from([...afiSafi, 4, ...address(nextHop), 0, ...nlri])

test('ExaBGP', { skip: missing('exabgp') }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const exabgp = await startExabgp(h2, { asn: 65000, peers: [{ address: h1.vtep4, asn: 65000 }] })
  const speaker = await SpeakerProcess.start(t, h1, { asn: 65000 })
  speaker.originate(macIp(1, { rd: `${h1.vtep4}:100`, nextHop: h1.vtep4, vni }))
  speaker.peer(h2.vtep4, 65000, { families: ['evpn', 'ipv4'] })
  const { session } = await speaker.established(h2.vtep4)
  t.same(
    session?.families.map(({ family }) => family),
    ['evpn', 'ipv4'],
  )
  const communities = [`target:65000:${vni}`, '0x030c000000000008']

  await t.test('it decodes our type 2', async () => {
    await until('type 2', () => new RegExp(`"code": 2,.*${macOf(1)}`, 'i').test(exabgp.events()))
  })

  await t.test('its type 2 comes and goes', async (t) => {
    exabgp.reach(reach(h2.vtep4, type2(h2.vtep4, macOf(2))), communities)
    const route = await speaker.route(macOf(2))
    t.match(route, { nextHop: h2.vtep4, nlri: { label: vni } })
    const carrier = await speaker.routes('ipv4')
    t.match(carrier, [{ key: '203.0.113.1/32', nextHop: h2.vtep4 }], 'IPv4 unicast is kept too')
    exabgp.unreach(Uint8Array.from([...afiSafi, ...type2(h2.vtep4, macOf(2))]))
    await speaker.noRoute(macOf(2))
  })

  await t.test('an unknown route type beside a known one', async (t) => {
    const unknown = [200, 5, 1, 2, 3, 4, 5]
    exabgp.reach(reach(h2.vtep4, [...unknown, ...type2(h2.vtep4, macOf(3))]), communities)
    await speaker.route(macOf(3))
    const opaque = await speaker.route('200|0102030405')
    t.match(opaque.nlri, { type: 'opaque', code: 200 })
  })

  await t.test('a broken route leaves the session alone', async (t) => {
    const broken = [2, 4, 1, 2, 3, 4]
    exabgp.reach(reach(h2.vtep4, [...broken, ...type2(h2.vtep4, macOf(4))]), communities)
    await speaker.route(macOf(4))
    const [peer] = await speaker.peers()
    t.match(peer, {
      state: 'Established',
      statistics: { flaps: 0, problems: { 'treat-as-withdraw': 1 } },
    })
    t.ok(speaker.logs().some((text) => text.includes('malformed UPDATE, treat-as-withdraw')))
  })
})
