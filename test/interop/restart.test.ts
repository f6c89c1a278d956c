// The controller dies at any moment; the dataplane goes on without losing a frame, and the next controller takes it over.

import { test } from 'tap'
import {
  type Host,
  missing,
  reaches,
  routedFabric,
  run,
  sleep,
  startVtep,
  type Tenant,
  until,
  type Vtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

interface Rig {
  readonly h1: Host
  readonly h2: Host
  readonly v1: Vtep
  readonly v2: Vtep
  readonly vm1: Tenant
  readonly vm2: Tenant
}

/** EVPN between both. h2 knows h1's tenant from its configuration, too, so that only h1 is tested and not h2's view of a lost session. */
async function rig(t: { teardown(handler: () => Promise<void>): void }): Promise<Rig> {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await h1.tenant('vm1', tenantOptions(1))
  const vm2 = await h2.tenant('vm2', tenantOptions(2))
  const v1 = await startVtep(
    h1,
    leaf(h1, { peers: [{ address: h2.vtep4, asn: 65000 }], ports: ['vm1'] }),
  )
  const v2 = await startVtep(
    h2,
    leaf(h2, {
      peers: [{ address: h1.vtep4, asn: 65000 }],
      ports: ['vm2'],
      remotes: [{ address: h1.vtep4, macs: [macOf(1)] }],
    }),
  )
  await v1.established()
  await reaches(vm1, ipOf(2))
  await v1.learned(macOf(2), { kind: 'remote' })
  return { h1, h2, v1, v2, vm1, vm2 }
}

/** kill -9, a while without a controller, a new one. */
async function replaceController(vtep: Vtep): Promise<void> {
  await sleep(1)
  vtep.service.signal('SIGKILL')
  await vtep.service.ended()
  await sleep(1)
  await vtep.run()
  await vtep.established()
}

test('kill -9 of the controller loses no frame of a ping', { skip: missing() }, async (t) => {
  const { v1, vm1 } = await rig(t)
  const pinging = vm1.start('ping', ['ping', '-n', '-i', '0.002', ipOf(2)])
  await replaceController(v1)
  await sleep(1)
  pinging.signal('SIGINT')
  await pinging.ended()
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(pinging.log()) ?? []
  t.ok(Number(sent) > 1000, `${sent} packets`)
  // The last one may still be on its way when ping is told to stop.
  t.ok(Number(sent) - Number(received) <= 1, `${received} of ${sent} came back`)
  const sequences = [...pinging.log().matchAll(/icmp_seq=(\d+)/g)].map((match) => Number(match[1]))
  t.equal(sequences.length, sequences.at(-1), 'none is missing in between')
})

test('kill -9 of the controller does not disturb TCP', { skip: missing('iperf3') }, async (t) => {
  const { v1, vm1, vm2 } = await rig(t)
  const server = vm2.start('iperf3-server', ['iperf3', '-s', '-1'])
  await until(
    'iperf3 listens',
    async () => (await vm2.exec(['ss', '-Hltn', 'sport = :5201'])) !== '',
  )
  const client = vm1.start('iperf3', ['iperf3', '-J', '-c', ipOf(2), '-t', '6', '-i', '0.5'])
  await replaceController(v1)
  await client.ended({ seconds: 20 })
  await server.ended()
  interface Report {
    intervals: { sum: { bits_per_second: number } }[]
  }
  const rates = (JSON.parse(client.log()) as Report).intervals.map(({ sum }) => sum.bits_per_second)
  t.ok(rates.length >= 12)
  t.ok(
    Math.min(...rates) > 50e6,
    `half seconds, Mbit/s: ${rates.map((rate) => Math.round(rate / 1e6)).join(' ')}`,
  )
})

test('the next controller adopts, agrees and sweeps', { skip: missing() }, async (t) => {
  const { h1, h2, v1, v2, vm2 } = await rig(t)
  const before = await v1.macs()
  v1.service.signal('SIGKILL')
  await v1.service.ended()
  // Meanwhile the far tenant leaves: nobody can tell h1.
  await v2.cli('port', 'remove', 'vm2')
  await v2.forgot(macOf(2))
  await v1.run()
  t.equal((await v1.cli('status')).code, 0)
  t.match(await v1.learned(macOf(1), { kind: 'local' }), { vni, ifname: 'vm1' }, 'adopted')
  await v1.established()
  await v1.forgot(macOf(2), 30)
  t.ok(
    before.some((row) => row.mac === macOf(2)),
    'it was there',
  )

  await v2.cli('port', 'add', '--network', 'blue', '--name', 'vm2')
  await reaches(vm2, ipOf(1))
  t.match(await v1.learned(macOf(2), { kind: 'remote' }), { dst: h2.vtep4 })
  await v1.stop()
  await v2.forgot(macOf(1)).catch(() => undefined)
  t.same((await run(['ip', 'netns', 'pids', h1.netns])).trim(), '', 'SIGTERM ends both processes')
})
