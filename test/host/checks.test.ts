// Every check that can fail does, with what mends it, in a host of real machines; a cause hides its symptoms.

import fc from 'fast-check'
import t from 'tap'
import { checks, examine, health, type Machine } from '../../src/host/checks/index.js'
import type { Life, Probe } from '../../src/host/probe/index.js'
import { pathMtu } from '../../src/host/probe/path-mtu.js'
import { Recent } from '../../src/host/recent.js'
import type { DoctorCheck, DoctorView } from '../../src/host/views/index.js'
import { ZERO_ESI } from '../../src/net/index.js'
import { Site, type SiteOptions, settle } from './site.js'
import { Wire } from './wire.js'

const [A, B] = ['10.0.0.1', '10.0.0.2']
const MAC = '02:00:00:00:00:02'
const usual: SiteOptions = { networks: [{ name: 'blue', vni: 10100, ports: [{ name: 'p1' }] }] }

/** A machine on which all is as it should be. */
const wellMachine: Machine = {
  setting: (name) => (name.startsWith('net.core') ? '16777216' : '0'),
  capabilities: () => 0xffff_ffff_ffffn,
  memoryLock: () => Number.POSITIVE_INFINITY,
  devices: async () => [],
  routeTo: async () => ({ dev: 'eth7' }),
  ethtool: async () => undefined,
}

const lively: Probe = {
  lives: async () => ({ sign: 'icmp', milliseconds: 0.5 }),
  carries: async () => true,
  pathMtu: async (_vtep, most) => most,
}

const eth7 = {
  ifname: 'eth7',
  flags: ['BROADCAST', 'UP', 'LOWER_UP'],
  mtu: 1600,
  addr_info: [],
}
/** Interfaces that the dataplane sends to VTEPs by. */
function leadsBy(site: Site, ...indexes: readonly number[]): void {
  site.dataplane.underlays = indexes.map((ifindex) => ({ ifindex, flags: 0 }))
}

async function pair(ofA: Partial<SiteOptions> = {}, ofB: Partial<SiteOptions> = {}) {
  const wire = new Wire()
  const sites: Site[] = []
  const a = new Site(wire, sites, { ...usual, ...ofA }, [B])
  const b = new Site(wire, sites, { ...usual, ...ofB }, [A])
  for (const site of sites) {
    const address = site === a ? B : A
    const way = { nextHop: '172.31.0.1', nextHopMac: '02:00:00:00:ff:01', ifindex: 7, mtu: 1600 }
    site.dataplane.remotes = [{ address, resolved: true, ...way }]
    await site.start()
  }
  b.dataplane.model.snoop(b.port('p1'), MAC, '10.1.0.2')
  await settle(wire, sites)
  return { wire, a, b, settle: () => settle(wire, sites) }
}

function doctor(site: Site, around: { machine?: Partial<Machine>; probe?: Partial<Probe> } = {}) {
  const { source, path } = site
  const machine = { ...wellMachine, ...around.machine }
  const probe = { ...lively, ...around.probe }
  const { signal } = new AbortController()
  return examine({ source, path, probe, machine, signal }, Date.UTC(2026, 0, 1))
}

const isFinding = ({ status }: DoctorCheck): boolean => status === 'warning' || status === 'error'
/** What is found and not hidden. */
const found = ({ checks: rows }: DoctorView): string[] =>
  rows.filter((row) => isFinding(row) && row.hiddenBy === null).map(({ code }) => code)
const hidden = ({ checks: rows }: DoctorView): string[] =>
  rows
    .filter(({ hiddenBy }) => hiddenBy !== null)
    .map(({ code, hiddenBy }) => `${code} < ${hiddenBy}`)
const row = ({ checks: rows }: DoctorView, code: string): DoctorCheck | undefined =>
  rows.find((one) => one.code === code)

t.test('codes are unique, and what is hidden is there', async (t) => {
  const codes = checks.map(({ code }) => code)
  t.equal(new Set(codes).size, codes.length)
  for (const { code, hides = [] } of checks)
    for (const symptom of hides)
      t.ok(symptom === '*' || codes.includes(symptom), `${code} ${symptom}`)
})

t.test('all is well', async (t) => {
  const { a } = await pair()
  const view = await doctor(a)
  t.same(found(view), [])
  t.ok(view.ok)
  t.same(
    view.checks.map(({ code }) => code),
    checks.map(({ code }) => code),
    'a row for each',
  )
  t.match(row(view, 'vtepSilent')?.evidence, '1 VTEP, round trip 0.50 to 0.50 ms')
  t.match(row(view, 'pathMtu')?.evidence, '1550 reach 1 VTEP')
  t.same(health(a.source), [])
})

