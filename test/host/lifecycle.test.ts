// The life of a daemon: begin, change, reload, lose its dataplane, be killed, come back, end.

import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type {
  EventView,
  MacView,
  NetworkView,
  PeerView,
  PortView,
  RouteView,
  StatusView,
} from '../../src/host/views/index.js'
import { findProgram, Lab, missing, Namespace, until } from '../lab/index.js'
import { Daemon, freePort, processesWith } from './daemon.js'

t.setTimeout(220_000)

const port = (name: string, more: object = {}) => ({ name, kind: 'ring', ...more })
const blue = (...ports: readonly object[]) => ({ name: 'blue', vni: 10100, ports })
const mac = (n: number): string => `02:00:00:00:00:0${n}`

const config = (more: object = {}) => ({
  asn: 65000,
  vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
  ...more,
})

const names = async (daemon: Daemon): Promise<string[]> =>
  (await daemon.get<PortView[]>('ports')).map(({ ifname, state }) => `${ifname} ${state}`)

const kinds = async (daemon: Daemon): Promise<string[]> =>
  (await daemon.get<EventView[]>('events')).map(({ kind }) => kind)

t.test('begins, shows itself, and leaves nothing at the end', async (t) => {
  const r1 = port('r1', { mac: mac(1), ip: ['10.1.0.5'] })
  const daemon = new Daemon(t, config({ networks: [blue(r1)] }))
  await daemon.start()
  t.equal(daemon.stdout, 'vtep: ready\n')
  t.equal(statSync(join(daemon.runtimeDir, 'api.sock')).mode & 0o777, 0o660)
  t.equal(statSync(join(daemon.runtimeDir, 'control.sock')).mode & 0o777, 0o600)
  const { fastPath, underlays, audit, ...status } = await daemon.get<StatusView>('status')
  t.ok(fastPath !== 'on' && underlays.length + audit.repaired === 0, 'nothing leads to a VTEP')
  const file = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  t.same(status, {
    version: JSON.parse(file).version,
    asn: 65000,
    routerId: '127.0.0.1',
    vtep: '127.0.0.1',
    uplink: 'udp',
    peers: { established: 0, total: 0 },
    networks: 1,
    macs: { local: 1, remote: 0 },
    health: [],
  })
  t.match(await daemon.get<MacView[]>('macs'), [
    {
      network: 'blue',
      vni: 10100,
      mac: mac(1),
      ips: ['10.1.0.5'],
      kind: 'local',
      ifname: 'r1',
      dst: null,
      sequence: 0,
      sticky: false,
      duplicate: false,
    },
  ])
  const routes = await daemon.get<RouteView[]>('routes?type=2')
  t.match(routes, [
    {
      family: 'evpn',
      type: 2,
      rd: '127.0.0.1:10100',
      mac: mac(1),
      label: 10100,
      labels: [10100],
      nextHop: '127.0.0.1',
      routeTargets: ['65000:10100'],
      best: true,
      peer: 'local',
    },
  ])
  t.ok(routes.every(({ type }) => type === 2))

  const dataplane = daemon.dataplanePid()
  t.ok(dataplane, 'a process of its own')
  t.equal(await daemon.stop(), 0)
  t.same(processesWith(daemon.runtimeDir), [])
  for (const file of ['api.sock', 'control.sock', 'controller.pid']) {
    t.notOk(existsSync(join(daemon.runtimeDir, file)), `no ${file} is left`)
  }
})

