// `vtep capture`, the API's stream, Wireshark's plug-in and live traces, of real daemons between real interfaces.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { decodePcapng, type PcapngPacket } from '../../src/wire/index.js'
import {
  missing,
  ping,
  reaches,
  root,
  routedFabric,
  sendFrames,
  startVtep,
  type Tenant,
  until,
  Vtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, network } from './support.js'

const skip = missing('fping', 'tshark', 'capinfos', 'python3')
const program = join(root, 'bin/vtep.js')

interface Pair {
  readonly vteps: readonly [Vtep, Vtep]
  readonly tenants: readonly [Tenant, Tenant]
  /** Where the second's API listens, and a token for it. */
  readonly far: { readonly url: string; readonly token: string }
}

/** A tenant that says nothing that nobody asked for. */
const quiet = (n: number) => ({ mac: macOf(n), ip4: `${ipOf(n)}/24`, ipv6: false })

/** Two hosts with a tenant each, behind a router. */
async function pair(t: Test, uplink: string): Promise<Pair> {
  const { hosts } = await routedFabric(t, { hosts: 2 })
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await h1.tenant('vm1', quiet(1))
  const vm2 = await h2.tenant('vm2', quiet(2))
  const first = await startVtep(
    h1,
    leaf(h1, { uplink, ports: ['vm1'], remotes: [{ address: h2.vtep4, macs: [macOf(2)] }] }),
  )
  const second = new Vtep(h2)
  const listen = `${h2.vtep4}:8472`
  second.configure({
    ...leaf(h2, { uplink, ports: ['vm2'], remotes: [{ address: h1.vtep4, macs: [macOf(1)] }] }),
    api: { listen },
  })
  // There first: without a token nobody may listen for other hosts.
  const { stdout } = await second.cli('token', 'create', 'h1', '--role', 'operator')
  await second.run()
  await reaches(vm1, ipOf(2))
  const far = { url: `http://${listen}`, token: stdout.trim() }
  return { vteps: [first, second], tenants: [vm1, vm2], far }
}

interface Command {
  readonly stdout: () => string
  readonly stderr: () => string
  readonly ended: Promise<number | null>
  signal(signal: NodeJS.Signals): void
}

/** A capture or trace that is on when this resolves. */
async function begin(t: Test, vtep: Vtep, ...words: readonly string[]): Promise<Command> {
  return beginWith(t, vtep, '', words)
}

async function beginWith(
  t: Test,
  vtep: Vtep,
  token: string,
  words: readonly string[],
): Promise<Command> {
  const [enter, ...argv] = vtep.host.enter([process.execPath, program, ...words])
  const child = spawn(enter!, argv, {
    env: { ...process.env, VTEP_RUNTIME_DIR: vtep.runtimeDir, VTEP_TOKEN: token },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const said = { stdout: '', stderr: '' }
  for (const key of ['stdout', 'stderr'] as const)
    child[key].setEncoding('utf8').on('data', (text: string) => {
      said[key] += text
    })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  await until(`vtep ${words.join(' ')} has begun`, () => said.stderr.includes('vtep: capturing'))
  return {
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    ended,
    signal: (signal) => child.kill(signal),
  }
}

const packetsOf = (file: string): PcapngPacket[] =>
  decodePcapng(readFileSync(file)).flatMap((block) => (block.block === 'packet' ? [block] : []))

/** What Wireshark makes of a file: these fields of each packet. */
async function tshark(vtep: Vtep, file: string, ...fields: readonly string[]): Promise<string[][]> {
  const words = ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])]
  const text = await vtep.host.exec(['tshark', ...words], { env: { HOME: vtep.host.directory } })
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
}