t.test('what is found, and how it is mended', async (t) => {
  const cases: readonly {
    readonly code: string
    readonly evidence: RegExp
    readonly fix: RegExp
    readonly machine?: Partial<Machine>
    readonly probe?: Partial<Probe>
    readonly options?: Partial<SiteOptions>
    plant?(site: Site, other: Site): void
  }[] = [
    {
      code: 'vtepUnresolved',
      evidence: /VTEP 10\.0\.0\.2/,
      fix: /ip route get 10\.0\.0\.2/,
      plant: (site) => {
        site.dataplane.remotes = site.dataplane.remotes.map((one) => ({ ...one, resolved: false }))
      },
    },
    {
      code: 'noRoute',
      evidence: /no route to 10\.0\.0\.2: Network is unreachable/,
      fix: /ip route add 10\.0\.0\.2/,
      machine: { routeTo: async () => ({ reason: 'Network is unreachable' }) },
      plant: (site) => {
        site.dataplane.remotes = site.dataplane.remotes.map((one) => ({ ...one, resolved: false }))
      },
    },
    {
      code: 'vtepSilent',
      evidence: /VTEP 10\.0\.0\.2 is announced and answers neither/,
      fix: /ping 10\.0\.0\.2/,
      probe: {
        lives: async (): Promise<Life> => ({ sign: 'none' }),
        carries: async () => undefined,
      },
    },
    {
      code: 'pathMtu',
      evidence: /carries 1400, its first link 1600, and a full frame of a port needs 1550/,
      fix: /raise the MTU of every link on the way to 1550, or lower that of the ports to 1350/,
      probe: { carries: async (_vtep, bytes) => bytes <= 1400, pathMtu: async () => 1400 },
    },
    {
      code: 'mtu',
      evidence: /port p1 has MTU 9000, which needs 9050 .* carries 1600/,
      fix: /ip link set p1 mtu 1550/,
      plant: (site) => site.dataplane.mtus.set(site.port('p1'), 9000),
    },
    {
      code: 'portDown',
      evidence: /port p1 has no carrier/,
      fix: /./,
      plant: (site) => site.dataplane.model.setPort(site.port('p1'), false),
    },
    {
      code: 'tablesDiffer',
      evidence: /differs .* in 1 rows; the first: .*02:00:00:00:00:99/,
      fix: /audit/,
      plant: (site) => {
        const { macs } = site.dataplane.model.networks.get(10100)!
        macs.set('02:00:00:00:00:99', { ...macs.get(MAC)!, mac: '02:00:00:00:00:99' })
      },
    },
    {
      code: 'unknownVtep',
      evidence: /700 frames within the last minute came from a VTEP that neither/,
      fix: /vtep why ADDRESS/,
      plant: (site) => {
        site.dataplane.drops = { unknown_vtep: 700 }
      },
    },
    {
      code: 'repaired',
      evidence: /repaired 3 rows within the last ten minutes/,
      fix: /vtep events --kind repaired/,
      plant: (site) => {
        site.repairs = 3
      },
    },
    {
      code: 'overload',
      evidence: /\d+ frames per second are lost: backlog_full/,
      fix: /net\.core\.netdev_max_backlog/,
      plant: (site) => {
        setTimeout(() => {
          site.dataplane.drops = { backlog_full: 700 }
        }, 100)
      },
    },
    {
      code: 'bfdFlapping',
      evidence: /went down 2 times in 10 minutes \(nothing was heard in time\), and is up now/,
      fix: /loss on the way to 10\.0\.0\.2/,
      plant: (site) => {
        const downs = [Date.now() - 60_000, Date.now() - 1000]
        site.bfd.set(B, { state: 'up', downs, reason: 'nothing was heard in time' })
      },
    },
    {
      code: 'duplicateRouterMac',
      evidence: /router MAC 02:aa:00:00:00:01 is that of VTEPs 10\.0\.0\.8 and 10\.0\.0\.9/,
      fix: /vtep\.routerMac/,
      plant: (_site, other) => {
        for (const [i, vtep] of ['10.0.0.8', '10.0.0.9'].entries())
          other.machines.toSpeaker({
            event: 'originate',
            routes: [
              {
                family: 'evpn',
                nlri: {
                  type: 'macIp',
                  rd: `${vtep}:1`,
                  esi: ZERO_ESI,
                  ethernetTag: 0,
                  mac: `02:00:00:00:01:0${i}`,
                  label: 20000,
                },
                nextHop: vtep,
                attributes: {
                  extendedCommunities: [
                    { type: 'routeTarget', target: '65000:20000' },
                    { type: 'routerMac', mac: '02:aa:00:00:00:01' },
                  ],
                },
              },
            ],
          })
      },
    },
    {
      code: 'capabilities',
      evidence: /the controller lacks CAP_NET_RAW/,
      fix: /AmbientCapabilities=CAP_NET_RAW/,
      machine: { capabilities: () => 0n },
    },
    {
      code: 'socketBuffers',
      evidence: /net\.core\.rmem_max 212992/,
      fix: /sysctl -w net\.core\.rmem_max=4194304 net\.core\.wmem_max=4194304/,
      machine: { capabilities: () => 1n << 13n, setting: () => '212992' },
    },
    {
      code: 'learnLimit',
      evidence: /port p1 has 3 MACs and 0 IP addresses: expected fewer than 3/,
      fix: /raise dataplane\.learnLimit/,
      options: { more: { dataplane: { learnLimit: 3 } } },
      plant: (site) => {
        for (const last of [1, 2, 3])
          site.dataplane.model.frame(site.port('p1'), `02:00:00:00:0a:0${last}`)
      },
    },
    {
      code: 'uplinkDown',
      evidence: /underlay interface eth7 is down/,
      fix: /ip link set eth7 up/,
      machine: { devices: async () => [{ ...eth7, flags: ['BROADCAST'] }] },
      plant: (site) => leadsBy(site, 7),
    },
    {
      code: 'uplinkDown',
      evidence: /underlay interface eth7 has no carrier/,
      fix: /the cable and .* the other end of eth7/,
      machine: { devices: async () => [{ ...eth7, flags: ['NO-CARRIER', 'BROADCAST', 'UP'] }] },
      plant: (site) => leadsBy(site, 7),
    },
    {
      code: 'rpFilter',
      evidence: /strict on eth8, one of 2 underlay interfaces/,
      fix: /sysctl -w net\.ipv4\.conf\.eth8\.rp_filter=2/,
      machine: {
        setting: (name) =>
          name === 'net.ipv4.conf.eth8.rp_filter' ? '1' : wellMachine.setting(name),
      },
      plant: (site) => leadsBy(site, 7, 8),
    },
    {
      code: 'memoryLock',
      evidence: /the dataplane may lock 8 MiB, and an AF_XDP socket pins some 64 MiB/,
      fix: /LimitMEMLOCK=infinity/,
      options: { uplink: 'af_xdp' },
      machine: {
        memoryLock: () => 8 << 20,
        capabilities: () => 0xffff_ffff_ffffn & ~(1n << 14n),
      },
    },
    {
      code: 'queues',
      evidence: /eth7 has 1 receive queue for 4 workers/,
      fix: /ethtool -L eth7 combined 4/,
      options: { more: { dataplane: { workers: 4 } } },
      machine: { devices: async () => [{ ...eth7, num_rx_queues: 1 }] },
      plant: (site) => leadsBy(site, 7),
    },
    {
      code: 'driverTrap',
      evidence: /eth7 spreads UDP by addresses alone/,
      fix: /ethtool -N eth7 rx-flow-hash udp4 sdfn/,
      machine: {
        ethtool: async (verb) =>
          verb === '-n' ? 'UDP over IPV4 flows use these fields:\nIP SA\nIP DA\n' : undefined,
      },
      plant: (site) => leadsBy(site, 7),
    },
    {
      code: 'driverTrap',
      evidence: /eth7 is driven by ice/,
      fix: /uplink: raw/,
      options: { uplink: 'af_xdp' },
      machine: { ethtool: async (verb) => (verb === '-i' ? 'driver: ice\n' : undefined) },
      plant: (site) => leadsBy(site, 7),
    },
  ]
  const run = async (planted: (typeof cases)[number]): Promise<void> => {
    const { code, evidence, fix, machine = {}, probe = {}, options = {}, plant } = planted
    const { a, b, settle: all } = await pair(options)
    plant?.(a, b)
    await all()
    const view = await doctor(a, { machine, probe })
    t.same(found(view), [code], `${code}: ${JSON.stringify(view.checks.filter(isFinding))}`)
    const seen = view.checks.find((one) => one.code === code && isFinding(one))
    t.match(seen?.evidence, evidence, code)
    t.match(seen?.fix, fix, code)
    t.notOk(view.ok)
  }
  // Each has a host of its own, and waits.
  await Promise.all(cases.map(run))
})

