// Assisted replication (RFC 9574): a leaf sends each broadcast once, a replicator serves a regular VTEP and a kernel bridge with FRR
// that knows nothing of it, and everybody gets every broadcast once, also while the replicator dies and comes back.

import { type Test, test } from 'tap'
import {
  BroadcastListener,
  BroadcastSender,
  counted,
  type Host,
  missing,
  routedFabric,
  run,
  sleep,
  startFrr,
  startVtep,
  type Tenant,
  until,
  type Vtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, network, reflector, tenantOptions, vni } from './support.js'

const asn = 65000
const BROADCAST = '192.168.100.255'
const inside = 'udp dst port 4789 and udp[46:4] = 0xc0a864ff'

interface NetworkRow {
  readonly vteps: readonly string[]
  readonly assistedReplication: { readonly role: string; readonly replicator: string | null } | null
}

const networkOf = async (vtep: Vtep): Promise<NetworkRow> =>
  (await vtep.request<NetworkRow[]>('GET', '/v1/networks'))[0]!

const uses = (vtep: Vtep, replicator: string | null) =>
  until(`${vtep.host.name} uses ${replicator}`, async () => {
    const { assistedReplication } = await networkOf(vtep)
    return assistedReplication?.replicator === replicator
  })

const reaches = (vtep: Vtep, ...addresses: readonly string[]) =>
  until(`${vtep.host.name} floods to ${addresses.join(' ')}`, async () => {
    const { vteps } = await networkOf(vtep)
    return [...vteps].sort().join() === [...addresses].sort().join()
  })

/** How many outer packets with broadcasts leave a host, by VTEP. */
async function copies(from: Host, during: () => Promise<void>): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  const source = `${inside} and (src host ${from.vtep4})`
  for (const line of await counted(from, 'eth0', source, during)) {
    const vtep = / > ([\d.]+)\.4789: /.exec(line)?.[1] ?? line
    found[vtep] = (found[vtep] ?? 0) + 1
  }
  return found
}

/** A second address of the host, in the underlay. */
async function replicatorAddress(spine: Host, host: Host): Promise<string> {
  const address = `10.255.9.${host.number}`
  await host.ip(`addr add ${address}/32 dev lo`)
  await spine.ip(`route add ${address}/32 via 172.31.${host.number}.1`)
  return address
}

async function broadcast(from: Tenant, name: string, count: number): Promise<number> {
  const sender = await BroadcastSender.start(from, name, BROADCAST)
  await until(`${count} broadcasts`, () => sender.sent >= count, { everySeconds: 0.02 })
  await sender.stop()
  return sender.sent
}

/** Numbers that a listener got twice, and that it did not get. */
function faults(listener: BroadcastListener, sender: string, sent: number) {
  const counts = listener.counts(sender)
  const all = Array.from({ length: sent }, (_, i) => i + 1)
  return {
    lost: all.filter((number) => !counts.has(number)),
    twice: all.filter((number) => (counts.get(number) ?? 0) > 1),
  }
}

/** All of a sender's came once; those of `gap` may be lost. */
async function once(
  t: Test,
  listeners: readonly BroadcastListener[],
  { name, sent }: { readonly name: string; readonly sent: number },
  gap: readonly [number, number] = [1, 0],
): Promise<void> {
  const missed = (listener: BroadcastListener): readonly number[] =>
    faults(listener, name, sent).lost.filter((number) => number < gap[0] || number > gap[1])
  await until('all have come', () => listeners.every((listener) => missed(listener).length === 0), {
    seconds: 3,
  }).catch(() => undefined)
  // Those that come a second time have time to.
  await sleep(0.2)
  for (const listener of listeners) {
    const { twice } = faults(listener, name, sent)
    const beyond = missed(listener)
    t.same({ beyond, twice }, { beyond: [], twice: [] }, `${listener.name} of ${sent} from ${name}`)
  }
}