t.test('what is changed at run time survives a restart', async (t) => {
  const settings = config({ networks: [blue(port('r1'), port('r2'))] })
  const daemon = new Daemon(t, settings)
  await daemon.start()
  const ok = async (...words: string[]): Promise<void> => {
    const { code, stderr } = await daemon.cli(...words)
    t.equal(code, 0, `vtep ${words.join(' ')} ${stderr}`)
  }
  await ok(
    'network',
    'add',
    'red',
    '--vni',
    '70000',
    '--route-targets-import',
    '65000:1,65000:2',
    '--aging-seconds',
    '60',
  )
  await ok(
    'port',
    'add',
    'r3',
    '--network',
    'red',
    '--kind',
    'ring',
    '--mac',
    mac(3),
    '--options',
    'capacity=32',
  )
  await ok('port', 'add', '--name', 'r4', '--network', 'blue', '--kind', 'ring')
  await ok(
    'peer',
    'add',
    '127.0.0.9',
    '--asn',
    '65009',
    '--families',
    'evpn,ipv4',
    '--port',
    String(freePort()),
  )
  await ok('port', 'remove', 'r2')

  const check = async (t: Test): Promise<void> => {
    t.same(await names(daemon), ['r1 up', 'r4 up', 'r3 up'])
    const networks = await daemon.get<NetworkView[]>('networks')
    t.match(networks, [
      { name: 'blue', vni: 10100, rd: '127.0.0.1:10100', ports: ['r1', 'r4'], source: 'config' },
      {
        name: 'red',
        vni: 70000,
        // Too large for the 16 bits of a route distinguisher: a number that is remembered.
        rd: '127.0.0.1:65535',
        routeTargets: { import: ['65000:1', '65000:2'] },
        ports: ['r3'],
        agingSeconds: 60,
        source: 'added',
      },
    ])
    t.match(await daemon.get<PeerView[]>('peers'), [
      { peer: '127.0.0.9', asn: 65009, uptimeSeconds: 0 },
    ])
    t.match(await daemon.get<MacView[]>('macs'), [{ mac: mac(3), ifname: 'r3', network: 'red' }])
  }
  await t.test('before', check)
  t.equal(await daemon.stop(), 0)
  await daemon.start()
  await t.test('after', check)

  const refused = async (expected: RegExp, code: number, ...words: string[]): Promise<void> => {
    const result = await daemon.cli(...words)
    t.equal(result.code, code, `vtep ${words.join(' ')}`)
    t.match(result.stderr, expected)
  }
  await refused(
    /^vtep: vni: expected a VNI that no other network or VRF has, got 10100, as networks\[0\]\.vni\n$/,
    1,
    'network',
    'add',
    'green',
    '--vni',
    '10100',
  )
  await refused(
    /^vtep: vni: expected a VNI, 1 to 16777215, got "x"\n$/,
    1,
    'network',
    'add',
    'green',
    '--vni',
    'x',
  )
  await refused(
    /^vtep: vni: expected a VNI, 1 to 16777215, got nothing\n$/,
    1,
    'network',
    'add',
    'green',
  )
  await refused(
    /^vtep: network: expected a network that is not there yet, got "red"\n$/,
    1,
    'network',
    'add',
    'red',
    '--vni',
    '5',
  )
  await refused(
    /^vtep: network: expected one of blue, red, got "green"\n$/,
    1,
    'network',
    'remove',
    'green',
  )
  await refused(
    /^vtep: network: expected one of the networks blue, red, got green\n$/,
    1,
    'port',
    'add',
    'x',
    '--network',
    'green',
  )
  await refused(
    /^vtep: mac: expected a MAC that the network has once/,
    1,
    'port',
    'add',
    'x',
    '--network',
    'red',
    '--kind',
    'ring',
    '--mac',
    mac(3),
  )
  await refused(
    /^vtep: port: expected a port that can be opened, got .*No such file/,
    1,
    'port',
    'add',
    'x',
    '--network',
    'red',
    '--kind',
    'pcap',
    '--options',
    'read=/nonexistent/x',
  )
  await refused(
    /^vtep: options: expected key=value, got "read"\n$/,
    2,
    'port',
    'add',
    'x',
    '--network',
    'red',
    '--options',
    'read',
  )
  t.same(await names(daemon), ['r1 up', 'r4 up', 'r3 up'], 'nothing has changed')

  await ok('port', 'add', 'r2', '--network', 'blue', '--kind', 'ring')
  await ok('network', 'remove', 'red')
  await ok('peer', 'remove', '127.0.0.9')
  t.same(
    await names(daemon),
    ['r1 up', 'r2 up', 'r4 up'],
    'what the file says is back in its place',
  )
  await ok('port', 'remove', 'r4')
  const kept = JSON.parse(readFileSync(join(daemon.runtimeDir, 'state', 'amendments.json'), 'utf8'))
  t.same(kept.removed, { vrfs: [], networks: [], ports: [], neighbors: [] })
  t.same([kept.networks, kept.ports, kept.neighbors], [[], [], []])
  t.same(kept.routeDistinguishers, { '70000': 65535 }, 'the number stays with its VNI')
  t.equal(await daemon.stop(), 0)
})

