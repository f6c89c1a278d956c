// Daemons of a fabric with real tenants: what comes and goes at run time, and what the health list says of it.

import t from 'tap'
import type { EventView, PortView, StatusView } from '../../src/host/views/index.js'
import { missing, reaches, routedFabric, startVtep, tcp, until, Vtep } from '../lab/index.js'

t.setTimeout(220_000)

const ip = (n: number): string => `192.168.100.${n}`
const tenant = (n: number) => ({ ip4: `${ip(n)}/24`, mac: `02:00:00:00:00:0${n}` })

t.test(
  'two hosts and a reflector; tenants that come, go and come back',
  { skip: missing('fping', 'iperf3') },
  async (t) => {
    const { spine, hosts } = await routedFabric(t, { hosts: 2 })
    const [h1, h2] = [hosts[0]!, hosts[1]!]
    const reflector = await startVtep(spine, {
      asn: 65000,
      vtep: { address: spine.vtep4 },
      bgp: {
        listen: {},
        // Who connects from here is a client: nobody has to be named.
        neighbors: [{ range: '10.255.0.0/24', asn: 'internal', routeReflectorClient: true }],
      },
    })
    const config = (address: string, ports: readonly object[]) => ({
      asn: 65000,
      vtep: { address },
      bgp: { neighbors: [{ address: spine.vtep4, asn: 65000 }] },
      networks: [{ name: 'blue', vni: 10100, ports: ports as Readonly<Record<string, unknown>>[] }],
    })
    const vm1 = await h1.tenant('vm1', tenant(1))
    const v1 = await startVtep(
      h1,
      config(h1.vtep4, [{ name: 'vm1' }, { name: 'late', wait: true }]),
    )
    const v2 = await startVtep(
      h2,
      config(h2.vtep4, [{ name: 'tap1', kind: 'tap', mac: '02:00:00:00:00:02' }]),
    )
    const vm2 = await h2.tapTenant('vm2', 'tap1', { ip4: `${ip(2)}/24` })
    t.equal(await vm2.mac(), '02:00:00:00:00:02', "the MAC of a tap port is the tenant's")
    await v1.established()
    await v2.established()
    await reaches(vm1, ip(2))
    t.ok((await tcp(vm1, vm2, ip(2))).bitsPerSecond > 50e6, 'TCP')
    t.match(await reflector.peers(), [
      { peer: h1.vtep4, asn: 65000, state: 'Established' },
      { peer: h2.vtep4, asn: 65000, state: 'Established' },
    ])

    const health = async (vtep: Vtep): Promise<string[]> =>
      (await vtep.read<StatusView>('status')).health.map(({ code }) => code)
    const port = async (name: string): Promise<PortView | undefined> =>
      (await v1.read<PortView[]>('ports')).find(({ ifname }) => ifname === name)
    const kinds = async (): Promise<string[]> =>
      (await v1.read<EventView[]>('events')).map(({ kind }) => kind)
    t.same(await health(v1), ['portMissing'], 'the port that may come later')
    t.match(await port('late'), { state: 'missing', text: /no such interface|late/ })

    const late = await h1.tenant('late', tenant(3))
    await until('it came', async () => (await port('late'))?.state === 'up')
    await reaches(late, ip(2))
    t.same(await health(v1), [])
    t.ok((await kinds()).includes('portOpened'))

    // The VM behind vm1 is destroyed, with its interface; then another one is started under the same name.
    await h1.ip('link del vm1')
    await until('it is missed', async () => (await port('vm1'))?.state === 'missing')
    t.same(await health(v1), ['portMissing'])
    await v2.forgot('02:00:00:00:00:01')
    const again = await h1.ip(
      'link add vm1 type veth peer name vm1p',
      `link set vm1p name eth0 netns ${vm1.netns}`,
      'link set vm1 up',
    )
    t.equal(again, undefined)
    await vm1.ip('link set eth0 address 02:00:00:00:00:01 up', `addr add ${ip(1)}/24 dev eth0`)
    await until('it is open again', async () => (await port('vm1'))?.state === 'up')
    await reaches(vm1, ip(2))

    // Carrier.
    await late.ip('link set eth0 down')
    await until('no carrier is told', async () => (await health(v1)).includes('portDown'))
    await late.ip('link set eth0 up')
    await until('and that it is back', async () => (await health(v1)).length === 0)

    // A tenant with frames that the underlay can not carry.
    await h1.ip('link set vm1 mtu 9000')
    const text = await until(
      'the MTU is told',
      async () =>
        (await v1.read<StatusView>('status')).health.find(({ code }) => code === 'mtu')?.text,
    )
    t.match(
      text,
      /port vm1 has MTU 9000, which needs 9050 on the way to 10\.255\.0\.2, and that carries 1600: expected an underlay MTU of 9050 or a port MTU of 1550/,
    )
    await h1.ip('link set vm1 mtu 1500')

    // The underlay of h2 goes away.
    await spine.ip(`route del ${h2.vtep4}/32`)
    const row = await until('it is unresolved', async () =>
      (
        await v1.read<{ dst: string; resolved: boolean; via: string; ifname: string }[]>('vteps')
      ).find(({ dst }) => dst === h2.vtep4),
    )
    t.match(
      row,
      { resolved: true, via: '172.31.1.0', ifname: 'eth0' },
      'the way begins at the spine, which is there',
    )
    await h1.ip('route del default via 172.31.1.0')
    await until('no way at all', async () => (await health(v1)).includes('vtepUnresolved'))
    await h1.ip('route add default via 172.31.1.0')
    await spine.ip(`route add ${h2.vtep4}/32 via 172.31.2.1`)
    await until('it is back', async () => !(await health(v1)).includes('vtepUnresolved'))
    await reaches(vm1, ip(2), 30)
    await v2.stop()
    await v1.forgot('02:00:00:00:00:02')
    await v1.stop()
    await reflector.stop()
  },
)

t.test('an interface that is not there', { skip: missing() }, async (t) => {
  const { hosts } = await routedFabric(t, { hosts: 1 })
  const h1 = hosts[0]!
  const vtep = new Vtep(h1)
  const networks = [{ name: 'blue', vni: 10100, ports: [{ name: 'nosuch0' }, { name: 'nosuch1' }] }]
  vtep.configure({ asn: 65000, vtep: { address: h1.vtep4 }, networks })
  const service = vtep.launch()
  await service.ended()
  t.equal(service.status, 'status 1')
  const lines = service.log().trimEnd().split('\n')
  t.equal(lines.length, 2, service.log())
  t.match(lines[0], /^vtep: port nosuch0 of network blue: .*nosuch0/)
  t.match(lines[1], /^vtep: port nosuch1 of network blue: .*nosuch1/)
})

t.test('several instances on one host', { skip: missing() }, async (t) => {
  const { hosts } = await routedFabric(t, { hosts: 1 })
  const h1 = hosts[0]!
  await h1.ip('addr add 10.255.1.1/32 dev lo')
  const one = await startVtep(h1, { asn: 65000, vtep: { address: h1.vtep4 } }, { name: 'one' })
  const two = await startVtep(h1, { asn: 65001, vtep: { address: '10.255.1.1' } }, { name: 'two' })
  t.match(await one.read('status'), { asn: 65000, vtep: h1.vtep4 })
  t.match(await two.read('status'), { asn: 65001, vtep: '10.255.1.1' })
  await one.stop()
  t.match(await two.read('status'), { asn: 65001 })
  await two.stop()
})
