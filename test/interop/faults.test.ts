// Faults as networks have them, planted one by one in three hosts: `why` and `doctor` name the cause, not its symptoms, and have
// nothing to say when all is well again.

import { type Test, test } from 'tap'
import {
  gratuitousArp,
  type Host,
  missing,
  plantHarm,
  plantStaleRow,
  reaches,
  routedFabric,
  sendUdp,
  sleep,
  startVtep,
  type Tenant,
  tcp,
  until,
  type Vtep,
  type VtepConfig,
} from '../lab/index.js'
import { ipOf, macOf, network, tenantOptions, vni } from './support.js'

interface Why {
  readonly answers: readonly {
    readonly verdict: {
      readonly code: string
      readonly severity: string
      readonly text: string
      readonly fix: string | null
    }
    readonly chain: readonly { readonly link: string; readonly status: string }[]
  }[]
}

interface Doctor {
  readonly checks: readonly {
    readonly code: string
    readonly status: string
    readonly evidence: string
    readonly fix: string | null
    readonly hiddenBy: string | null
  }[]
}

/** What is expected while a fault is there. */
interface Expected {
  /** What is asked for; default the tenant of host 2. */
  readonly ask?: string
  /** Where; default host 1. */
  readonly at?: Vtep
  readonly why: string
  /** A word of the sentence that names the place. */
  readonly says: RegExp
  readonly doctor: string
}

const targets = ['65000:10100']

