// Every verdict of `why`, asked of hosts whose machines, ports and packet path are real ones.

import t, { type Test } from 'tap'
import type { Life, Probe } from '../../src/host/probe/index.js'
import type { WhyAnswer } from '../../src/host/views/index.js'
import { why } from '../../src/host/why/index.js'
import { ZERO_ESI } from '../../src/net/index.js'
import { Site, type SiteOptions, settle } from './site.js'
import { Wire } from './wire.js'

const MAC = '02:00:00:00:00:02'
const IP = '10.1.0.2'
const [A, B] = ['10.0.0.1', '10.0.0.2']

const blue = (more: object = {}): object => ({
  name: 'blue',
  vni: 10100,
  ports: [{ name: 'p1' }, { name: 'p2' }],
  ...more,
})

const usual: SiteOptions = { networks: [blue()] }

interface Pair {
  readonly wire: Wire
  readonly a: Site
  readonly b: Site
}

/** Two hosts and their session; MAC and IP are behind p1 of b, somebody else is behind p1 of a. */
async function pair(ofA: Partial<SiteOptions> = {}, ofB: Partial<SiteOptions> = {}): Promise<Pair> {
  const wire = new Wire()
  const sites: Site[] = []
  const a = new Site(wire, sites, { ...usual, ...ofA }, [B])
  const b = new Site(wire, sites, { ...usual, ...ofB }, [A])
  for (const site of sites) {
    site.dataplane.remotes = sites
      .filter((one) => one !== site)
      .map(({ address }) => ({
        address,
        resolved: true,
        nextHop: '172.31.0.1',
        nextHopMac: '02:00:00:00:ff:01',
        ifindex: 7,
        mtu: 1600,
      }))
    await site.start()
  }
  b.dataplane.model.snoop(b.port('p1'), MAC, IP)
  a.dataplane.model.snoop(a.port('p1'), '02:00:00:00:00:01', '10.1.0.1')
  a.dataplane.model.snoop(a.port('p2'), '02:00:00:00:00:11', '10.1.0.11')
  await settle(wire, sites)
  return { wire, a, b }
}

async function ask(site: Site, address = MAC, more: { network?: string; probe?: Probe } = {}) {
  const { network, probe } = more
  const { source, path } = site
  const input = { address, ...(network === undefined ? {} : { network }) }
  const now = Date.UTC(2026, 0, 1)
  return why(input, { source, path, probe, now })
}

/** The only answer. */
async function answer(
  site: Site,
  address = MAC,
  more: { network?: string; probe?: Probe } = {},
): Promise<WhyAnswer> {
  const { answers } = await ask(site, address, more)
  if (answers.length !== 1) throw new Error(JSON.stringify(answers))
  return answers[0]!
}

const link = ({ chain }: WhyAnswer, name: string) => chain.find((one) => one.link === name)

/** What is broken says what, why and how it is mended; what is behind it is not looked at. */
function isBroken(t: Test, got: WhyAnswer, code: string, where: string): void {
  t.equal(got.verdict.code, code, JSON.stringify(got.verdict))
  t.ok((got.verdict.fix ?? '').length > 0, 'it says what mends it')
  const at = got.chain.findIndex(({ status }) => status === 'broken')
  t.equal(got.chain[at]?.link, where)
  t.equal(got.chain[at]?.text, got.verdict.text)
  t.ok(
    got.chain.slice(at + 1).every(({ status }) => status === 'skipped'),
    'the rest is skipped',
  )
}

t.test('a remote host is reached: each link says by what', async (t) => {
  const { a } = await pair()
  for (const address of [MAC, IP, '0200.0000.0002']) {
    const got = await answer(a, address)
    t.match(got, { network: 'blue', vni: 10100, mac: MAC, ips: [IP] })
    t.match(got.verdict, { code: 'reachable', severity: 'ok', fix: null })
    t.same(
      got.chain.map(({ link: name, status }) => `${name} ${status}`),
      [
        'network',
        'port',
        'learned',
        'duplicate',
        'peer',
        'route',
        'import',
        'vni',
        'table',
        'vtep',
        'nextHop',
        'mtu',
      ].map((name) => `${name} ok`),
    )
    t.match(
      link(got, 'route')?.text,
      /^\[2\].* from 10\.0\.0\.2 at 2023-11-14T22:13:20.000Z, next hop 10\.0\.0\.2; the only path/,
    )
    t.match(link(got, 'nextHop')?.evidence, {
      via: '172.31.0.1',
      lladdr: '02:00:00:00:ff:01',
      ifname: 'eth7',
    })
  }
})