t.test('thousands of findings are some, and a number', async (t) => {
  const { a, settle: all } = await pair()
  for (let host = 0; host < 40; host++)
    for (let move = 0; move < 12; move++) {
      const mac = `02:00:00:00:${move % 2 === 0 ? 'aa' : 'bb'}:${host.toString(16).padStart(2, '0')}`
      a.dataplane.model.snoop(a.port('p1'), mac, `10.1.1.${host}`)
      await all()
    }
  const rows = (await doctor(a)).checks.filter(({ code }) => code === 'duplicateIp')
  t.equal(rows.length, 33)
  t.match(rows.at(-1), { status: 'warning', evidence: 'and 8 more like these', fix: null })
  t.equal(health(a.source).filter(({ code }) => code === 'duplicateIp').length, 33)
})

t.test('of the fabric: route targets, VNIs, duplicates', async (t) => {
  const targets = { import: ['65000:999'], export: ['65000:999'] }
  const blue = { name: 'blue', vni: 10100, ports: [{ name: 'p1' }] }
  const other = await pair({}, { networks: [{ ...blue, routeTargets: targets }] })
  t.same(found(await doctor(other.a)), ['routeTargetMismatch'])
  t.match(health(other.a.source), [
    {
      code: 'routeTargetMismatch',
      text: /under 65000:999, network blue imports \*:10100; add one of them/,
    },
  ])
  const both = { import: ['65000:10100'], export: ['65000:10100'] }
  const unlike = await pair(
    { networks: [{ ...blue, routeTargets: both }] },
    { networks: [{ ...blue, vni: 10200, routeTargets: both }] },
  )
  const view = await doctor(unlike.a)
  t.same(found(view), ['vniMismatch'])
  t.match(
    row(view, 'vniMismatch')?.evidence,
    /VTEP 10\.0\.0\.2 announces VNI 10200 .* network blue, which has VNI 10100/,
  )
  const twice = await pair()
  for (let i = 0; i < 5; i++) {
    const site = i % 2 === 0 ? twice.a : twice.b
    site.dataplane.model.frame(site.port('p1'), MAC)
    await twice.settle()
  }
  t.ok(found(await doctor(twice.a)).includes('duplicateMac'))
})

