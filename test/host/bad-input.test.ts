// What the daemon refuses to start with: one clear line for each thing that is wrong, exit code 1, and nothing left.

import { createSocket } from 'node:dgram'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { portKinds } from '../../src/io/index.js'
import { Daemon, freePort, processesWith } from './daemon.js'

t.setTimeout(180_000)

const config = (more: object = {}) => ({
  asn: 65000,
  vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
  ...more,
})

const ring = (name: string) => ({ name, kind: 'ring' })

interface Refusal {
  readonly name: string
  readonly config: () => object | string
  readonly lines: readonly RegExp[]
}

const refusals: readonly Refusal[] = [
  {
    name: 'a configuration with several mistakes',
    config: () => 'asn: 0\nvtep: { address: 10.0.0 }\ncolour: blue\n',
    lines: [
      /^vtep: \S+vtep\.yaml:1:6: asn: expected an AS number, 1 to 4294967295, got 0$/,
      /^vtep: \S+vtep\.yaml:2:18: vtep\.address: expected .*, got "10\.0\.0"$/,
      /^vtep: \S+vtep\.yaml:3:1: colour: expected one of the keys .*, got the unknown key "colour"$/,
    ],
  },
  {
    name: 'a VTEP address that is not here',
    config: () => config({ vtep: { address: '192.0.2.77', uplink: 'udp' } }),
    lines: [
      /^vtep: vtep\.address: expected an address of this host \(.*127\.0\.0\.1.*\), got 192\.0\.2\.77$/,
    ],
  },
  {
    name: 'an underlay interface that is not here',
    config: () =>
      config({ vtep: { address: '127.0.0.1', uplink: 'udp', interfaces: ['nosuch0'] } }),
    lines: [
      /^vtep: vtep\.interfaces\[0\]: expected an interface of this host \(.*lo.*\), got nosuch0$/,
    ],
  },
  {
    name: 'a port kind that is unknown',
    config: () =>
      config({ networks: [{ name: 'a', vni: 5000, ports: [{ name: 'p', kind: 'rinq' }] }] }),
    lines: [
      /^vtep: .*:11:15: networks\[0\]\.ports\[0\]\.kind: expected one of .*, got "rinq" \(did you mean ring\?\)$/,
    ],
  },
  {
    name: 'two ports that can not be opened, both told',
    config: () =>
      config({
        networks: [
          {
            name: 'a',
            vni: 5000,
            ports: [
              ring('good'),
              { name: 'p', kind: 'pcap', options: { read: '/nonexistent/a' } },
              { name: 'q', kind: 'pcap', options: { read: '/nonexistent/b' } },
            ],
          },
        ],
      }),
    lines: [
      /^vtep: port p of network a: .*\/nonexistent\/a.*No such file/,
      /^vtep: port q of network a: .*\/nonexistent\/b.*No such file/,
    ],
  },
]

/** Starts, expects it to give up with exactly these lines, and that nothing of it is left. */
async function refuses(t: Test, daemon: Daemon, lines: readonly RegExp[]): Promise<void> {
  daemon.launch()
  t.equal(await daemon.ended(), 1, 'exit code')
  t.equal(daemon.stdout, '')
  const said = daemon.stderr.split('\n').filter((line) => line.startsWith('vtep: '))
  t.equal(said.length, lines.length, daemon.stderr)
  for (const [i, line] of lines.entries()) t.match(said[i], line)
  t.notMatch(daemon.stderr, /\n\s+at /, 'no stack')
  t.same(processesWith(daemon.runtimeDir), [], 'no process is left')
  for (const file of ['api.sock', 'control.sock', 'controller.pid']) {
    t.notOk(existsSync(join(daemon.runtimeDir, file)), `no ${file} is left`)
  }
}

for (const { name, config, lines } of refusals) {
  t.test(name, (t) => refuses(t, new Daemon(t, config()), lines))
}

t.test('no configuration file', async (t) => {
  const daemon = new Daemon(t, '')
  const { code, stderr } = await daemon.cli('run', '--config', '/nonexistent/vtep.yaml')
  t.equal(code, 1)
  t.match(stderr, /^vtep: configuration \/nonexistent\/vtep\.yaml: .*no such file[^\n]*\n$/)
})