t.test('a local host: where it is, and who has been told', async (t) => {
  const { b } = await pair()
  const got = await answer(b)
  t.match(got.verdict, { code: 'local', severity: 'ok' })
  t.match(link(got, 'learned')?.text, /learned on p1/)
  t.match(link(got, 'advertised')?.evidence, { toldTo: [A], untold: [] })
  t.match(
    (await answer(b, IP)).verdict.text,
    /10\.1\.0\.2 \(02:00:00:00:00:02\) is here, behind port p1 of blue/,
  )
})

t.test('route targets that do not meet', async (t) => {
  const targets = { import: ['65000:999'], export: ['65000:999'] }
  const { a } = await pair({}, { networks: [blue({ routeTargets: targets })] })
  const got = await answer(a)
  isBroken(t, got, 'routeTargetMismatch', 'import')
  t.match(
    got.verdict.text,
    /VTEP 10\.0\.0\.2 announces it in VNI 10100 under 65000:999; network blue imports \*:10100/,
  )
  t.match(got.verdict.fix, /add 65000:999 to routeTargets\.import of network blue/)

  // Both say what they import, so neither is sent anything of the other.
  const ours = { import: ['65000:10100'], export: ['65000:10100'] }
  const silent = await pair(
    { networks: [blue({ routeTargets: ours })] },
    { networks: [blue({ routeTargets: targets })] },
  )
  const asked = await answer(silent.a)
  isBroken(t, asked, 'routeTargetMismatch', 'route')
  t.match(
    asked.verdict.text,
    /nobody asks for 65000:10100, which network blue exports; others ask for 65000:999 \(10\.0\.0\.2\), which nothing here imports/,
  )
  const green = { name: 'green', vni: 10200 }
  const open = await pair(
    { networks: [blue({ routeTargets: ours })] },
    { networks: [blue({ routeTargets: targets }), green] },
  )
  isBroken(t, await answer(open.a), 'notAdvertised', 'route')
  const met = await pair(
    { networks: [blue({ routeTargets: ours })] },
    { networks: [blue({ routeTargets: ours })] },
  )
  t.equal((await answer(met.a)).verdict.code, 'reachable')
  isBroken(t, await answer(met.a, '02:00:00:00:00:77'), 'notAdvertised', 'route')
  t.match(got.chain.find(({ link: name }) => name === 'import')?.evidence, {
    remote: B,
    routeTargets: ['65000:999'],
    imports: ['*:10100'],
  })
})

t.test('another VNI at the far end', async (t) => {
  const both = { import: ['65000:10100'], export: ['65000:10100'] }
  const { a } = await pair(
    { networks: [blue({ routeTargets: both })] },
    { networks: [blue({ vni: 10200, routeTargets: both })] },
  )
  const got = await answer(a)
  isBroken(t, got, 'vniMismatch', 'vni')
  t.match(got.verdict.text, /announces 02:.* in VNI 10200; network blue has VNI 10100/)

  // Derived targets go with the VNI: nobody imports it, and that is not what is wrong.
  const derived = await pair({}, { networks: [blue({ vni: 10200 })] })
  for (const network of ['blue', undefined]) {
    const unlike = await answer(derived.a, MAC, network === undefined ? {} : { network })
    isBroken(t, unlike, 'vniMismatch', 'vni')
    t.match(link(unlike, 'import')?.status, 'unknown')
  }
})

t.test('a filter of ours', async (t) => {
  const filterIn = [{ prefixes: ['10.1.0.0/24'], accept: false }]
  const { a } = await pair({ neighbor: { filterIn } })
  const got = await answer(a, IP)
  isBroken(t, got, 'refusedByPolicy', 'policy')
  t.match(
    got.verdict.text,
    /10\.0\.0\.2 announces 10\.1\.0\.2 behind 10\.0\.0\.2, .* rule 1 of the filter refuses it/,
  )
  t.match(got.verdict.fix, /filterIn/)
  t.equal((await answer(a)).verdict.code, 'reachable', 'the MAC has a route of its own')
})

