// GoBGP as a VTEP of its own: prefixes both ways (type 5), a MAC that goes to and fro, and one that must not move. Types 1 and 4 are in
// multihoming-peers.test.ts, types 2 and 3 also in bundle.test.ts.

import { test } from 'tap'
import {
  gratuitousArp,
  missing,
  type RouteRow,
  routedFabric,
  startGobgp,
  startVtep,
  until,
} from '../lab/index.js'
import { ipOf, leaf, macOf, vni } from './support.js'

const asn = 65000
const l3 = 50001
const skip = missing('gobgpd', 'gobgp', 'python3')

interface Prefix {
  readonly prefix: string
  readonly kind: string
  readonly dst: string | null
  readonly mac: string | null
}

test('GoBGP: prefixes, a MAC that moves, a static one', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const [mac, ip] = [macOf(1), ipOf(1)]
  const vm = await h1.tenant('vm1', { mac, ip4: `${ip}/24`, ipv6: false })
  await h1.tenant('vm2', { mac: macOf(2), ip4: `${ipOf(2)}/24`, ipv6: false })
  const gobgp = await startGobgp(h2, { asn, peers: [{ address: h1.vtep4, asn }] })
  const ports = ['vm1', { name: 'vm2', mac: macOf(2), sticky: true }]
  const peers = [{ address: h2.vtep4, asn }]
  const more = { vrf: 'red', gateway: [`${ipOf(254)}/24`] }
  const config = leaf(h1, { asn, peers, ports, more })
  const vtep = await startVtep(h1, { ...config, vrfs: [{ name: 'red', vni: l3 }] })
  await vtep.established()
  const lines = async (...has: readonly string[]): Promise<readonly string[]> =>
    (await gobgp.rib())
      .split('\n')
      .filter((line) => has.every((part) => line.toLowerCase().includes(part.toLowerCase())))
  const line = (...has: readonly string[]): Promise<string> =>
    until(`GoBGP has ${has.join(' ')}`, async () => (await lines(...has))[0])

  await t.test('type 5', async (t) => {
    const ours = await line('type:Prefix', '192.168.100.0/24', h1.vtep4)
    t.match(ours, /router'?s? ?mac: 02:76:0a:ff:00:01/i, 'with our router MAC')
    const theirs = ['10.9.0.0/16', 'etag', '0', 'label', `${l3}`, 'rd', `${h2.vtep4}:5`]
    const words = ['rt', `${asn}:${l3}`, 'encap', 'vxlan', 'router-mac', '02:00:00:00:ff:02']
    const rows = async (): Promise<readonly Prefix[]> =>
      (await vtep.read<Prefix[]>('prefixes')).filter(({ prefix }) => prefix === '10.9.0.0/16')
    await gobgp.add('prefix', ...theirs, ...words)
    const row = await until('its prefix', async () => (await rows())[0])
    t.match(row, { kind: 'remote', dst: h2.vtep4, mac: '02:00:00:00:ff:02' })
    await gobgp.remove('prefix', ...theirs, ...words)
    await until('withdrawn', async () => (await rows()).length === 0)
  })

  await t.test('a MAC that moves', async (t) => {
    const words = [
      ...['macadv', mac, '0.0.0.0', 'etag', '0', 'label', `${vni}`],
      ...['rd', `${h2.vtep4}:2`, 'rt', `${asn}:${vni}`, 'encap', 'vxlan'],
    ]
    const speak = await gratuitousArp(vm, mac, ip)
    await gobgp.add(...words)
    await vtep.learned(mac, { kind: 'remote', dst: h2.vtep4, sequence: 0 })
    await speak()
    await vtep.learned(mac, { kind: 'local', sequence: 1 })
    await line('type:macadv', mac, h1.vtep4, 'mac-mobility: 1')
    // Its segment is none, as ours is: GoBGP keeps what it has announced. Told anew it takes the next number.
    await gobgp.add(...words)
    await vtep.learned(mac, { kind: 'remote', dst: h2.vtep4, sequence: 2 })
    await until('ours is withdrawn', async () => (await lines(mac, h1.vtep4)).length === 0)
    await speak()
    await vtep.learned(mac, { kind: 'local', sequence: 3 })
    await gobgp.remove(...words)
    await until('its own is gone', async () => {
      const rows = await vtep.request<RouteRow[]>('GET', `/v1/routes?mac=${mac}`)
      return rows.every(({ nextHop }) => nextHop === h1.vtep4)
    })
    t.match(await vtep.learned(mac), { kind: 'local', sequence: 3 })
  })

  await t.test('a static MAC', async (t) => {
    await line('type:macadv', macOf(2), h1.vtep4, 'mac-mobility: 0, sticky')
    const label = ['etag', '0', 'label', `${vni}`, 'rd', `${h2.vtep4}:2`]
    await gobgp.add(
      'macadv',
      macOf(2),
      '0.0.0.0',
      ...label,
      'rt',
      `${asn}:${vni}`,
      'encap',
      'vxlan',
    )
    const event = await until('the alarm', async () =>
      (await vtep.request<{ kind: string; text: string }[]>('GET', '/v1/events')).find(
        ({ kind }) => kind === 'stickyMac',
      ),
    )
    t.match(event.text, `${macOf(2)} of network ${vni} is static behind ${h1.vtep4}`)
    t.match(await vtep.learned(macOf(2)), { kind: 'local', ifname: 'vm2', sticky: true })
  })
})