t.test('a BGP port that is taken, and by whom', async (t) => {
  const server = createServer()
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  )
  t.teardown(() => void server.close())
  const listen = { address: '127.0.0.1', port }
  await refuses(t, new Daemon(t, config({ bgp: { listen } })), [
    new RegExp(`^vtep: bgp\\.listen: .*127\\.0\\.0\\.1:${port}.*\\(pid ${process.pid}\\)`),
  ])
})

t.test('a VXLAN port that is taken, and by whom', async (t) => {
  const socket = createSocket('udp4')
  const udpPort = await new Promise<number>((resolve) =>
    socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)),
  )
  t.teardown(() => void socket.close())
  const vtep = { address: '127.0.0.1', uplink: 'udp', udpPort }
  await refuses(t, new Daemon(t, config({ vtep })), [
    new RegExp(`^vtep: .*${udpPort}.*\\b${process.pid}\\b`),
  ])
})

t.test('an API address that is taken', async (t) => {
  const server = createServer()
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  )
  t.teardown(() => void server.close())
  await refuses(t, new Daemon(t, config({ api: { listen: `127.0.0.1:${port}` } })), [
    new RegExp(
      `^vtep: api: expected to listen on 127\\.0\\.0\\.1 port ${port}, got in use by another program$`,
    ),
  ])
})

t.test('a second instance on the same directory', async (t) => {
  const daemon = new Daemon(t, config())
  await daemon.start()
  const { code, stderr } = await daemon.cli('run', '--config', daemon.configFile)
  t.equal(code, 1)
  t.match(
    stderr,
    new RegExp(`^vtep: another vtep \\(process ${daemon.pid}\\) runs on ${daemon.runtimeDir}: `),
  )
  t.equal((await daemon.cli('status')).code, 0, 'the first goes on')
  t.equal(await daemon.stop(), 0)
})

t.test('a second dataplane on the same directory', async (t) => {
  const daemon = new Daemon(t, config())
  await daemon.start()
  const { code, stderr } = await daemon.cli('run', '--dataplane-only')
  t.equal(code, 1)
  t.match(stderr, /^vtep: .*control\.sock.*\n$/)
  t.equal(await daemon.stop(), 0)
})

t.test('a lock whose owner is dead is taken over', async (t) => {
  const daemon = new Daemon(t, config())
  writeFileSync(join(daemon.runtimeDir, 'controller.pid'), '4194303 12345\n')
  await daemon.start()
  t.equal(
    readFileSync(join(daemon.runtimeDir, 'controller.pid'), 'utf8').split(' ')[0],
    String(daemon.pid),
  )
  t.equal(await daemon.stop(), 0)
})

t.test('a state file that is none', async (t) => {
  const daemon = new Daemon(t, config())
  mkdirSync(join(daemon.runtimeDir, 'state'))
  writeFileSync(
    join(daemon.runtimeDir, 'state', 'amendments.json'),
    '{"networks": [{"name": "a", "vni": 0}]}',
  )
  await refuses(t, daemon, [
    /^vtep: .*amendments\.json: networks\[0\]\.vni: expected a VNI, 1 to 16777215, got 0$/,
  ])
})

t.test('a state file that contradicts the configuration', async (t) => {
  const daemon = new Daemon(t, config({ networks: [{ name: 'a', vni: 5000 }] }))
  mkdirSync(join(daemon.runtimeDir, 'state'))
  const other = JSON.stringify({ networks: [{ name: 'b', vni: 5000 }] })
  writeFileSync(join(daemon.runtimeDir, 'state', 'amendments.json'), other)
  await refuses(t, daemon, [
    /^vtep: .*vtep\.yaml with .*amendments\.json: networks\[1\]\.vni: expected a VNI that no other network or VRF has/,
  ])
})

t.test('a runtime directory with a name too long for sockets', async (t) => {
  const daemon = new Daemon(t, config())
  const { code, stderr } = await daemon.cli(
    'run',
    '--config',
    daemon.configFile,
    '--runtime-dir',
    `/tmp/${'x'.repeat(120)}`,
  )
  t.equal(code, 1)
  t.match(
    stderr,
    /^vtep: runtime directory .*: expected a path that leaves sockets at 107 bytes, got \d+\n$/,
  )
})