t.test('a filter of theirs, seen where the host is', async (t) => {
  const filterOut = [{ accept: false }]
  const { a, b } = await pair({}, { neighbor: { filterOut } })
  const there = await answer(b)
  isBroken(t, there, 'notAdvertised', 'advertised')
  t.match(there.verdict.text, /told to nobody: 10\.0\.0\.1: rule 1 of filterOut refuses it/)
  const here = await answer(a)
  isBroken(t, here, 'notAdvertised', 'route')
  t.match(here.verdict.text, /no peer announces .*: 1 session up, 0 EVPN routes received/)
})

t.test('a peer that is down', async (t) => {
  const kept = await pair()
  kept.wire.cut(kept.b)
  await settle(kept.wire, [kept.a, kept.b])
  const stale = await answer(kept.a)
  t.match(stale.verdict, { code: 'peerDown', severity: 'warning' })
  t.match(
    stale.verdict.text,
    /is reached by VTEP 10\.0\.0\.2, but 10\.0\.0\.2 is .*kept for a while/,
  )

  const more = { bgp: { gracefulRestart: { enabled: false } } }
  const { wire, a, b } = await pair({ more }, { more })
  wire.cut(b)
  await settle(wire, [a, b])
  const here = await answer(a)
  isBroken(t, here, 'peerDown', 'peer')
  t.match(
    here.verdict.text,
    /may be behind a VTEP whose routes are not here: 1 of 1 peer down: 10\.0\.0\.2/,
  )
  const there = await answer(b)
  isBroken(t, there, 'peerDown', 'peer')
  t.match(there.verdict.text, /nobody hears of it/)
})

t.test('BFD: ended the session, or flaps', async (t) => {
  const { wire, a, b } = await pair()
  const minute = 60_000
  const now = Date.UTC(2026, 0, 1)
  a.bfd.set(B, {
    state: 'up',
    downs: [now - 5 * minute, now - minute],
    reason: 'nothing was heard in time',
  })
  const flapping = await answer(a)
  t.match(flapping.verdict, { code: 'bfdFlapping', severity: 'warning', fix: /ping/ })
  t.match(
    flapping.verdict.text,
    /went down 2 times in the last 10 minutes \(nothing was heard in time\), and is up now/,
  )
  a.bfd.set(B, { state: 'up', downs: [now - 60 * minute, now - minute], reason: '' })
  t.equal((await answer(a)).verdict.code, 'reachable', 'once is no flapping')

  a.machines.toSpeaker({ event: 'bfdDown', peer: B, reason: 'nothing was heard in time' })
  await settle(wire, [a, b])
  isBroken(t, await answer(a), 'bfdDown', 'peer')
})

t.test('a MAC that two hosts have, and one that is frozen for it', async (t) => {
  const { wire, a, b } = await pair()
  const seen: string[] = []
  // Both speak, in turn; the third move of five is enough to be told.
  for (let i = 0; i < 5; i++) {
    const site = i % 2 === 0 ? a : b
    site.dataplane.model.frame(site.port('p1'), MAC)
    await settle(wire, [a, b])
    seen.push((await answer(a)).verdict.code)
  }
  t.same(
    seen.slice(0, 2),
    ['local', 'duplicateMac'],
    'one move is no fault, back and forth is worth a look',
  )
  const both = await answer(a)
  isBroken(t, both, 'duplicateMac', 'duplicate')
  t.match(
    both.verdict.text,
    /two hosts use 02:.* it moved 5 times in 180 s .*; claimed by 10\.0\.0\.2 and 10\.0\.0\.1 now/,
  )
  // One of them has gone: what is left is that nobody looks at the MAC any more.
  b.dataplane.model.ageMac(10100, MAC)
  await settle(wire, [a, b])
  const frozen = await answer(a)
  isBroken(t, frozen, 'macFrozen', 'duplicate')
  t.match(
    frozen.verdict.text,
    /moved 5 times in 180 s between 10\.0\.0\.\d and 10\.0\.0\.\d and is frozen/,
  )
  t.match(frozen.verdict.fix, /vtep duplicate clear 02:00:00:00:00:02/)
  a.machines.toEvpn({ event: 'clearDuplicate', vni: 10100, address: MAC })
  b.machines.toEvpn({ event: 'clearDuplicate', vni: 10100, address: MAC })
  await settle(wire, [a, b])
  t.not((await answer(a)).verdict.code, 'macFrozen')
})

