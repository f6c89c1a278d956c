// Graceful restart (RFC 4724): the one that comes back finds its routes where it left them. FRR 8.4 restarts with EVPN, but
// helps others with unicast alone; GoBGP helps with EVPN.

import t, { test } from 'tap'
import {
  type Frr,
  type Gobgp,
  type Host,
  type MacRow,
  missing,
  routedFabric,
  sleep,
  startFrr,
  startGobgp,
  startVtep,
  type Tenant,
  until,
  type Vtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

const skip = missing('vtysh', 'bgpd')
const noGobgp = missing('gobgpd', 'gobgp')
const asn = 65000

// They wait for time to pass, each in networks of its own.
t.jobs = 2

interface Rig {
  readonly h1: Host
  readonly h2: Host
  readonly vtep: Vtep
  readonly vm1: Tenant
}

/** We on h1 with a tenant; what is on h2 has begun before us. */
async function rig(
  t: { teardown(handler: () => Promise<void>): void },
  begin: (h1: Host, h2: Host) => Promise<unknown>,
): Promise<Rig> {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await h1.tenant('vm1', tenantOptions(1))
  await begin(h1, h2)
  const peers = [{ address: h2.vtep4, asn, families: ['evpn', 'ipv4'] }]
  const config = leaf(h1, { peers, ports: ['vm1'] })
  const vtep = await startVtep(h1, { ...config, bgp: { ...config.bgp, announceVtep: true } })
  await vtep.established()
  await vm1.announce(ipOf(1))
  await vtep.learned(macOf(1), { kind: 'local' })
  return { h1, h2, vtep, vm1 }
}

async function kill(vtep: Vtep): Promise<void> {
  vtep.service.signal('SIGKILL')
  await vtep.service.ended()
}

const frrLines = (address: string): string[] => [
  `router bgp ${asn}`,
  ' bgp graceful-restart',
  ' bgp graceful-restart preserve-fw-state',
  ' address-family ipv4 unicast',
  `  neighbor ${address} activate`,
  ' exit-address-family',
  'exit',
]

/** Looks until `work` is done; gives how often it looked, and how often nothing was there. */
async function watched(
  look: () => Promise<unknown>,
  work: () => Promise<void>,
): Promise<{ readonly looks: number; readonly missed: number }> {
  let isOver = false
  let looks = 0
  let missed = 0
  const watching = (async () => {
    while (!isOver) {
      looks++
      if (!(await look())) missed++
      await sleep(0.05)
    }
  })()
  await work().finally(() => {
    isOver = true
  })
  await watching
  return { looks, missed }
}

test('we restart, FRR helps', { skip, buffered: true }, async (t) => {
  let frr: Frr | undefined
  const { h1, vtep } = await rig(t, async (h1, h2) => {
    const peers = [{ address: h1.vtep4, asn }]
    frr = await startFrr(h2, { asn, peers, extra: frrLines(h1.vtep4) })
  })
  const route = (): Promise<string> => frr!.vtysh(`show bgp ipv4 unicast ${h1.vtep4}/32`)
  const look = async (): Promise<boolean> => (await route()).includes(`from ${h1.vtep4}`)
  await until('FRR has our VTEP', look)
  let stale = false
  const { looks, missed } = await watched(look, async () => {
    await kill(vtep)
    stale = await until('FRR waits for us', async () => (await route()).includes('stale'))
    await sleep(2)
    await vtep.run()
    await vtep.established()
    await until('told again', async () => !(await route()).includes('stale'))
    await sleep(1)
  })
  t.ok(stale)
  t.ok(looks > 20, `${looks} looks`)
  t.equal(missed, 0, 'our VTEP is there all the time')
})

test('FRR restarts, we help', { skip, buffered: true }, async (t) => {
  let frr: Frr | undefined
  const { h1, h2, vtep } = await rig(t, async (h1, h2) => {
    const kernel = await h2.kernelVtep(vni)
    const vm2 = await h2.tenant('vm2', { ...tenantOptions(2), bridge: kernel.bridge })
    const peers = [{ address: h1.vtep4, asn }]
    frr = await startFrr(h2, { asn, peers, extra: frrLines(h1.vtep4) })
    await vm2.announce(ipOf(2))
  })
  await vtep.learned(macOf(2), { kind: 'remote' })
  const look = async (): Promise<boolean> =>
    (await vtep.request<MacRow[]>('GET', `/v1/macs?mac=${macOf(2)}`)).some(
      ({ dst }) => dst === h2.vtep4,
    )
  const { looks, missed } = await watched(look, async () => {
    await frr!.killBgpd()
    await until('the session is gone', async () =>
      (await vtep.peers()).some(({ state }) => state !== 'Established'),
    )
    await sleep(2)
    await frr!.startBgpd()
    await frr!.established(h1.vtep4)
    await vtep.established(h2.vtep4)
    await sleep(3)
  })
  t.ok(looks > 10, `${looks} looks`)
  t.equal(missed, 0, 'its MAC is there all the time')
})

for (const survives of [true, false]) {
  const name = survives ? 'goes on forwarding' : 'is lost, too'
  test(`we restart, GoBGP helps, and the dataplane ${name}`, {
    skip: noGobgp,
    buffered: true,
  }, async (t) => {
    let gobgp: Gobgp | undefined
    const { h1, vtep, vm1 } = await rig(t, async (h1, h2) => {
      gobgp = await startGobgp(h2, {
        asn,
        peers: [{ address: h1.vtep4, asn }],
        gracefulRestart: true,
      })
    })
    const look = async (): Promise<boolean> => (await gobgp!.rib()).includes(macOf(1))
    await until('GoBGP has our MAC', look)
    const { looks, missed } = await watched(look, async () => {
      await kill(vtep)
      const dataplane = `dataplane-only --runtime-dir ${vtep.runtimeDir}`
      if (!survives) {
        await h1.exec(['pkill', '-KILL', '-f', '--', dataplane])
        // What is not learned again is not told again.
        await vm1.ip('link set eth0 down')
      }
      await sleep(2)
      t.ok(await look(), 'kept')
      await vtep.run()
      await vtep.established()
      await sleep(3)
    })
    t.ok(looks > 20, `${looks} looks`)
    t.equal(missed === 0, survives, 'our MAC is there all the time, or gone at the end')
    const flag = /l2vpn-evpn, forward flag set/i.test(await gobgp!.cli('neighbor', h1.vtep4))
    t.equal(flag, survives, 'and we say which it is')
  })
}
