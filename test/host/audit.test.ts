// The audit of a running host: rows are removed, added and changed in the tables behind its back, and it finds them.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { LargeTable, Operation, Snapshot } from '../../src/fib/index.js'
import { Auditor } from '../../src/host/audit.js'
import { AmendmentsFile, EventLog, Host, loadConfig } from '../../src/host/index.js'
import { Machines } from '../../src/host/machines.js'
import { NativeDataplane, portKinds, startDataplane } from '../../src/io/index.js'
import { ZERO_ESI } from '../../src/net/index.js'
import { evpnKey, type MacIpRoute, parseExtendedCommunity } from '../../src/wire/index.js'
import { ModelDataplane } from '../fib/model.js'
import { until } from '../lab/index.js'
import { freePort } from './daemon.js'

t.setTimeout(150_000)

const vni = 10100
const [here, there] = ['10.255.9.2', '10.255.9.3']
const mac = (n: number): string => `02:00:00:00:00:0${n}`

const text = `
asn: 65000
vtep: { address: 127.0.0.1, uplink: udp, udpPort: ${freePort()} }
vrfs: [{ name: tenants, vni: 50001 }]
networks:
  - { name: routed, vni: 10200, vrf: tenants, gateway: [10.2.0.1/24] }
  - name: blue
    vni: ${vni}
    ports:
      - { name: r1, kind: ring, mac: "${mac(1)}", ip: [10.1.0.1] }
      - { name: r2, kind: ring }
    remotes: [{ address: ${here}, macs: ["${mac(3)}", "${mac(4)}"] }, { address: ${there} }]
`

/** What the tables hold, without what changes by itself. */
function content({ networks, floods, macs, neighbours, ports }: Snapshot): object {
  const sorted = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort()
  return {
    networks,
    floods: sorted(floods),
    macs: sorted(macs.map((row) => ({ ...row, ageSeconds: 0 }))),
    neighbours: sorted(neighbours.map((row) => ({ ...row, ageSeconds: 0 }))),
    ports: ports.map((port) => [port.id, port.vni]),
  }
}

t.test('a planted difference is repaired within ten seconds, and counted', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vt-audit-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const controlPath = join(directory, 'control.sock')
  const running = startDataplane({ workers: 1, controlPath })
  t.teardown(() => running.close())
  const dataplane = NativeDataplane.attach({ controlPath, role: 'controller' })
  const events = new EventLog(Date.now)
  const kinds = portKinds()
  const readConfig = () => loadConfig(text, 'test', kinds)
  const loaded = readConfig()
  if ('problems' in loaded) throw new Error(loaded.problems.map(({ text }) => text).join('\n'))
  const host = await Host.start({
    version: '0',
    config: loaded.config,
    fileName: 'test',
    readConfig,
    portKinds: kinds,
    amendments: new AmendmentsFile(directory, directory),
    obtainDataplane: async () => ({ dataplane, adopted: false }),
    endsDataplane: false,
    events,
  })
  t.teardown(() => host.stop())

  const frame = Buffer.from(
    `ffffffffffff02000000000208060001080006040001020000000002${'0a010002'}000000000000${'0a010001'}`,
    'hex',
  )
  const r2 = dataplane.table('ports').find(({ name }) => name === 'r2')!.id
  await dataplane.ringSend(r2, [{ bytes: frame }])
  await until('a host shows itself', () =>
    host.state.macs().some((row) => row.mac === mac(2) && row.ips.length === 1),
  )
  const repaired = () => host.state.status().audit.repaired
  const rounds = () => host.state.status().audit.rounds
  const quiet = rounds()
  await until('two rounds', () => rounds() >= quiet + 2, { seconds: 15 })
  t.equal(repaired(), 0, 'nothing is wrong')
  const good = content(dataplane.snapshot())

  const plants: readonly (readonly [string, ...Operation[]])[] = [
    ['a remote MAC is missing', { op: 'macRemove', vni, mac: mac(3), origin: 'remote' }],
    [
      'a MAC is elsewhere',
      { op: 'macSetRemote', vni, mac: mac(4), remote: there, sticky: true, override: true },
    ],
    [
      'a MAC is too much',
      { op: 'macSetRemote', vni, mac: mac(9), remote: there, sticky: false, override: true },
    ],
    ['a bound MAC is missing', { op: 'macRemove', vni, mac: mac(1), origin: 'local' }],
    ['an address is missing', { op: 'neighbourRemove', vni, ip: '10.1.0.1', origin: 'local' }],
    [
      'an address has another MAC',
      { op: 'neighbourSet', vni, ip: '10.1.0.1', mac: mac(9), origin: 'local', router: false },
    ],
    [
      'an address is too much',
      { op: 'neighbourSet', vni, ip: '10.1.0.9', mac: mac(9), origin: 'remote', router: false },
    ],
    ['a VTEP is not in the flood list', { op: 'floodRemove', vni, remote: there }],
    ['a VTEP is too much', { op: 'floodAdd', vni, remote: '10.255.9.9' }],
    [
      'a network has other settings',
      { op: 'networkSet', vni, suppress: false, agingSeconds: 3000 },
    ],
    ['a network is too much', { op: 'networkSet', vni: 7, suppress: false, agingSeconds: 7 }],
  ]
  for (const [what, ...operations] of plants) {
    const before = repaired()
    await dataplane.apply(operations)
    t.not(JSON.stringify(content(dataplane.snapshot())), JSON.stringify(good), `${what}: planted`)
    await until(what, () => {
      const now = JSON.stringify(content(dataplane.snapshot()))
      if (now !== JSON.stringify(good)) throw new Error(now)
      return true
    })
    await until('counted', () => repaired() === before + 1, { seconds: 1 })
  }

  await t.test('what frames have shown', async (t) => {
    const before = repaired()
    await dataplane.apply([
      { op: 'macRemove', vni, mac: mac(2), origin: 'local' },
      { op: 'neighbourRemove', vni, ip: '10.1.0.2', origin: 'local' },
    ])
    await until('it is withdrawn', () => host.state.macs().every((row) => row.mac !== mac(2)))
    t.ok(repaired() > before)
    await dataplane.ringSend(r2, [{ bytes: frame }])
    await until('and learned anew', () => host.state.macs().some((row) => row.mac === mac(2)))
  })

  const told = events.since(0).filter(({ kind }) => kind === 'repaired')
  t.ok(told.length >= plants.length, 'each is told')
  t.match(told[0], { level: 'warn', fields: { operations: 1 } })
  const { text: metrics } = await host.metrics()
  t.match(metrics, new RegExp(`^vtep_audit_repairs_total ${repaired()}$`, 'm'))
  t.match(metrics, /^vtep_audit_rounds_total \d+$/m)
})