t.test('a cause hides its symptoms', async (t) => {
  const more = { bgp: { gracefulRestart: { enabled: false } } }
  const { wire, a, b, settle: all } = await pair({ more }, { more })
  wire.cut(b)
  await all()
  t.same(found(await doctor(a)), ['peerDown'])
  a.dataplane.remotes = a.dataplane.remotes.map((one) => ({ ...one, resolved: false }))
  const routeTo: Machine['routeTo'] = async () => ({ reason: 'Network is unreachable' })
  const view = await doctor(a, { machine: { routeTo } })
  t.same(found(view), ['noRoute'])
  t.same(hidden(view).sort(), ['peerDown < noRoute', 'vtepUnresolved < noRoute'])
  t.same(
    health(a.source).map(({ code }) => code),
    ['vtepUnresolved'],
    'the session can not be up',
  )
  await a.path.end(false)
})

t.test('the largest packet of a path', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 68, max: 9300 }),
      fc.integer({ min: 1280, max: 9216 }),
      async (limit, most) => {
        let tries = 0
        const carries = async (bytes: number): Promise<boolean> => {
          tries++
          return bytes <= limit
        }
        const got = await pathMtu(carries, { least: 576, most })
        t.equal(got, limit < 576 ? undefined : Math.min(limit, most))
        t.ok(tries <= 60, `${tries} tries`)
      },
    ),
    { numRuns: 300 },
  )
  // A packet that is lost once is no packet that is too large.
  let asked = 0
  t.equal(await pathMtu(async () => asked++ % 2 === 1, { least: 576, most: 1550 }), 1550)
})

t.test('what has happened lately', async (t) => {
  const recent = new Recent(60)
  t.equal(recent.grown('x', 5), 0, 'without a sample nothing is late')
  recent.add({ x: 5 }, 0)
  t.equal(recent.grown('x', 9), 4)
  for (const time of [30_000, 61_000, 100_000]) recent.add({ x: 9 }, time)
  t.equal(recent.grown('x', 9), 0, 'the growth is older than a minute')
  t.equal(recent.grown('x', 2), 2, 'a dataplane that began anew counts from zero')
})