for (const uplink of ['udp', 'raw']) {
  test(`every point of a frame's way, uplink ${uplink}`, { skip }, async (t) => {
    const { vteps, tenants } = await pair(t, uplink)
    const [a, b] = vteps
    const file = join(a.host.directory, 'a.pcapng')
    const capture = await begin(t, a, 'capture', '--filter', 'icmp or udp', '-w', file)
    const far = await begin(
      t,
      b,
      'capture',
      '--point',
      'after-decap',
      '--filter',
      'icmp',
      '--count',
      '2',
      '--json',
    )
    t.equal((await ping(tenants[0], ipOf(2), { count: 2 })).received, 2)
    t.equal(await far.ended, 0)
    await until('all is written', () => packetsOf(file).length >= 12)
    capture.signal('SIGINT')
    t.equal(await capture.ended, 0, 'Ctrl-C is a good end')
    t.match(capture.stderr(), /vtep: \d+ frames\n$/)

    const rows = await tshark(a, file, 'frame.interface_name', 'frame.comment', '_ws.col.Info')
    const of = (point: string): string[][] =>
      rows.filter(([name, , info]) => name?.endsWith(`:${point}`) && info?.includes('ping'))
    for (const [point, name, comment] of [
      ['from-port', 'vm1', /point=from-port verdict=remote port=vm1 network=blue vni=10100 dst=/],
      ['before-encap', 'vm1', /network=blue vni=10100 dst=10\.255\.0\.2/],
      ['after-encap', 'underlay', /verdict=sent port=vm1 network=blue vni=10100 dst=/],
      ['before-decap', 'underlay', /verdict=port out=vm1 network=blue vni=10100 dst=/],
      ['after-decap', 'underlay', /verdict=port out=vm1 network=blue vni=10100/],
      ['to-port', 'vm1', /verdict=sent out=vm1 network=blue vni=10100/],
    ] as const) {
      const seen = of(point)
      t.equal(seen.length, 2, `${point}: ${seen.length}`)
      t.equal(seen[0]?.[0], `${name}:${point}`)
      t.match(seen[0]?.[1], comment)
    }
    const outer = rows.find(([name]) => name === 'underlay:after-encap')
    t.equal(/outer=rebuilt/.test(outer?.[1] ?? ''), uplink === 'udp', 'who wrote the outer headers')
    const pointsOf = new Map<string, string[]>()
    for (const { id, comment } of packetsOf(file)) {
      const point = /point=(from-port|before-encap|after-encap) .*\bport=vm1 /.exec(
        comment ?? '',
      )?.[1]
      if (point !== undefined) pointsOf.set(`${id}`, [...(pointsOf.get(`${id}`) ?? []), point])
    }
    const requests = [...pointsOf.values()].filter((points) => points.includes('from-port'))
    const way = ['from-port', 'before-encap', 'after-encap']
    t.same(requests, [way, way], 'a number for each request, the same on its whole way')
    for (const line of far.stdout().trim().split('\n'))
      t.match(JSON.parse(line), { point: 'after-decap', network, summary: /ICMP echo request/ })
  })
}