t.test('SIGHUP applies the difference, or changes nothing and says why', async (t) => {
  const settings = config({ networks: [blue(port('r1'), port('r2'))] })
  const daemon = new Daemon(t, settings)
  await daemon.start()
  const before = await daemon.get<PortView[]>('ports')
  const reload = async (text: object | string, kind: string): Promise<EventView> => {
    daemon.configure(text)
    const last = (await daemon.get<EventView[]>('events')).at(-1)!.sequence
    daemon.signal('SIGHUP')
    return until(kind, async () =>
      (await daemon.get<EventView[]>(`events?since=${last}`)).find((event) => event.kind === kind),
    )
  }
  await reload(
    {
      ...settings,
      bgp: { neighbors: [{ address: '127.0.0.9', asn: 65009, port: freePort() }] },
      networks: [
        blue(port('r1', { mac: mac(1) }), port('r3')),
        {
          name: 'red',
          vni: 10200,
          agingSeconds: 10,
          ports: [port('r4', { options: { capacity: 8 } })],
        },
      ],
    },
    'reloaded',
  )
  t.same(await names(daemon), ['r1 up', 'r3 up', 'r4 up'])
  t.same(
    (await daemon.get<NetworkView[]>('networks')).map(({ name }) => name),
    ['blue', 'red'],
  )
  t.match(await daemon.get<MacView[]>('macs'), [{ mac: mac(1), ifname: 'r1' }])
  t.equal((await daemon.get<PeerView[]>('peers')).length, 1)
  t.same(
    (await kinds(daemon)).filter((kind) => /Added|Removed/.test(kind)),
    ['networkAdded', 'portAdded', 'portAdded', 'portRemoved', 'peerAdded'],
    'r1 was not touched',
  )
  t.equal(before.length, 2)

  const wrong = await reload(
    'asn: 65000\nvtep: { address: 127.0.0.1 }\ncolour: blue\n',
    'reloadRefused',
  )
  t.match(wrong.text, /^nothing has changed: .*vtep\.yaml:3:1: colour: expected one of the keys/)
  const frozen = await reload({ ...settings, asn: 65001 }, 'reloadRefused')
  t.match(
    frozen.text,
    /^nothing has changed: .*vtep\.yaml: asn: expected 65000 until a restart, got 65001/,
  )
  const missing = await reload(
    {
      ...settings,
      networks: [
        blue(port('r9'), { name: 'p', kind: 'pcap', options: { read: '/nonexistent/x' } }),
      ],
    },
    'reloadRefused',
  )
  t.match(
    missing.text,
    /^nothing has changed: port: expected a port that can be opened, got .*\/nonexistent\/x/,
  )
  t.same(await names(daemon), ['r1 up', 'r3 up', 'r4 up'], 'nothing has changed')
  t.same(
    (await daemon.get<NetworkView[]>('networks')).map(({ name }) => name),
    ['blue', 'red'],
  )

  daemon.configure('colour: blue')
  const { code, stderr } = await daemon.cli('reload')
  t.equal(code, 1)
  t.match(
    stderr,
    /^vtep: .*vtep\.yaml:1:1: colour: .*\nvtep: .* asn: expected an AS number.*\nvtep: .* vtep: expected a mapping, got nothing\n$/,
  )
  daemon.configure(settings)
  t.equal((await daemon.cli('reload')).code, 0)
  t.same(await names(daemon), ['r1 up', 'r2 up'])
  t.equal(await daemon.stop(), 0)
})

t.test('a killed controller leaves the dataplane; the next one adopts it', async (t) => {
  const daemon = new Daemon(
    t,
    config({ networks: [blue(port('r1', { mac: mac(1) }), port('r2'), port('r3'))] }),
  )
  await daemon.start()
  const dataplane = daemon.dataplanePid()
  const before = await daemon.get<PortView[]>('ports')
  daemon.signal('SIGKILL')
  t.equal(await daemon.ended(), 'SIGKILL')
  t.equal((await daemon.cli('status')).code, 3, 'nobody answers')
  t.equal(daemon.dataplanePid(), dataplane, 'the dataplane goes on')

  // Meanwhile somebody took r2 out, and gave r3 another option.
  daemon.configure({
    ...config(),
    vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: await udpPortOf(daemon) },
    networks: [blue(port('r1', { mac: mac(1) }), port('r3', { options: { capacity: 8 } }))],
  })
  await daemon.start()
  t.equal(daemon.dataplanePid(), dataplane, 'the same process')
  t.match((await daemon.get<EventView[]>('events?kind=dataplaneUp')).at(-1), { text: /adopted/ })
  t.same(await names(daemon), ['r1 up', 'r3 up'])
  await until('the sweep, as there are no peers', async () =>
    (await kinds(daemon)).includes('swept'),
  )
  t.match(await daemon.get<MacView[]>('macs'), [{ mac: mac(1), ifname: 'r1' }])
  t.equal(before.length, 3)
  t.equal(await daemon.stop(), 0)
  t.same(processesWith(daemon.runtimeDir), [], 'the end of the new one is the end of both')
})