test('twelve faults have their names', { skip: missing('python3', 'tc', 'iperf3') }, async (t) => {
  const { hosts, spine } = await routedFabric(t, { hosts: 3 })
  const [h1, h2, h3] = [hosts[0]!, hosts[1]!, hosts[2]!]
  const tenants: Tenant[] = []
  for (const [n, host] of hosts.entries())
    tenants.push(await host.tenant(`vm${n + 1}`, tenantOptions(n + 1)))
  const [vm1, vm2, vm3] = [tenants[0]!, tenants[1]!, tenants[2]!]

  const bfd = { transmitMilliseconds: 100, receiveMilliseconds: 100 }
  const configOf = (n: number, blue: object = {}, peers = [1, 2, 3]): VtepConfig => ({
    asn: 65000,
    routerId: hosts[n - 1]!.vtep4,
    vtep: { address: hosts[n - 1]!.vtep4 },
    duplicateDetection: { moves: 3, seconds: 60 },
    bgp: {
      listen: {},
      neighbors: peers
        .filter((peer) => peer !== n)
        .map((peer) => ({
          address: hosts[peer - 1]!.vtep4,
          asn: 65000,
          families: ['evpn'],
          bfd,
          // Else a route that is announced under another target is never sent, and nobody can tell what is wrong with it.
          routeTargetConstraint: false,
        })),
    },
    networks: [
      {
        name: network,
        vni,
        routeTargets: { import: targets, export: targets },
        ports: [{ name: `vm${n}` }],
        ...blue,
      },
    ],
  })
  const vteps: Vtep[] = []
  for (const [index, host] of hosts.entries())
    vteps.push(await startVtep(host, configOf(index + 1)))
  const [v1, v3] = [vteps[0]!, vteps[2]!]
  const reconfigure = (n: number, config: VtepConfig): void => {
    vteps[n - 1]!.configure(config)
    vteps[n - 1]!.service.signal('SIGHUP')
  }

  const why = async (address: string, at = v1) => {
    const { answers } = await at.request<Why>('GET', `/v1/why?address=${address}`)
    return answers[0]!
  }
  const doctor = async (at = v1) => (await at.request<Doctor>('GET', '/v1/doctor')).checks
  const wrong = async (at = v1) =>
    (await doctor(at)).filter(
      ({ status, hiddenBy }) => status !== 'ok' && status !== 'skipped' && hiddenBy === null,
    )

  const stateOf = async ({ vtep4 }: Host) =>
    (await v1.peers()).find(({ peer }) => peer === vtep4)?.state
  /** BFD that has never been up can not go down. */
  const bfdUp = () =>
    until('BFD is up', async () =>
      (await v1.read<{ bfd: string }[]>('peers')).every((peer) => peer.bfd === 'up'),
    )

  const isWell = async (seconds = 20): Promise<void> => {
    await Promise.all(vteps.map((vtep) => vtep.established(undefined, seconds)))
    await reaches(vm1, ipOf(2), seconds)
    await until('why says that all is well', async () => {
      const { verdict } = await why(macOf(2))
      if (verdict.code !== 'reachable' && verdict.code !== 'bfdFlapping')
        throw new Error(JSON.stringify(verdict))
      return true
    })
  }
  await reaches(vm1, ipOf(3), 20)
  await isWell()
  t.same(await wrong(), [], 'nothing to find')

  const names = async (t: Test, expected: Expected): Promise<void> => {
    const { at = v1, ask = macOf(2), why: code, says, doctor: check } = expected
    const { verdict, chain } = await until(`why ${ask}: ${code}`, async () => {
      const answer = await why(ask, at)
      if (answer.verdict.code !== code) throw new Error(JSON.stringify(answer.verdict))
      return answer
    })
    t.match(verdict.text, says)
    t.ok((verdict.fix ?? '').length > 10, `what mends it: ${verdict.fix}`)
    t.ok(chain.filter(({ status }) => status === 'broken').length <= 1, 'one link is broken')
    await finds(t, check, at)
  }
  const finds = async (t: Test, check: string, at = v1): Promise<void> => {
    const finding = await until(`doctor: ${check}`, async () => {
      const findings = await wrong(at)
      const found = findings.find((one) => one.code === check)
      if (found === undefined) throw new Error(JSON.stringify(findings))
      return found
    })
    t.ok(finding.evidence.length > 10 && (finding.fix ?? '').length > 10, finding.evidence)
  }

  /** Plants it, looks, and mends it whatever was seen. */
  const fault = (
    name: string,
    plant: () => Promise<void> | void,
    look: Expected | ((t: Test) => Promise<void>),
    mend: () => Promise<void> | void,
  ) =>
    t.test(name, async (t) => {
      try {
        await plant()
        await (typeof look === 'function' ? look(t) : names(t, look))
      } finally {
        await mend()
      }
      await isWell()
    })

  await fault(
    'wrong route target',
    () => reconfigure(2, configOf(2, { routeTargets: { import: targets, export: ['65000:999'] } })),
    { why: 'routeTargetMismatch', says: /65000:999/, doctor: 'routeTargetMismatch' },
    () => reconfigure(2, configOf(2)),
  )
  await fault(
    'wrong VNI at the far end',
    () => reconfigure(2, configOf(2, { vni: 10177 })),
    { why: 'vniMismatch', says: /10177/, doctor: 'vniMismatch' },
    () => reconfigure(2, configOf(2)),
  )
  await fault(
    'an underlay that is too narrow',
    () => h1.ip('link set eth0 mtu 1400'),
    { why: 'mtuTooSmall', says: /1400/, doctor: 'mtu' },
    () => h1.ip('link set eth0 mtu 1600'),
  )
  await fault(
    'a peer that is down',
    () => reconfigure(2, configOf(2, {}, [3])),
    { why: 'peerDown', says: new RegExp(h2.vtep4), doctor: 'peerDown' },
    () => reconfigure(2, configOf(2)),
  )
  await fault(
    'an uplink without a route',
    () => h1.ip('route add blackhole 10.255.0.0/24'),
    { ask: h2.vtep4, why: 'nextHopUnresolved', says: /10\.255\.0\.2/, doctor: 'noRoute' },
    () => h1.ip('route del blackhole 10.255.0.0/24'),
  )
  await fault(
    'a row that nobody has written',
    () => undefined,
    async () => {
      await until('why sees it before the audit has repaired it', async () => {
        await plantStaleRow(v1, macOf(2), macOf(3))
        const { verdict } = await why(macOf(2))
        if (verdict.code !== 'controllerDataplaneDiffer') throw new Error(verdict.text)
        return verdict.text.includes(h3.vtep4)
      })
      await until('doctor sees it, too', async () => {
        await plantStaleRow(v1, macOf(2), macOf(3))
        return (await wrong()).some(({ code }) => code === 'tablesDiffer')
      })
    },
    () => undefined,
  )
  const octets = (mac: string): number[] => mac.split(':').map((part) => Number.parseInt(part, 16))
  const header = [8, 0, 0, 0, vni >> 16, (vni >> 8) & 0xff, vni & 0xff, 0]
  const macs = [...octets(macOf(1)), ...octets(macOf(9))]
  const packet = [...header, ...macs, 0x88, 0xb5, ...Array<number>(46).fill(0)]
  let stranger: NodeJS.Timeout | undefined
  t.teardown(() => clearInterval(stranger))
  await fault(
    'a VTEP that nobody has announced',
    () => {
      const to = { address: h1.vtep4, udpPort: 4789, source: spine.vtep4 }
      stranger = setInterval(() => void sendUdp(spine, to, [packet]).catch(() => undefined), 200)
    },
    { ask: spine.vtep4, why: 'unknownVtep', says: /10\.255\.0\.254/, doctor: 'unknownVtep' },
    () => clearInterval(stranger),
  )
  await fault(
    'a dead host that is still announced',
    () => reconfigure(1, configOf(1, { remotes: [{ address: '10.255.0.77', macs: [macOf(7)] }] })),
    { ask: macOf(7), why: 'vtepSilent', says: /10\.255\.0\.77/, doctor: 'vtepSilent' },
    () => reconfigure(1, configOf(1)),
  )
  let heal = async (): Promise<void> => undefined
  await fault(
    'a broken offload',
    async () => {
      heal = await plantHarm(spine, h1.name, 'every super-frame')
      await tcp(vm1, vm2, ipOf(2), { seconds: 4 }).catch(() => undefined)
    },
    (t) => finds(t, 'offloadOff'),
    () => heal(),
  )
  const [twin, address] = [macOf(0x55), '192.168.100.55']
  const turns = [await gratuitousArp(vm2, twin, address), await gratuitousArp(vm3, twin, address)]
  await fault(
    'one MAC at two hosts',
    async () => {
      for (let n = 0; n < 6; n++) {
        await turns[n % 2]!()
        await sleep(0.2)
      }
    },
    { at: v3, ask: twin, why: 'duplicateMac', says: /10\.255\.0\.2/, doctor: 'duplicateMac' },
    () => undefined,
  )
  await fault(
    'a MAC that is frozen though the other host has gone',
    () => vm2.ip('link set eth0 down'),
    { at: v3, ask: twin, why: 'macFrozen', says: /frozen/, doctor: 'duplicateMac' },
    async () => {
      await v3.cli('duplicate', 'clear', twin)
      await vm2.ip('link set eth0 up')
    },
  )
  await fault(
    'BFD that flaps',
    async () => {
      for (let n = 0; n < 2; n++) {
        await bfdUp()
        heal = await plantHarm(spine, h2.name, 'everything')
        await until('BFD is down', async () => (await stateOf(h2)) !== 'Established')
        await heal()
        heal = async () => undefined
        await v1.established(h2.vtep4)
      }
    },
    // The uplink without a route was one more, where that took longer than BFD waits.
    { why: 'bfdFlapping', says: /went down ([2-9]|\d\d) times/, doctor: 'bfdFlapping' },
    () => heal(),
  )
})