test('what is lost, by its reason, and nothing else', { skip }, async (t) => {
  const { vteps, tenants } = await pair(t, 'raw')
  const [a] = vteps
  const file = join(a.host.directory, 'drops.pcapng')
  const capture = await begin(
    t,
    a,
    ...['capture', '--reason', 'source_multicast', '--port', 'vm1', '--count', '2', '-w', file],
  )
  t.notMatch(capture.stderr(), /fast path/, 'the fast path loses nothing: it stays')
  const octets = (mac: string): number[] => mac.split(':').map((part) => Number.parseInt(part, 16))
  const bad = [
    ...octets(macOf(2)),
    ...octets('01:00:5e:00:00:01'),
    0x88,
    0xb5,
    ...Array(46).fill(7),
  ]
  await sendFrames(tenants[0], 'eth0', [bad, bad])
  t.equal(await capture.ended, 0)
  const packets = packetsOf(file)
  t.equal(packets.length, 2)
  t.same([...packets[0]!.bytes], bad)
  t.match(
    packets[0]!.comment,
    /^point=drop verdict=drop reason=source_multicast port=vm1 .*; the source MAC is a group/,
  )
  const info = await a.host.exec(['capinfos', file], { env: { HOME: a.host.directory } })
  t.match(info, /Number of packets: +2/)

  for (const [words, code, sentence] of [
    [['--filter', 'prot tcp'], 1, /filter: expected tcpdump's language, got .*syntax error/],
    [['--port', 'vm9'], 1, /port: expected one of vm1, got "vm9"/],
    [['--network', 'red'], 1, /network: expected one of blue, got "red"/],
    [['--reason', 'bad'], 1, /reason: expected too_short, /],
    [['--count', 'x'], 1, /count: expected/],
    [['--point', 'nowhere'], 2, /--point/],
  ] as const) {
    const { code: status, stderr } = await a.cli('capture', ...words)
    t.same([status, sentence.test(stderr)], [code, true], stderr)
  }
})

test('the way of a frame at both of its hosts', { skip }, async (t) => {
  const { vteps, tenants, far } = await pair(t, 'raw')
  const [a, b] = vteps
  const here = await begin(
    t,
    a,
    ...['trace', '--live', '--port', 'vm1', '--filter', 'icmp', '--count', '2', '--json'],
  )
  const there = await begin(
    t,
    b,
    ...['trace', '--live', '--network', network, '--count', '4', '--json'],
  )
  t.equal((await ping(tenants[0], ipOf(2), { count: 2 })).received, 2)
  t.equal(await here.ended, 0)
  t.equal(await there.ended, 0)
  interface Way {
    readonly digest: string
    readonly steps: readonly { readonly point: string; readonly verdict?: string }[]
  }
  const ways = ({ stdout }: Command): Way[] =>
    stdout()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Way)
  const [request] = ways(here)
  t.match(
    request?.steps.map(({ point, verdict }) => `${point} ${verdict}`),
    ['from-port remote', 'before-encap remote', 'after-encap sent'],
  )
  const arrived = ways(there).find(({ digest }) => digest === request?.digest)
  t.match(
    arrived?.steps.map(({ point, verdict }) => `${point} ${verdict}`),
    ['before-decap port', 'after-decap port', 'to-port sent'],
    'the same frame, by its digest',
  )
  t.match(here.stderr(), /frames of port vm1 leave the kernel's fast path while the capture is on/)

  const both = await beginWith(t, a, far.token, [
    ...['trace', '--live', '--port', 'vm1', '--filter', 'icmp', '--count', '1'],
    ...['--far', far.url],
  ])
  await until('the far side looks, too', () => both.stderr().split('capturing').length === 3)
  await ping(tenants[0], ipOf(2))
  t.equal(await both.ended, 0)
  t.match(
    both.stdout(),
    / after-encap .*\n {2}at 10\.255\.0\.2:8472:\n {4}before-decap .*\n {4}after-decap .*\n {4}to-port .*vm2/,
  )
  const stranger = await a.cli('trace', '--live', '--far', far.url)
  t.equal(stranger.code, 1)
  t.match(stranger.stderr, /token/)

  const lines = await begin(t, a, 'trace', '--live', '--filter', 'icmp', '--count', '1')
  await ping(tenants[0], ipOf(2))
  t.equal(await lines.ended, 0)
  t.match(lines.stdout(), /^frame 0:\d+ {2}digest [0-9a-f]{16}\n.*ICMP echo request\n {2}from-port/)
})

test('Wireshark finds networks and ports, and captures from them', { skip }, async (t) => {
  const { vteps, tenants } = await pair(t, 'udp')
  const [a] = vteps
  const folder = join(a.host.directory, 'extcap')
  mkdirSync(folder)
  symlinkSync(join(root, 'packaging/extcap/vtep'), join(folder, 'vtep'))
  const program = join(folder, '..', 'vtep')
  writeFileSync(
    program,
    `#!/bin/sh\nexec ${process.execPath} ${join(root, 'bin/vtep.js')} "$@"\n`,
    {
      mode: 0o755,
    },
  )
  const env = {
    HOME: a.host.directory,
    WIRESHARK_EXTCAP_DIR: folder,
    VTEP_PROGRAM: program,
    VTEP_RUNTIME_DIR: a.runtimeDir,
  }
  // Wireshark trusts no folder of the environment when root calls it: in a namespace we are somebody else.
  const user = ['unshare', '--user', '--map-user=1000', '--map-group=1000']
  const listed = await a.host.exec([...user, 'tshark', '-D'], { env })
  t.match(listed, /vtep \(vtep: all frames\)/)
  t.match(listed, /vtep-net-blue \(vtep: blue \(VNI 10100\)\)/)
  t.match(listed, /vtep-port-vm1 \(vtep: port vm1\)/)
  t.match(await a.host.exec([...user, 'tshark', '-i', 'vtep', '-L'], { env }), /EN10MB/)
  const file = join(a.host.directory, 'w.pcapng')
  const tool = a.host.attempt(
    [
      ...[...user, 'tshark', '-i', 'vtep-port-vm1', '-f', 'icmp', '-c', '4'],
      ...['-w', file, '-a', 'duration:20'],
    ],
    { env },
  )
  await until('it has begun', async () => {
    await ping(tenants[0], ipOf(2))
    return existsSync(file) && readFileSync(file).length > 1000
  })
  const { code, stderr } = await tool
  t.equal(code, 0, stderr)
  t.notMatch(stderr, /extcap pipe/, 'nothing that Wireshark would take for an error')
  const rows = await tshark(a, file, 'frame.comment', 'icmp.type')
  t.ok(rows.length >= 4)
  t.ok(rows.every(([comment]) => comment?.startsWith('point=')))
})
