// FRR's bgpd and zebra: a leaf over the kernel's VXLAN and a reflector.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { formatExtendedCommunity } from '../../../src/wire/index.js'
import { type Frr, missing, routedFabric, startFrr, until } from '../../lab/index.js'
import { imet, macIp, macOf } from '../routes.js'
import { SpeakerProcess } from './speaker-process.js'

const skip = missing('bgpd', 'zebra', 'vtysh')
const vni = 10100

async function hasPath(frr: Frr, prefix: string, nextHop: string): Promise<void> {
  await until(`FRR has ${prefix} by ${nextHop}`, async () =>
    (await frr.paths()).some(
      (one) => one.prefix.includes(prefix) && one.path.nexthops?.some(({ ip }) => ip === nextHop),
    ),
  )
}

async function hasNoPath(frr: Frr, prefix: string): Promise<void> {
  await until(`FRR has ${prefix} no more`, async () =>
    (await frr.paths()).every((one) => !one.prefix.includes(prefix)),
  )
}

for (const frrAsn of [65000, 65001]) {
  const kind = frrAsn === 65000 ? 'iBGP' : 'eBGP'
  test(`FRR leaf over ${kind}`, { skip }, async (t) => {
    const { hosts } = await routedFabric(t)
    const [h1, h2] = [hosts[0]!, hosts[1]!]
    const kernel = await h2.kernelVtep(vni)
    const tenant = { mac: '02:00:00:00:02:01', ip4: '192.168.100.2/24', bridge: kernel.bridge }
    const vm = await h2.tenant('vm2', tenant)
    const frr = await startFrr(h2, { asn: frrAsn, peers: [{ address: h1.vtep4, asn: 65000 }] })
    const speaker = await SpeakerProcess.start(t, h1, { asn: 65000 })
    const rd = `${h1.vtep4}:100`
    const own = { rd, nextHop: h1.vtep4, vni }
    speaker.originate(imet(rd, h1.vtep4, vni), macIp(1, own))
    speaker.peer(h2.vtep4, frrAsn)
    const status = await speaker.established(h2.vtep4)

    await t.test('what was negotiated', async (t) => {
      t.match(status.session, { kind: kind === 'iBGP' ? 'ibgp' : 'ebgp', holdTimeSeconds: 9 })
      t.match(status.session?.families, [{ family: 'evpn' }])
    })

    await t.test('its types 2 and 3 come with VNI, route target and next hop', async (t) => {
      await vm.attempt(['ping', '-c', '1', '-W', '1', '192.168.100.99'])
      const type2 = await speaker.route('02:00:00:00:02:01')
      t.match(type2, { nextHop: h2.vtep4, nlri: { type: 'macIp', label: vni } })
      t.same(type2.attributes.extendedCommunities?.map(formatExtendedCommunity).sort(), [
        'encap:vxlan',
        `rt:${frrAsn}:${vni}`,
      ])
      const type3 = await speaker.route(`3|${h2.vtep4}`)
      t.match(type3.attributes.pmsiTunnel, { tunnelType: 6, label: vni, endpoint: h2.vtep4 })
    })

    await t.test('ours reach its table and the kernel', async () => {
      await hasPath(frr, macOf(1), h1.vtep4)
      await hasPath(frr, `[3]:[0]:[32]:[${h1.vtep4}]`, h1.vtep4)
      await until(
        'the kernel forwards',
        async () => (await kernel.remoteOf(macOf(1))) === h1.vtep4,
        { explain: () => frr.state() },
      )
    })

    await t.test('a higher sequence number arrives', async () => {
      speaker.originate(macIp(1, { ...own, sequence: 3 }))
      await until('sequence 3', async () => JSON.stringify(await frr.paths()).includes('MM:3'))
    })

    await t.test('withdrawing removes them there', async () => {
      speaker.withdraw(macIp(1, own))
      await hasNoPath(frr, macOf(1))
    })

    await t.test('its End-of-RIB is seen', async () => {
      await until('End-of-RIB', () => speaker.actions.some((action) => action.do === 'endOfRib'))
    })

    await t.test('route refresh both ways', async () => {
      const updates = async (): Promise<number> =>
        (await speaker.peers())[0]!.statistics.messagesReceived.update
      const before = await updates()
      speaker.clear(h2.vtep4, 'in')
      await until('it sends everything again', async () => (await updates()) > before)
      const sent = async (): Promise<number> =>
        (await speaker.peers())[0]!.statistics.messagesSent.update
      const sentBefore = await sent()
      await frr.vtysh(`clear bgp l2vpn evpn ${h1.vtep4} in`)
      await until('we send everything again', async () => (await sent()) > sentBefore)
    })

    await t.test('routes go with the session, at once, and come back', async (t) => {
      await frr.vtysh(`clear bgp ${h1.vtep4}`)
      await until('the session ended', () =>
        speaker.logs().some((text) => text.includes('session ended')),
      )
      await speaker.established(h2.vtep4)
      await speaker.route('02:00:00:00:02:01')
      t.equal((await speaker.peers())[0]!.statistics.flaps, 1)
    })

    await t.test('our shutdown text arrives', async () => {
      await speaker.stop()
      const log = (): string => readFileSync(join(frr.directory, 'frr.log'), 'utf8')
      await until('the text', () =>
        log().includes('(Cease/Administrative Shutdown) "end of the test"'),
      )
    })
  })
}