/** Machines over the model of a packet path, and their audit, round by round. */
function machinesAndAudit() {
  const tables = new ModelDataplane([1])
  const events = new EventLog(Date.now)
  const ignore = () => {}
  const machines: Machines = new Machines(
    { asn: 65000, routerId: '10.0.0.1' },
    { asn: 65000, routerId: '10.0.0.1', vtep: '10.0.0.1', profile: 'frr' },
    {
      transport: ignore,
      startTimer: ignore,
      stopTimer: ignore,
      apply: (operations) => tables.apply(operations),
      tellHosts: () => {},
      readSnapshot: ignore,
      peerState: ignore,
      routes: ignore,
      endOfRib: ignore,
      tell: (level, kind, text, fields) => events.add(level, kind, text, fields),
    },
  )
  const path = {
    up: true,
    settled: async () => {},
    listen: ignore,
    table: <Name extends keyof Snapshot>(name: Name) => tables.snapshot()[name],
    async readAside<Name extends LargeTable>(name: Name, known?: string) {
      const all = tables.snapshot()[name]
      const digest = JSON.stringify(all)
      const rows = digest === known ? [] : all
      const slice = (from: number, to: number) => rows.slice(from, to) as unknown as Snapshot[Name]
      return { digest, length: rows.length, slice }
    },
    push: (operations: readonly Operation[]) => tables.apply(operations),
    send: async () => {},
    counters: () => undefined,
  }
  const auditor = new Auditor({ path, machines, events })
  machines.toEvpn({
    event: 'networkAdded',
    network: { name: 'blue', vni, agingSeconds: 300, suppress: true },
  })
  return { tables, machines, auditor }
}

const nlri: MacIpRoute = {
  type: 'macIp',
  rd: '10.0.0.9:1',
  esi: ZERO_ESI,
  ethernetTag: 0,
  mac: mac(5),
  label: vni,
}
const key = evpnKey(nlri)

const damages: readonly (readonly [string, (machines: Machines) => void])[] = [
  ['nothing', () => {}],
  [
    'evpn has missed a route',
    ({ evpn }) => evpn.step({ event: 'routes', changes: [{ key, nlri, best: undefined }] }),
  ],
  [
    'evpn has a route that nobody announces',
    ({ evpn, speaker }) => {
      const other = { ...nlri, mac: mac(6) }
      const { best } = speaker.route('evpn', key)!
      evpn.step({ event: 'routes', changes: [{ key: evpnKey(other), nlri: other, best }] })
    },
  ],
  [
    'evpn has another path',
    ({ evpn, speaker }) => {
      const { attributes } = speaker.route('evpn', key)!.best
      const best = { nextHop: '10.0.0.8', attributes }
      evpn.step({ event: 'routes', changes: [{ key, nlri, best }] })
    },
  ],
  [
    'the image has lost a row',
    ({ evpn }) => evpn.image.change({ op: 'macRemove', vni, mac: mac(5), origin: 'remote' }),
  ],
]

for (const [what, damage] of damages) {
  t.test(`routes, machines and image: ${what}`, async (t) => {
    const { tables, machines, auditor } = machinesAndAudit()
    const extendedCommunities = ['encap:vxlan', `rt:65000:${vni}`].map(parseExtendedCommunity)
    const route = {
      family: 'evpn',
      nlri,
      nextHop: '10.0.0.9',
      attributes: { extendedCommunities },
    } as const
    machines.toSpeaker({ event: 'originate', routes: [route] })
    const good = content(tables.snapshot())
    t.match(tables.mac(vni, mac(5)), { remote: '10.0.0.9' })

    damage(machines)
    for (let i = 0; i < 4; i++) await auditor.round()
    t.same(content(tables.snapshot()), good)
    t.equal(machines.evpn.route(key)?.path, machines.speaker.route('evpn', key)?.best)
    t.same([...machines.evpn.routeKeys()], [key])
    const before = auditor.status.repaired
    t.equal(before > 0, what !== 'nothing', `${before} differences`)
    t.equal(await auditor.round(), false, 'sure that all is well')
    t.equal(auditor.status.repaired, before)
  })
}