t.test('a duplicate while somebody else does not freeze it', async (t) => {
  const { wire, a, b } = await pair({}, { more: { duplicateDetection: { moves: 0 } } })
  for (let i = 0; i < 5; i++) {
    const site = i % 2 === 0 ? a : b
    site.dataplane.model.frame(site.port('p1'), MAC)
    await settle(wire, [a, b])
  }
  b.dataplane.model.frame(b.port('p1'), MAC)
  await settle(wire, [a, b])
  const got = await answer(a)
  t.match(got.verdict.code, /^(duplicateMac|macFrozen)$/)
  t.match(link(got, 'duplicate')?.evidence, { frozen: true, moves: 5, limit: 5 })
})

t.test('rows that nobody wants, and rows that are missing', async (t) => {
  const { a } = await pair()
  const rows = a.dataplane.model.networks.get(10100)!.macs
  const stale = '02:00:00:00:00:99'
  rows.set(stale, { ...rows.get(MAC)!, mac: stale })
  const planted = await answer(a, stale)
  isBroken(t, planted, 'controllerDataplaneDiffer', 'table')
  t.match(
    planted.verdict.text,
    /the dataplane has remote row behind VTEP 10\.0\.0\.2 for 02:00:00:00:00:99, the controller wants none/,
  )
  const row = rows.get(MAC)!
  rows.set(MAC, { ...row, remote: '10.0.0.77' })
  isBroken(t, await answer(a), 'controllerDataplaneDiffer', 'table')
  rows.delete(MAC)
  const gone = await answer(a)
  isBroken(t, gone, 'controllerDataplaneDiffer', 'table')
  t.match(
    gone.verdict.text,
    /the dataplane has no row for .*, the controller wants row behind VTEP 10\.0\.0\.2/,
  )
})

t.test('a host that nobody has heard of', async (t) => {
  const { a, b } = await pair()
  isBroken(t, await answer(a, '02:00:00:00:00:77'), 'notAdvertised', 'route')
  // Nothing ever came from p2 of b.
  const silent = await answer(b, '02:00:00:00:00:77')
  isBroken(t, silent, 'notLearned', 'learned')
  t.match(silent.verdict.text, /nothing at all came from p2/)
  const alone = new Site(new Wire(), [], { networks: [blue({ ports: [] })] }, [])
  await alone.start()
  isBroken(t, await answer(alone), 'notFound', 'route')
})

t.test('bound, and not there', async (t) => {
  const ports = [
    { name: 'p1', mac: MAC, ip: [IP] },
    { name: 'p2', hosts: [{ mac: '02:00:00:00:00:33' }] },
  ]
  const { wire, a, b } = await pair({}, { networks: [blue({ ports })] })
  t.match(link(await answer(b), 'learned')?.text, /bound to p1/)
  b.dataplane.model.setPort(b.port('p1'), false)
  await settle(wire, [a, b])
  const got = await answer(b)
  isBroken(t, got, 'portDown', 'port')
  t.match(got.verdict.text, /port p1 has no carrier/)
  isBroken(t, await answer(a), 'notAdvertised', 'route')
})

t.test('the underlay', async (t) => {
  const { a } = await pair()
  a.dataplane.remotes = a.dataplane.remotes.map((row) => ({ ...row, mtu: 1549 }))
  const narrow = await answer(a)
  isBroken(t, narrow, 'mtuTooSmall', 'mtu')
  t.match(
    narrow.verdict.text,
    /port p1 has MTU 1500, which needs 1550 on the way to 10\.0\.0\.2; 1549 fit/,
  )
  t.match(
    narrow.verdict.fix,
    /raise the MTU of eth7 to 1550, or lower the tenant's: ip link set p1 mtu 1499/,
  )
  a.dataplane.remotes = a.dataplane.remotes.map((row) => ({ ...row, resolved: false }))
  isBroken(t, await answer(a), 'nextHopUnresolved', 'nextHop')
  a.dataplane.remotes = []
  t.match((await answer(a)).verdict.text, /has no row for it/)
})

/** A far VTEP as an echo finds it. */
class Far implements Probe {
  readonly #life: Life
  readonly #mtu: number

  constructor(life: Life, mtu: number) {
    this.#life = life
    this.#mtu = mtu
  }

  async lives(): Promise<Life> {
    return this.#life
  }

  async carries(_vtep: string, bytes: number): Promise<boolean | undefined> {
    return this.#life.sign === 'icmp' ? bytes <= this.#mtu : undefined
  }

  async pathMtu(_vtep: string, most: number): Promise<number | undefined> {
    return this.#life.sign === 'icmp' ? Math.min(most, this.#mtu) : undefined
  }
}