t.test('a dataplane that dies is started again and filled', async (t) => {
  const daemon = new Daemon(t, config({ networks: [blue(port('r1', { mac: mac(1) }))] }))
  await daemon.start()
  process.kill(daemon.dataplanePid()!, 'SIGKILL')
  const lost = await until('the loss is told', async () =>
    (await daemon.get<EventView[]>('events')).find(({ kind }) => kind === 'dataplaneLost'),
  )
  t.equal(lost.level, 'error')
  await until(
    'it is back',
    async () => (await kinds(daemon)).filter((kind) => kind === 'dataplaneUp').length === 2,
  )
  t.same(await names(daemon), ['r1 up'])
  t.match(await daemon.get<MacView[]>('macs'), [{ mac: mac(1), ifname: 'r1' }])
  t.match(await daemon.get<RouteView[]>('routes?family=evpn'), [{ type: 3 }, { type: 2 }])
  t.match((await daemon.get<StatusView>('status')).health, [
    { code: 'dataplaneRestarted', severity: 'warning', text: /once/ },
  ])
  t.match(daemon.stderr, /dataplaneLost/)
  t.equal(await daemon.stop(), 0)
  t.same(processesWith(daemon.runtimeDir), [])
})

t.test('controller and dataplane apart', async (t) => {
  const settings = config({ networks: [blue(port('r1'))] })
  const plane = new Daemon(t, settings)
  const controller = new Daemon(t, settings)
  const both = ['--runtime-dir', plane.runtimeDir]
  await plane.start('--dataplane-only')
  await controller.start('--controller-only', ...both)
  const status = await plane.get<StatusView>('status')
  t.equal(status.networks, 1)
  t.equal(await controller.stop(), 0)
  t.same(processesWith(plane.runtimeDir), [plane.pid], 'the dataplane goes on')
  await controller.start('--controller-only', ...both)
  t.same(await names(plane), ['r1 up'])

  // Whoever started the dataplane restarts it, too: the controller waits.
  plane.signal('SIGKILL')
  await plane.ended()
  await until('the loss is told', async () => (await kinds(plane)).includes('dataplaneLost'))
  t.match((await plane.get<StatusView>('status')).health, [
    { code: 'dataplaneDown', severity: 'error' },
  ])
  t.same(await plane.get<RouteView[]>('routes?family=evpn'), [], 'nobody forwards')
  const { code, stderr } = await plane.cli('network', 'add', 'x', '--vni', '5000')
  t.equal(code, 1)
  t.match(stderr, /dataplane: expected a running dataplane, got none/)
  await plane.start('--dataplane-only')
  await until('it is filled again', async () => (await names(plane)).includes('r1 up'), {
    seconds: 30,
  })
  t.match(await plane.get<RouteView[]>('routes?family=evpn'), [{ type: 3 }])
  t.equal(await controller.stop(), 0)
  t.equal(await plane.stop(), 0)
})