test('a peer in the wrong AS', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  await startFrr(h2, { asn: 65001, peers: [{ address: h1.vtep4, asn: 65000 }] })
  const speaker = await SpeakerProcess.start(t, h1, { asn: 65000 })
  speaker.peer(h2.vtep4, 65002)
  await until('the refusal', () =>
    speaker
      .logs()
      .some((text) => text.includes('sent open/badPeerAs: expected AS 65002, got 65001')),
  )
  speaker.peer(h2.vtep4, 65001)
  await speaker.established(h2.vtep4)
  t.pass('and the right one')
})

test('we as reflector between two FRR leaves', { skip }, async (t) => {
  const { hosts, spine } = await routedFabric(t)
  const speaker = await SpeakerProcess.start(t, spine, { asn: 65000 })
  const leaves: Frr[] = []
  for (const [i, host] of hosts.entries()) {
    const kernel = await host.kernelVtep(vni)
    const mac = `02:00:00:00:0${i + 1}:01`
    await host.tenant('vm', { mac, ip4: `192.168.100.${i + 1}/24`, bridge: kernel.bridge })
    leaves.push(await startFrr(host, { asn: 65000, peers: [{ address: spine.vtep4, asn: 65000 }] }))
    speaker.peer(host.vtep4, 65000, { routeReflectorClient: true })
  }
  for (const host of hosts) await speaker.established(host.vtep4)
  await hasPath(leaves[0]!, `[3]:[0]:[32]:[${hosts[1]!.vtep4}]`, hosts[1]!.vtep4)
  await hasPath(leaves[1]!, `[3]:[0]:[32]:[${hosts[0]!.vtep4}]`, hosts[0]!.vtep4)
  const detail = JSON.stringify(await leaves[1]!.paths())
  t.match(detail, new RegExp(`"originatorId":"${hosts[0]!.vtep4}"`))
  t.match(detail, /clusterList/)
})

test('FRR as reflector between two of us', { skip }, async (t) => {
  const { hosts, spine } = await routedFabric(t)
  const clients = hosts.map((host) => ({ address: host.vtep4, asn: 65000 }))
  await startFrr(spine, { asn: 65000, peers: clients, role: 'reflector' })
  const speakers: SpeakerProcess[] = []
  for (const [i, host] of hosts.entries()) {
    const speaker = await SpeakerProcess.start(t, host, { asn: 65000 })
    const rd = `${host.vtep4}:100`
    speaker.originate(macIp(i, { rd, nextHop: host.vtep4 }), imet(rd, host.vtep4))
    speaker.peer(spine.vtep4, 65000)
    speakers.push(speaker)
  }
  const got = await speakers[0]!.route(macOf(1))
  t.match(got, { nextHop: hosts[1]!.vtep4, attributes: { originatorId: hosts[1]!.vtep4 } })
  const type3 = await speakers[1]!.route(`3|${hosts[0]!.vtep4}`)
  t.match(type3.attributes.pmsiTunnel, { label: 10100, endpoint: hosts[0]!.vtep4 })
  await speakers[1]!.stop()
  await speakers[0]!.noRoute(macOf(1))
})

test('VTEP reachability over IPv6', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const frr = await startFrr(h2, {
    asn: 65001,
    peers: [{ address: h1.vtep6, asn: 65000 }],
    extra: [
      'router bgp 65001',
      ' address-family ipv6 unicast',
      `  neighbor ${h1.vtep6} activate`,
      `  network ${h2.vtep6}/128`,
      ' exit-address-family',
      'exit',
    ],
  })
  const speaker = await SpeakerProcess.start(t, h1, { asn: 65000 })
  const own = { family: 'ipv6', nlri: { prefix: `${h1.vtep6}/128` }, attributes: {} } as const
  speaker.originate(own)
  speaker.peer(h2.vtep6, 65001, { families: ['evpn', 'ipv6'], updateSource: h1.vtep6 })
  await speaker.established(h2.vtep6)
  const theirs = await until('its VTEP', async () => (await speaker.routes('ipv6'))[1])
  t.match(theirs, { key: `${h2.vtep6}/128`, nextHop: h2.vtep6 })
  const shown = (): Promise<string> => frr.vtysh(`show bgp ipv6 unicast ${h1.vtep6}/128`)
  await until('ours', async () => (await shown()).includes(`from ${h1.vtep6}`))
  speaker.withdraw(own)
  await until('gone', async () => (await shown()).includes('not in table'))
})

test('roles (RFC 9234)', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const peers = [{ address: h1.vtep4, asn: 65000 }]
  const extra = [
    'router bgp 65001',
    ` neighbor ${h1.vtep4} local-role customer strict-mode`,
    'exit',
  ]
  const frr = await startFrr(h2, { asn: 65001, peers, extra })
  const speaker = await SpeakerProcess.start(t, h1, { asn: 65000 })
  speaker.peer(h2.vtep4, 65001, { role: 'peer' })
  await until('both roles are refused', () =>
    speaker.logs().some((text) => text.includes('roleMismatch')),
  )
  speaker.peer(h2.vtep4, 65001, { role: 'provider', strictRole: true })
  await speaker.established(h2.vtep4)
  const text = await frr.vtysh(`show bgp neighbors ${h1.vtep4}`)
  t.match(text, /Remote Role: provider/)
})