test('each broadcast leaves a leaf once and reaches everybody once', {
  skip: missing('vtysh', 'bgpd', 'tcpdump'),
}, async (t) => {
  const { spine, hosts } = await routedFabric(t, { hosts: 4 })
  const [h1, h2, h3, h4] = hosts as [Host, Host, Host, Host]
  const arIp = await replicatorAddress(spine, h2)
  // FRR takes a replicator's route for malformed, and ends the session.
  const config = reflector(
    spine,
    asn,
    hosts.map((host) => ({ address: host.vtep4, asn })),
  )
  const withheld = [{ accept: false, pmsiTunnels: ['assistedReplication'] }]
  await startVtep(spine, {
    ...config,
    bgp: {
      ...config.bgp,
      neighbors: config.bgp!.neighbors!.map((one) =>
        one['address'] === h4.vtep4 ? { ...one, filterOut: withheld } : one,
      ),
    },
  })
  const peers = [{ address: spine.vtep4, asn }]
  const tenants: Tenant[] = []
  for (const [i, host] of [h1, h2, h3].entries()) {
    tenants.push(await host.tenant(`vm${i + 1}`, tenantOptions(i + 1)))
  }
  const kernel = await h4.kernelVtep(vni)
  tenants.push(await h4.tenant('vm4', { ...tenantOptions(4), bridge: kernel.bridge }))
  const [vm1, vm2, vm3, vm4] = tenants as [Tenant, Tenant, Tenant, Tenant]
  await startFrr(h4, { asn, peers })
  const settings = [
    { assistedReplication: { role: 'leaf', activationSeconds: 1 } },
    { assistedReplication: { role: 'replicator' } },
    {},
  ]
  const vteps: Vtep[] = []
  for (const [i, host] of [h1, h2, h3].entries()) {
    const own = leaf(host, { peers, ports: [`vm${i + 1}`], more: settings[i]! })
    const second = i === 1 ? { replicatorAddress: arIp } : {}
    vteps.push(await startVtep(host, { ...own, vtep: { ...own.vtep, ...second } }))
  }
  const [v1, v2, v3] = vteps as [Vtep, Vtep, Vtep]
  await uses(v1, arIp)
  await reaches(v1, h2.vtep4, h3.vtep4, h4.vtep4, arIp)
  await reaches(v2, h1.vtep4, h3.vtep4, h4.vtep4)
  await reaches(v3, h1.vtep4, h2.vtep4, h4.vtep4, arIp)
  const listeners = await Promise.all(tenants.map((tenant) => BroadcastListener.start(tenant)))
  const but = (tenant: Tenant) => listeners.filter(({ name }) => name !== tenant.name)

  let sent = 0
  const left = await copies(h1, async () => {
    sent = await broadcast(vm1, 'first', 20)
  })
  t.same(left, { [arIp]: sent }, 'the leaf sends each of them once')
  await once(t, but(vm1), { name: 'first', sent })
  for (const [from, name] of [
    [vm2, 'second'],
    [vm3, 'third'],
    [vm4, 'fourth'],
  ] as const) {
    await once(t, but(from), { name, sent: await broadcast(from, name, 20) })
  }
  t.match(await v1.read('networks'), [{ name: network, assistedReplication: { replicator: arIp } }])
  t.match((await v1.cli('networks')).stdout, arIp, 'and says by whom')

  // Unicast goes its own way.
  await vm1.exec(['ping', '-c', '1', '-W', '2', ipOf(4)])
  await v1.learned(macOf(4), { dst: h4.vtep4 })

  // The replicator's packet path dies, comes back by itself, and is used again when it has had its time.
  const sender = await BroadcastSender.start(vm1, 'long', BROADCAST)
  await until('some are sent', () => sender.sent > 20)
  const dead = await packetPathOf(v2)
  const before = sender.sent
  process.kill(dead, 'SIGKILL')
  await uses(v1, null)
  const after = sender.sent
  await uses(v1, arIp)
  await until('some more are sent', () => sender.sent > after + 150)
  await sender.stop()
  // While it is dead its own tenant gets nothing.
  const others = but(vm1).filter(({ name }) => name !== vm2.name)
  await once(t, others, { name: 'long', sent: sender.sent }, [before - 1, after + 1])
  const { twice } = faults(but(vm1).find(({ name }) => name === vm2.name)!, 'long', sender.sent)
  t.same(twice, [])
  t.ok(after - before < 100, `${after - before} broadcasts until the leaf replicates itself`)
})

/** The process beside the controller. */
async function packetPathOf(vtep: Vtep): Promise<number> {
  const pids = (await run(['ip', 'netns', 'pids', vtep.host.netns])).trim().split('\n').map(Number)
  for (const pid of pids) {
    const command = await run(['cat', `/proc/${pid}/cmdline`])
    if (pid !== vtep.service.pid && command.includes('dataplane')) return pid
  }
  throw new Error(`${vtep.host.name}: no dataplane among ${pids.join(' ')}`)
}
