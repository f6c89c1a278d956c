// `why` and `doctor` of real daemons in namespaces: what breaks in the underlay and at the far end is named, with its cause.

import t from 'tap'
import type { DoctorView, WhyAnswer, WhyView } from '../../src/host/views/index.js'
import { missing, reaches, routedFabric, startVtep, until, type Vtep } from '../lab/index.js'

t.setTimeout(120_000)

const MAC = '02:00:00:00:00:02'
const IP = '192.168.100.2'

t.test('a host behind a spine', { skip: missing('fping') }, async (t) => {
  const { spine, hosts } = await routedFabric(t, { hosts: 2 })
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const reflector = await startVtep(spine, {
    asn: 65000,
    vtep: { address: spine.vtep4 },
    bgp: {
      listen: {},
      neighbors: [{ range: '10.255.0.0/24', asn: 'internal', routeReflectorClient: true }],
    },
  })
  const config = (address: string, port: string) => ({
    asn: 65000,
    vtep: { address },
    bgp: { neighbors: [{ address: spine.vtep4, asn: 65000 }] },
    networks: [{ name: 'blue', vni: 10100, ports: [{ name: port }] }],
  })
  const vm1 = await h1.tenant('vm1', { ip4: '192.168.100.1/24', mac: '02:00:00:00:00:01' })
  const vm2 = await h2.tenant('vm2', { ip4: `${IP}/24`, mac: MAC })
  const v1 = await startVtep(h1, config(h1.vtep4, 'vm1'))
  const v2 = await startVtep(h2, config(h2.vtep4, 'vm2'))
  await v1.established()
  await v2.established()
  await reaches(vm1, IP)

  const why = async (vtep: Vtep, address: string): Promise<WhyAnswer> => {
    const { answers } = await vtep.request<WhyView>('GET', `/v1/why?address=${address}`)
    t.equal(answers.length, 1, JSON.stringify(answers))
    return answers[0]!
  }
  const doctor = (vtep: Vtep): Promise<DoctorView> => vtep.request('GET', '/v1/doctor')
  const found = ({ checks }: DoctorView): string[] =>
    checks
      .filter(({ status, hiddenBy }) => ['warning', 'error'].includes(status) && hiddenBy === null)
      .map(({ code }) => code)

  const here = await v1.cli('why', IP)
  t.equal(here.code, 0, here.stderr)
  t.match(here.stdout, /^192\.168\.100\.2 in blue \(VNI 10100\): 02:00:00:00:00:02\n/)
  t.match(here.stdout, /\n {2}✔ route .* from 10\.255\.0\.254 at 20\d\d-.*, next hop 10\.255\.0\.2/)
  t.match(here.stdout, /\n {2}✔ alive .* 10\.255\.0\.2 answers in \d+\.\d\d ms \(icmp\)/)
  t.match(here.stdout, /\n {2}✔ mtu .* fit into 1600, measured to 10\.255\.0\.2/)
  t.match(here.stdout, /\n✔ reachable: /)
  t.match((await why(v2, MAC)).verdict, { code: 'local', severity: 'ok' })
  const well = await v1.cli('doctor', '--all')
  t.equal(well.code, 0, well.stdout + well.stderr)
  t.match(well.stdout, /✔ Every VTEP gives a sign of life: 1 VTEP, round trip/)
  t.match(well.stdout, /all is well, \d+ checks well/)

  // A link behind the first one carries less: nothing on this host knows.
  await spine.ip('link set h2 mtu 1400')
  const narrow = await why(v1, IP)
  t.match(narrow.verdict, { code: 'mtuTooSmall', severity: 'error' })
  t.match(narrow.verdict.text, /the way to 10\.255\.0\.2 only 1400 \(measured by echo\)/)
  t.same(found(await doctor(v1)), ['pathMtu'])
  await spine.ip('link set h2 mtu 1600')

  // The far host is dead, and the reflector does not know yet.
  await spine.ip(`route replace blackhole ${h2.vtep4}/32`)
  const dead = await why(v1, MAC)
  t.match(dead.verdict, { code: 'vtepSilent', severity: 'error' })
  t.match(
    dead.verdict.text,
    /VTEP 10\.255\.0\.2 is announced by 10\.255\.0\.254 and gives no sign of life/,
  )
  t.same(found(await doctor(v1)), ['vtepSilent'])
  const bad = await v1.cli('doctor')
  t.equal(bad.code, 1)
  t.match(bad.stdout, /✘ vtepSilent: VTEP 10\.255\.0\.2 .*\n {6}ping 10\.255\.0\.2/)
  await spine.ip(`route replace ${h2.vtep4}/32 via 172.31.2.1`)

  // An uplink without a route.
  await h1.ip('route del default via 172.31.1.0')
  const lost = await until('the dataplane has heard', async () => {
    const answer = await why(v1, MAC)
    return answer.verdict.code === 'nextHopUnresolved' ? answer : undefined
  })
  t.match(lost.verdict.fix, /ip route get 10\.255\.0\.2/)
  const routeless = await doctor(v1)
  t.same(found(routeless), ['noRoute'])
  t.ok(
    routeless.checks.some(({ hiddenBy }) => hiddenBy === 'noRoute'),
    'symptoms are hidden',
  )
  const failed = await v1.cli('why', MAC)
  t.equal(failed.code, 1)
  t.match(
    failed.stdout,
    /\n {2}✘ nextHop .*\n {2}· alive {6}not looked at\n {2}· mtu {8}not looked at\n✘ nextHopUnresolved/,
  )
  await h1.ip('route add default via 172.31.1.0')
  await until('it is back', async () => (await why(v1, MAC)).verdict.code === 'reachable')

  // Usage.
  const odd = await v1.cli('why', 'nonsense')
  t.equal(odd.code, 1)
  t.match(odd.stderr, /^vtep: address: expected a MAC or IP address, got "nonsense"/)
  t.equal((await v1.cli('why')).code, 2)
  t.ok(vm2)
  for (const one of [v1, v2, reflector]) await one.stop()
})