t.test('a runtime directory that everybody can write', async (t) => {
  const daemon = new Daemon(t, config())
  chmodSync(daemon.runtimeDir, 0o777)
  const { code, stderr } = await daemon.cli('run', '--config', daemon.configFile)
  t.equal(code, 1)
  t.match(
    stderr,
    /^vtep: runtime directory .*: expected that not everybody can write, got mode 777\n$/,
  )
})

t.test('a controller alone, and no dataplane anywhere', async (t) => {
  const daemon = new Daemon(t, config())
  daemon.launch('--controller-only')
  t.equal(await daemon.ended(), 1)
  t.match(
    daemon.stderr,
    /vtep: no dataplane answers on .*control\.sock: start one with `vtep run --dataplane-only`\n$/,
  )
})

t.test('a dataplane of another version', async (t) => {
  const daemon = new Daemon(t, config())
  const addon =
    process.env['VTEP_ADDON'] ??
    fileURLToPath(new URL('../../../build/Release/vtep.node', import.meta.url))
  const { layoutHash } = await import('../../src/io/index.js')
  const image = readFileSync(addon)
  const other = '0123456789abcdef'
  for (let at = image.indexOf(layoutHash()); at >= 0; at = image.indexOf(layoutHash()))
    image.write(other, at)
  const changed = join(daemon.directory, 'other.node')
  writeFileSync(changed, image)
  daemon.environment['VTEP_ADDON'] = changed
  await daemon.start()
  daemon.signal('SIGKILL')
  await daemon.ended()
  const before = daemon.dataplanePid()
  t.ok(before, 'the dataplane goes on')

  daemon.environment['VTEP_ADDON'] = addon
  daemon.launch()
  t.equal(await daemon.ended(), 1)
  t.match(
    daemon.stderr,
    new RegExp(
      `^vtep: [^\\n]*(${other}[^\\n]*${layoutHash()}|${layoutHash()}[^\\n]*${other})[^\\n]*\\n$`,
    ),
  )
  t.equal(daemon.dataplanePid(), before, 'and is left alone')
})

t.test(
  'no privilege',
  { skip: process.getuid?.() === 0 ? false : 'needs root to give it up' },
  async (t) => {
    const ports = portKinds().some(({ name }) => name === 'netdev') ? [{ name: 'lo' }] : []
    const daemon = new Daemon(t, config({ networks: [{ name: 'a', vni: 5000, ports }] }))
    chmodSync(daemon.directory, 0o755)
    const { attempt } = await import('../lab/index.js')
    const { program } = await import('./daemon.js')
    const words = ['run', '--config', daemon.configFile, '--runtime-dir', daemon.runtimeDir]
    const { code, stderr } = await attempt([
      'setpriv',
      '--bounding-set=-all',
      '--inh-caps=-all',
      '--',
      process.execPath,
      program,
      ...words,
    ])
    t.equal(code, 1)
    t.match(
      stderr,
      /^vtep: no privilege: CAP_NET_RAW for port lo \(netdev\), CAP_NET_ADMIN for port lo \(netdev\); run as root or with CAP_NET_RAW and CAP_NET_ADMIN\n$/,
    )
  },
)

t.test('usage: exit code 2', async (t) => {
  const daemon = new Daemon(t, config())
  for (const words of [
    ['run'],
    ['run', '--dataplane-only', '--controller-only'],
    ['run', '--dataplane-only', '--workers', '99'],
    ['run', '--dataplane-only', '--polling', 'often'],
    ['run', '--dataplane-only', '--cpus', '0,one'],
    ['run', '--config', daemon.configFile, '--workers', '1'],
    ['run', '--config', daemon.configFile, '--cpus', '0'],
    ['run', '--colour'],
    ['nonsense'],
    ['network', 'add'],
    ['check'],
    ['completion', 'tcsh'],
    [],
  ]) {
    const { code, stderr } = await daemon.cli(...words)
    t.equal(code, 2, `vtep ${words.join(' ')}: ${stderr.split('\n')[0]}`)
  }
})