t.test('a far VTEP that is asked', async (t) => {
  const { a } = await pair()
  const well = await answer(a, MAC, { probe: new Far({ sign: 'icmp', milliseconds: 0.25 }, 1600) })
  t.equal(well.verdict.code, 'reachable')
  t.match(link(well, 'alive')?.text, /10\.0\.0\.2 answers in 0\.25 ms \(icmp\)/)
  const silent = await answer(a, MAC, { probe: new Far({ sign: 'none' }, 0) })
  isBroken(t, silent, 'vtepSilent', 'alive')
  t.match(
    silent.verdict.text,
    /VTEP 10\.0\.0\.2 is announced by 10\.0\.0\.2 and gives no sign of life/,
  )
  const narrow = await answer(a, MAC, { probe: new Far({ sign: 'icmp' }, 1400) })
  isBroken(t, narrow, 'mtuTooSmall', 'mtu')
  t.match(narrow.verdict.text, /carries 1600, and the way to 10\.0\.0\.2 only 1400/)
  t.equal((await answer(a, MAC, { probe: new Far({ sign: 'tcp' }, 0) })).verdict.code, 'reachable')
})

t.test('a VTEP by its address', async (t) => {
  const { a } = await pair()
  const known = await answer(a, B)
  t.match(known.verdict, { code: 'reachable', text: 'VTEP 10.0.0.2 can be reached' })
  a.dataplane.drops = { unknown_vtep: 12 }
  const stranger = await answer(a, '10.0.0.77')
  isBroken(t, stranger, 'unknownVtep', 'vtep')
  t.match(stranger.verdict.text, /\(unknown_vtep, 12 frames so far\)/)
  t.match((await answer(a, A)).verdict, { code: 'local', text: /our own VTEP address/ })
})

t.test('a route that can not be used', async (t) => {
  const { wire, a, b } = await pair()
  const mac = '02:00:00:00:00:44'
  const rd = '10.0.0.2:9'
  const nlri = { type: 'macIp', rd, esi: ZERO_ESI, ethernetTag: 0, mac, label: 10100 } as const
  const originate = (tunnelType: number) =>
    b.machines.toSpeaker({
      event: 'originate',
      routes: [
        {
          family: 'evpn',
          nlri,
          nextHop: B,
          attributes: {
            extendedCommunities: [
              { type: 'routeTarget', target: '65000:10100' },
              { type: 'encapsulation', tunnelType },
            ],
          },
        },
      ],
    })
  originate(7)
  await settle(wire, [a, b])
  const got = await answer(a, mac)
  isBroken(t, got, 'routeRefused', 'vni')
  t.match(got.verdict.text, /its encapsulation is not VXLAN/)
  originate(8)
  await settle(wire, [a, b])
  t.equal((await answer(a, mac)).verdict.code, 'reachable')
})

t.test('a segment that another VTEP is active on', async (t) => {
  const segment = { esi: '00:11:22:33:44:55:66:77:88:99', mode: 'single-active' }
  const ports = [{ name: 'p1', ethernetSegment: segment }, { name: 'p2' }]
  const { wire, a, b } = await pair(
    { networks: [blue({ ports })] },
    { networks: [blue({ ports })] },
  )
  for (const { machines } of [a, b]) machines.timerEnded(`evpn:segment ${segment.esi}`)
  await settle(wire, [a, b])
  const answers = await Promise.all([a, b].map((site) => answer(site)))
  const codes = answers.map(({ verdict }) => verdict.code)
  t.ok(codes.includes('splitHorizon'), JSON.stringify(codes))
})

t.test('what can not be asked', async (t) => {
  const { a } = await pair()
  await t.rejects(ask(a, 'nonsense'), {
    kind: 'invalid',
    message: /address: expected a MAC or IP address, got "nonsense"/,
  })
  await t.rejects(ask(a, MAC, { network: 'green' }), {
    kind: 'unknown',
    message: /network: expected one of blue, got "green"/,
  })
  t.match(await ask(a, MAC, { network: '10100' }), { query: { address: MAC, network: '10100' } })
})

t.test('asking changes nothing', async (t) => {
  const { a, b } = await pair()
  const actions = (site: Site): number => site.events.last
  const before = [a, b].map(actions)
  const image = a.machines.evpn.image.changes
  for (const address of [MAC, IP, '02:00:00:00:00:77', B, '10.1.0.77']) await ask(a, address)
  t.same([a, b].map(actions), before)
  t.equal(a.machines.evpn.image.changes, image)
})