t.test('two daemons, peers of each other, side by side', { skip: missing() }, async (t) => {
  const lab = Lab.open(t)
  const home = await lab.add(new Namespace(lab, 'home'))
  await home.ip('addr add 10.0.0.1/32 dev lo', 'addr add 10.0.0.2/32 dev lo')
  const bgpPort = freePort()
  const side = (own: number, other: number): object => ({
    asn: 65000 + own,
    vtep: { address: `10.0.0.${own}`, uplink: 'udp', udpPort: 4900 },
    bgp: {
      announceVtep: true,
      listen: { address: `10.0.0.${own}`, port: bgpPort },
      neighbors: [
        {
          address: `10.0.0.${other}`,
          asn: 65000 + other,
          port: bgpPort,
          updateSource: `10.0.0.${own}`,
          families: ['evpn', 'ipv4'],
        },
      ],
    },
    networks: [blue(port('r1', { mac: mac(own), ip: [`10.1.0.${own}`] }))],
  })
  const one = new Daemon(t, side(1, 2))
  const two = new Daemon(t, side(2, 1))
  for (const daemon of [one, two]) daemon.enter = home.enter([])
  await Promise.all([one.start(), two.start()])
  await until(
    'the session is up',
    async () => {
      const [peer] = await one.get<PeerView[]>('peers')
      return peer?.state === 'Established' && peer.received > 0
    },
    { seconds: 20 },
  )
  const macs = await until('the other MAC', async () => {
    const rows = await one.get<MacView[]>('macs?kind=remote')
    return rows.length > 0 && rows
  })
  t.match(macs, [
    {
      network: 'blue',
      mac: mac(2),
      ips: ['10.1.0.2'],
      ifname: null,
      dst: '10.0.0.2',
      sequence: 0,
    },
  ])
  const [peer] = await one.get<PeerView[]>('peers')
  t.same(Object.keys(peer!), [
    'peer',
    'asn',
    'state',
    'uptimeSeconds',
    'families',
    'received',
    'sent',
    'bfd',
  ])
  t.match(peer, { peer: '10.0.0.2', asn: 65002, families: ['evpn', 'ipv4', 'rtc'] })
  const routes = await one.get<RouteView[]>('routes?peer=10.0.0.2')
  t.same(routes.map(({ type }) => type).sort(), [2, 2, 3, 'ipv4', 'rtc'])
  t.match(
    routes.find(({ type }) => type === 'ipv4'),
    { prefix: '10.0.0.2/32', nextHop: '10.0.0.2' },
  )
  t.match(
    routes.find(({ type }) => type === 3),
    {
      originator: '10.0.0.2',
      label: 10100,
      attributes: { asPath: '65002', extendedCommunities: ['encap:vxlan', 'rt:65002:10100'] },
    },
  )
  t.match(await one.get('vteps'), [{ dst: '10.0.0.2', vnis: [10100], macs: 1 }])

  t.equal((await one.cli('peer', 'clear', '10.0.0.2', '--soft', 'in')).code, 0)
  t.equal((await one.cli('peer', 'clear', '10.0.0.3')).code, 1)
  const since = (await one.get<EventView[]>('events')).at(-1)!.sequence
  t.equal((await one.cli('peer', 'clear', '10.0.0.2')).code, 0)
  await until(
    'the session was ended and is back',
    async () => {
      const states = (await one.get<EventView[]>(`events?since=${since}`))
        .filter(({ kind }) => kind === 'peerState')
        .map(({ fields }) => fields['to'])
      return states.includes('Idle') && states.at(-1) === 'Established'
    },
    { seconds: 20 },
  )

  const began = Date.now()
  t.equal(await two.stop(), 0)
  t.ok(Date.now() - began < 4000, `the end took ${Date.now() - began} ms`)
  await until(
    'its routes are gone',
    async () => (await one.get<MacView[]>('macs?kind=remote')).length === 0,
  )
  const states = (await one.get<EventView[]>('events')).filter(({ kind }) => kind === 'peerState')
  t.match(states.at(-1)?.text ?? states, /vtep is stopping|Administrative Shutdown/i)
  t.match((await one.get<StatusView>('status')).health, [{ code: 'peerDown', text: /10\.0\.0\.2/ }])
  t.equal(await one.stop(), 0)
})

t.test(
  'a supervisor is told',
  { skip: findProgram('python3') === undefined && 'not installed: python3' },
  async (t) => {
    const daemon = new Daemon(t, config())
    const path = join(daemon.directory, 'notify.sock')
    // Prints each message with the number of its descriptors.
    const listener = spawn('python3', [
      '-uc',
      `import socket, sys, os
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listens')
while True:
    text, fds, _, _ = socket.recv_fds(s, 4096, 4)
    for fd in fds: os.close(fd)
    print(len(fds), text.decode().replace('\\n', ' '))`,
      path,
    ])
    t.teardown(() => void listener.kill('SIGKILL'))
    let heard = ''
    listener.stdout.setEncoding('utf8').on('data', (text) => {
      heard += text
    })
    await until('it listens', () => heard.includes('listens'))
    daemon.environment['NOTIFY_SOCKET'] = path
    daemon.environment['WATCHDOG_USEC'] = '400000'
    await daemon.start()
    await until('ready', () => heard.includes('READY=1'))
    t.match(heard, /1 FDSTORE=1 FDNAME=api\b/, 'the socket of the API is to be kept')
    await until('alive', () => heard.includes('WATCHDOG=1'))
    daemon.signal('SIGHUP')
    await until('reloading', () => /RELOADING=1 MONOTONIC_USEC=\d+[\s\S]*READY=1/.test(heard))
    t.equal(await daemon.stop(), 0)
    await until('stopping', () => heard.includes('STOPPING=1'))
    t.equal(heard.match(/READY=1/g)?.length, 2, 'the dataplane says nothing')
  },
)

async function udpPortOf(daemon: Daemon): Promise<number> {
  return Number(/udpPort: (\d+)/.exec(readFileSync(daemon.configFile, 'utf8'))?.[1])
}
