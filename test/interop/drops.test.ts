// Every lost frame has a name: strangers' packets and tenants' nonsense, counted under the reason that fits.

import { test } from 'tap'
import {
  missing,
  reaches,
  routedFabric,
  sendFrames,
  sendUdp,
  startVtep,
  until,
} from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

interface DropRow {
  readonly reason: string
  readonly text: string
  readonly count: number
}

const octets = (mac: string): number[] => mac.split(':').map((part) => Number.parseInt(part, 16))
const frame = (destination: string, source: string): number[] => [
  ...octets(destination),
  ...octets(source),
  0x88,
  0xb5,
  ...Array<number>(46).fill(0),
]
const vxlan = (flags: number, id: number, inner: readonly number[]): number[] => [
  flags,
  0,
  0,
  0,
  id >> 16,
  (id >> 8) & 0xff,
  id & 0xff,
  0,
  ...inner,
]
const good = frame(macOf(1), macOf(2))

/** Sent to our VTEP address by a VTEP that we know. */
const fromKnown: readonly (readonly [string, readonly number[]])[] = [
  ['vxlan_flags', vxlan(0x00, vni, good)],
  ['unknown_vni', vxlan(0x08, 4242, good)],
  ['too_short', vxlan(0x08, vni, good.slice(0, 10))],
  ['split_horizon', vxlan(0x08, vni, frame(macOf(9), macOf(2)))],
]

/** Sent by our tenant. */
const fromTenant: readonly (readonly [string, readonly number[]])[] = [
  ['source_multicast', frame(macOf(2), '01:00:5e:00:00:01')],
  ['reserved_group', frame('01:80:c2:00:00:02', macOf(1))],
  ['same_port', frame(macOf(1), macOf(1))],
]

for (const uplink of ['udp', 'raw']) {
  test(`drops have names, uplink ${uplink}`, { skip: missing('python3') }, async (t) => {
    const { hosts } = await routedFabric(t, { hosts: 3 })
    const [h1, h2, stranger] = [hosts[0]!, hosts[1]!, hosts[2]!]
    const vm1 = await h1.tenant('vm1', tenantOptions(1))
    const kernel = await h2.kernelVtep(vni)
    await kernel.addRemote(h1.vtep4)
    const vm2 = await h2.tenant('vm2', { ...tenantOptions(2), bridge: kernel.bridge })
    const vtep = await startVtep(
      h1,
      leaf(h1, {
        uplink,
        ports: ['vm1'],
        // MAC 9 is behind h2, so h2 has no business sending us frames for it.
        remotes: [{ address: h2.vtep4, macs: [macOf(2), macOf(9)] }],
      }),
    )
    await reaches(vm1, ipOf(2))
    t.equal(vm2.host, h2)

    const counts = async (): Promise<Map<string, number>> =>
      new Map((await vtep.read<DropRow[]>('drops')).map(({ reason, count }) => [reason, count]))
    const grows = async (reason: string, act: () => Promise<void>): Promise<void> => {
      const before = (await counts()).get(reason) ?? 0
      await act()
      await until(
        `${reason} is counted`,
        async () => ((await counts()).get(reason) ?? 0) >= before + 3,
        { seconds: 5 },
      )
      t.pass(reason)
    }
    const target = { address: h1.vtep4, udpPort: 4789 }
    for (const [reason, bytes] of fromKnown) {
      await grows(reason, () => sendUdp(h2, { ...target, source: h2.vtep4 }, [bytes, bytes, bytes]))
    }
    const legal = vxlan(0x08, vni, good)
    await grows('unknown_vtep', () =>
      sendUdp(stranger, { ...target, source: stranger.vtep4 }, [legal, legal, legal]),
    )
    for (const [reason, bytes] of fromTenant) {
      await grows(reason, () => sendFrames(vm1, 'eth0', [bytes, bytes, bytes]))
    }
    const rows = await vtep.read<DropRow[]>('drops')
    t.ok(
      rows.every((row) => row.text.length > 10),
      'each with a sentence',
    )
    await reaches(vm1, ipOf(2))
  })
}
