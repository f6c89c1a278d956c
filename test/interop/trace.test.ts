// Traces on running daemons: the command, the API, and an image of the tables, about frames that tenants could send.

import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { test } from 'tap'
import { loadCore, type Trace } from '../../src/trace/index.js'
import { type Host, reaches, root, routedFabric, startVtep, type VtepConfig } from '../lab/index.js'

const blue = 10100
const macOf = (n: number): string => `02:00:00:00:00:0${n}`

function config(
  host: Host,
  far: Host,
  ports: Readonly<Record<string, readonly string[]>>,
): VtepConfig {
  const subnet = (name: string, vni: number, gateway: string) => ({
    name,
    vni,
    vrf: 'red',
    gateway: [`${gateway}/24`],
    ports: (ports[name] ?? []).map((port) => ({ name: port })),
  })
  return {
    asn: 65000,
    routerId: host.vtep4,
    vtep: { address: host.vtep4, uplink: 'raw' },
    bgp: { listen: {}, neighbors: [{ address: far.vtep4, asn: 65000 }] },
    vrfs: [{ name: 'red', vni: 50001 }],
    networks: [subnet('blue', blue, '10.1.0.1'), subnet('green', 10200, '10.2.0.1')],
  }
}

test('a frame is traced on two hosts', async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const tenant = (host: Host, name: string, n: number, ip: string) =>
    host.tenant(name, { mac: macOf(n), ip4: `${ip}/24` })
  const vm1 = await tenant(h1, 'vm1', 1, '10.1.0.11')
  await tenant(h2, 'vm2', 2, '10.1.0.12')
  const vm3 = await tenant(h1, 'vm3', 3, '10.2.0.13')
  const one = await startVtep(h1, config(h1, h2, { blue: ['vm1'], green: ['vm3'] }))
  const two = await startVtep(h2, config(h2, h1, { blue: ['vm2'] }))
  await one.established()
  await reaches(vm1, '10.1.0.12')
  await reaches(vm3, '10.2.0.1')
  await one.learned(macOf(2), { dst: h2.vtep4 })

  const traced = (...words: readonly string[]): Promise<Trace> => one.read('trace', ...words)
  const names = ({ steps }: Trace): string[] => steps.map(({ step }) => step)

  const web = await traced(
    '--port',
    'vm1',
    '--ip-dst',
    '10.1.0.12',
    '--proto',
    'tcp',
    '--dport',
    '80',
  )
  t.match(web.verdict, {
    outcome: 'remote',
    reason: null,
    text: `to VTEP ${h2.vtep4} with VNI ${blue}`,
  })
  t.match(names(web), ['fromPort', 'frame', 'known', 'atVtep', 'toVtep', 'leftToVtep', 'path'])
  t.match(web.steps.at(-1)?.fields, { path: /^(kernel|workers)$/ })
  t.same(
    web.out.map(({ to }) => to),
    [h2.vtep4],
  )

  // What leaves here arrives there.
  const hex = web.out[0]!.frame
  const there = await two.read<Trace>('trace', '--from-underlay', '--hex', hex)
  t.match(there.verdict, { outcome: 'port', text: 'to port vm2' })
  t.equal(there.out[0]?.frame, hex.slice(2 * 50), 'the very frame, without the outer headers')
  const inner = await two.read<Trace>(
    'trace',
    '--from-vtep',
    h1.vtep4,
    '--vni',
    String(blue),
    '--hex',
    hex.slice(2 * 50),
  )
  t.match(inner.verdict, { outcome: 'port', text: 'to port vm2' })

  const verdicts: readonly (readonly [string, object, ...string[]])[] = [
    [
      'routed',
      { outcome: 'gateway', text: 'routed to port vm3' },
      '--port',
      'vm1',
      '--ip-dst',
      '10.2.0.13',
    ],
    [
      'no TTL left',
      { outcome: 'drop', reason: 'ttl_exceeded' },
      '--port',
      'vm1',
      '--ip-dst',
      '10.2.0.13',
      '--ttl',
      '1',
    ],
    [
      'to nobody',
      { outcome: 'drop', reason: 'no_neighbour' },
      '--port',
      'vm1',
      '--ip-dst',
      '10.2.0.99',
    ],
    [
      'too large',
      { outcome: 'drop', reason: 'exceeds_mtu' },
      '--port',
      'vm1',
      '--ip-dst',
      '10.1.0.12',
      '--length',
      '9000',
    ],
    [
      'a question',
      { outcome: 'answered', reason: 'suppressed' },
      '--port',
      'vm1',
      '--ip-dst',
      '10.1.0.1',
      '--proto',
      'arp',
    ],
    [
      'an echo',
      { outcome: 'answered', reason: 'for_router' },
      '--port',
      'vm1',
      '--ip-dst',
      '10.1.0.1',
    ],
    [
      'unknown',
      { outcome: 'flood', text: 'to VTEP' },
      '--port',
      'vm1',
      '--dst-mac',
      '02:00:00:00:00:77',
    ],
    [
      'a stranger',
      { outcome: 'drop', reason: 'unknown_vtep' },
      '--from-vtep',
      '10.9.9.9',
      '--vni',
      String(blue),
      '--src-mac',
      macOf(9),
      '--dst-mac',
      macOf(1),
    ],
  ]
  for (const [what, expected, ...words] of verdicts) {
    const { verdict } = await traced(...words)
    t.match(verdict, expected, `${what}: ${verdict.text}`)
  }

  // The same by an image, as a browser does it.
  const image = await octetsOf(one.runtimeDir, `/v1/image?network=${blue}`)
  const core = await loadCore(readFileSync(join(root, 'build/vtep-core.wasm')))
  const tracer = await core.open(image)
  const port = tracer.ports.find(({ name }) => name === 'vm1')!.id
  const bytes = Buffer.from(hex.slice(2 * 50), 'hex')
  const elsewhere = tracer.trace(bytes, { port })
  t.same(elsewhere.verdict, web.verdict)
  t.same(elsewhere.out, web.out)
  t.ok(image.length < 8 << 20, `${image.length} octets`)

  const wrong = async (
    code: number,
    pattern: RegExp,
    ...words: readonly string[]
  ): Promise<void> => {
    const { code: got, stderr } = await one.cli('trace', ...words)
    t.match({ code: got, stderr }, { code, stderr: pattern }, stderr)
  }
  await wrong(2, /expected where the frame comes from/, '--ip-dst', '10.1.0.12')
  await wrong(
    1,
    /port: expected one of vm1, vm3, got "vm9"/,
    '--port',
    'vm9',
    '--ip-dst',
    '10.1.0.12',
  )
  await wrong(
    1,
    /frame.ipDst: expected .*address, got "10.1.0"/,
    '--port',
    'vm1',
    '--ip-dst',
    '10.1.0',
  )
  await wrong(1, /frame: expected octets in hexadecimal/, '--port', 'vm1', '--hex', 'xyz')
  // A frame of a capture file (of libpcap: microseconds, little-endian, Ethernet).
  const file = join(one.runtimeDir, 'web.pcap')
  const head = Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex')
  const record = Buffer.alloc(16)
  for (const at of [8, 12]) record.writeUInt32LE(bytes.length, at)
  writeFileSync(file, Buffer.concat([head, record, bytes]))
  t.same(await traced('--port', 'vm1', '--pcap', file), web)
  await wrong(
    1,
    /expected a frame 2, got 1 frames/,
    '--port',
    'vm1',
    '--pcap',
    file,
    '--frame',
    '2',
  )
  const { stdout } = await one.cli('trace', '--port', 'vm1', '--ip-dst', '10.1.0.12')
  t.match(stdout, /toVtep +to VTEP 10\.255\.0\.2 by 172\.31\.1\.0/)
})

function octetsOf(runtimeDir: string, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get({ socketPath: join(runtimeDir, 'api.sock'), path }, async (response) => {
      const parts: Buffer[] = []
      for await (const part of response) parts.push(part as Buffer)
      const octets = Buffer.concat(parts)
      if (response.statusCode === 200) resolve(octets)
      else reject(new Error(octets.toString()))
    }).once('error', reject)
  })
}
