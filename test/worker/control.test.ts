// The control socket: who may talk, and what it says to those who talk nonsense.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Operation } from '../../src/fib/dataplane.js'
import { layoutHash, NativeDataplane, startDataplane } from '../../src/io/native.js'
import { findProgram } from '../lab/requires.js'
import { until } from '../lab/wait.js'
import { controlPath, startRings, vni } from './rings.js'

const processScript = fileURLToPath(new URL('../io-native/dataplane-process.js', import.meta.url))
const python = findProgram('python3') === undefined ? 'not installed: python3' : false

/** Runs a Python program with a SOCK_SEQPACKET connection `s` to the path; Node has no such sockets. */
function talk(path: string, program: string): string {
  const source = `
import socket, struct, sys, os, random
def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(5)
    s.connect(${JSON.stringify(path)})
    return s
def message(kind, verb=b'', payload=b'', id=1, base=0, zero=0):
    return struct.pack('<IHHII', id, kind, len(verb), base, zero) + verb + payload
def hello(role='controller', layout=${JSON.stringify(layoutHash())}):
    s = connect()
    s.send(message(1, payload=f'layout={layout}\\nrole={role}\\n'.encode()))
    return s
def answer(s):
    data = s.recv(1 << 20)
    if not data: return 'END'
    id, kind, n, base, zero = struct.unpack('<IHHII', data[:16])
    return f'{kind} {id} {data[16:16+n].decode("utf8", "replace")} {data[16+n:].decode("utf8", "replace")}'
${program}`
  const { stdout, stderr, status } = spawnSync('python3', ['-c', source], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  if (status !== 0) throw new Error(`python3: ${stderr}`)
  return stdout.trim()
}

t.test('one controller, many observers', async (t) => {
  const { path, dataplane } = await startRings(t)
  t.throws(
    () => NativeDataplane.attach({ controlPath: path, role: 'controller' }),
    { code: 'REFUSED', message: new RegExp(`process ${process.pid}\\b`) },
    'a second controller is told who the first is',
  )
  const observers = [1, 2, 3].map(() =>
    NativeDataplane.attach({ controlPath: path, role: 'observer' }),
  )
  const port = await dataplane.openPort({ name: 'a', kind: 'ring', options: {} })
  for (const observer of observers) {
    await observer.ping()
    t.equal(observer.pid, process.pid)
    t.match(observer.snapshot().ports, [{ id: port, name: 'a', kind: 'ring', vni: 0 }])
    t.equal(observer.counters().ports.length, 1)
    await t.rejects(observer.apply([{ op: 'networkRemove', vni }]), {
      code: 'FAILED',
      message: /observer may not/,
    })
    await t.rejects(observer.shutdown(), { message: /observer may not/ })
  }
  await dataplane.detach()
  const next = NativeDataplane.attach({ controlPath: path, role: 'controller' })
  t.match(next.snapshot().networks, [{ vni, suppress: true, agingSeconds: 300 }])
  await next.detach()
  for (const observer of observers) await observer.detach()
})

t.test('every observer hears of every event', async (t) => {
  const { path, dataplane, open } = await startRings(t)
  const heard = [0, 0, 0]
  const observers = heard.map((_, i) => {
    const observer = NativeDataplane.attach({ controlPath: path, role: 'observer' })
    observer.listen((events) => {
      heard[i]! += events.filter(({ event }) => event === 'macLearned').length
    })
    return observer
  })
  const a = await open('a')
  const bytes = new Uint8Array(60)
  bytes.set([2, 0, 0, 0, 0, 1, 2, 9, 0, 0])
  for (let i = 0; i < 200; i++) {
    bytes[10] = i >> 8
    bytes[11] = i
    await dataplane.ringSend(a, [{ bytes }])
  }
  await until('200 events each', () => heard.every((count) => count === 200))
  for (const observer of observers) await observer.detach()
})

t.test('a path that is taken, stale, or no socket', async (t) => {
  const { path } = await startRings(t)
  t.throws(() => startDataplane({ workers: 1, controlPath: path }), {
    code: 'FAILED',
    message: new RegExp(`live dataplane holds it \\(process ${process.pid}\\)`),
  })
  t.equal(statSync(path).mode & 0o777, 0o600)

  const other = controlPath(t)
  const child = spawn(process.execPath, [processScript, other], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => child.stdout!.once('data', resolve))
  child.kill('SIGHUP')
  const observer = NativeDataplane.attach({ controlPath: other, role: 'observer' })
  await observer.ping()
  t.equal(observer.pid, child.pid, 'the end of a terminal does not end it')
  const lost = new Promise<string>((resolve) => observer.onLost(resolve))
  child.kill('SIGKILL')
  t.match(await lost, new RegExp(`process ${child.pid}`))
  t.ok(existsSync(other), 'killed, it leaves its socket')
  const replaced = startDataplane({ workers: 1, controlPath: other })
  replaced.close()
  replaced.close()
  t.notOk(existsSync(other), 'closed, it takes its socket along')
  await t.rejects(observer.ping(), { code: 'FAILED' })

  writeFileSync(other, 'something')
  t.throws(() => startDataplane({ workers: 1, controlPath: other }), {
    message: /expected a socket/,
  })
  t.equal(readFileSync(other, 'utf8'), 'something', 'and is left alone')
  t.throws(() => NativeDataplane.attach({ controlPath: `${other}-not-there`, role: 'observer' }), {
    code: 'UNREACHABLE',
    message: /no dataplane runs there/,
  })
  t.throws(() => startDataplane({ workers: 0, controlPath: other }), { name: 'TypeError' })
  t.throws(() => startDataplane({ workers: 1, controlPath: `${other}/x` }), { code: 'FAILED' })
})

t.test('shutdown ends it, and resolves when all is gone', async (t) => {
  const path = controlPath(t)
  const child = spawn(process.execPath, [processScript, path, '3'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => child.stdout!.once('data', resolve))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const dataplane = NativeDataplane.attach({ controlPath: path, role: 'controller' })
  dataplane.onLost(() => t.fail('an end that was asked for is no loss'))
  await dataplane.shutdown()
  t.equal(await ended, 0)
  t.notOk(existsSync(path))
})

t.test('a process that ends without closing anything just ends', async (t) => {
  const path = controlPath(t)
  const native = new URL('../../src/io/native.js', import.meta.url).href
  const program = `
    const { startDataplane, NativeDataplane } = await import(${JSON.stringify(native)})
    startDataplane({ workers: 2, controlPath: ${JSON.stringify(path)} })
    const dataplane = NativeDataplane.attach({ controlPath: ${JSON.stringify(path)}, role: 'controller' })
    await dataplane.openPort({ name: 'a', kind: 'ring', options: {} })
    dataplane.listen(() => {})`
  for (const end of ['', '\nprocess.exit(0)', '\nvoid dataplane.ping(); process.exit(0)']) {
    const { status, signal, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', program + end],
      { encoding: 'utf8', timeout: 20_000 },
    )
    t.match({ status, signal, stderr }, { status: 0, signal: null, stderr: '' }, end)
    t.notOk(existsSync(path))
  }
})

t.test('another layout is refused, with both hashes', { skip: python }, async (t) => {
  const { path } = await startRings(t)
  const text = talk(path, `print(answer(hello(layout='0123456789abcdef')))`)
  t.match(text, /^5 .*LAYOUT_MISMATCH/)
  t.match(text, layoutHash())
  t.match(text, /0123456789abcdef.*restart the dataplane/)

  // The same with a real program of another version: this addon with another hash in it.
  const folder = mkdtempSync(join(tmpdir(), 'vt-worker-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const addon =
    process.env['VTEP_ADDON'] ??
    fileURLToPath(new URL('../../../build/Release/vtep.node', import.meta.url))
  const image = readFileSync(addon)
  const other = 'fedcba9876543210'
  for (let at = image.indexOf(layoutHash()); at >= 0; at = image.indexOf(layoutHash())) {
    image.write(other, at)
  }
  writeFileSync(join(folder, 'vtep.node'), image)
  const native = new URL('../../src/io/native.js', import.meta.url).href
  const { stdout } = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { NativeDataplane } = await import(${JSON.stringify(native)})
      try { NativeDataplane.attach({ controlPath: ${JSON.stringify(path)}, role: 'controller' }) }
      catch (error) { console.log(error.code, error.message) }`,
    ],
    { encoding: 'utf8', env: { ...process.env, VTEP_ADDON: join(folder, 'vtep.node') } },
  )
  t.match(stdout, /^LAYOUT_MISMATCH /)
  t.match(stdout, other)
  t.match(stdout, layoutHash())
})

t.test('nonsense gets one clear answer each', { skip: python }, async (t) => {
  const { path, dataplane } = await startRings(t)
  await dataplane.detach()
  const lines = talk(
    path,
    `
s = connect()
for raw in [b'x', b'y' * 15, message(0), message(8), message(3, b'ping', zero=7),
            struct.pack('<IHHII', 1, 3, 60000, 0, 0) + b'ping', message(3, b'ping'), message(2),
            message(1, payload=b'role=controller'), message(1, payload=b'layout=\\nrole=king')]:
    s.send(raw); print(answer(s))
s = hello(); print(answer(s).split()[0])
for raw in [message(1, payload=b'layout=${layoutHash()}\\nrole=controller'), message(3, b'fly'), message(3, b'apply', b'\\1'),
            message(3, b'apply', struct.pack('<HH', 99, 0)), message(3, b'apply', struct.pack('<HHI', 2, 4, 10200) + b'\\2'),
            message(3, b'apply', struct.pack('<HH', 2, 60000)), message(3, b'port-open', b'name'), message(3, b'port-open', b'kind=ring'),
            message(3, b'port-open', b'name=' + b'n' * 64 + b'\\nkind=ring'), message(3, b'port-open', b'name=a\\nkind=pigeon'),
            message(3, b'port-open', b'name=a\\nkind=ring\\ncapacity=0'), message(3, b'port-open', b'name=a\\nkind=ring\\nwings=2'),
            message(3, b'port-close', b'x'), message(3, b'port-close', b'99'), message(3, b'ring-send', b'\\1'),
            message(3, b'ring-receive', b'\\1\\0\\0\\0'), message(3, b'configure', b'address=10.0.0.1\\nudpPort=70000'), message(3, b'configure', b'nonsense'),
            message(7, payload=b'123'), message(4), message(3, b'ping')]:
    s.send(raw); print(answer(s))
print('DONE')
`,
  ).split('\n')
  t.match(lines.at(-1), 'DONE')
  const errors = lines.filter((line) => line.startsWith('5 '))
  t.equal(errors.length, 30)
  t.same(
    errors.filter((line) => line.length < 30 || line.length > 300),
    [],
    'a sentence each',
  )
  t.equal(lines.at(-2), '4 1  ', 'and it still answers')
})

t.test('ten thousand random messages', { skip: python, timeout: 90_000 }, async (t) => {
  const { path, dataplane } = await startRings(t)
  await dataplane.detach()
  talk(
    path,
    `
random.seed(20)
verbs = [b'ping', b'apply', b'configure', b'port-open', b'port-close', b'ring-send', b'ring-receive', b'']
sizes = [64, 4, 8, 20, 20, 28, 16, 12, 32, 24, 52, 52, 68]
def operations():
    out = b''
    for _ in range(random.randrange(12)):
        code = random.randrange(1, 14)
        body = bytearray(random.randbytes(sizes[code - 1]))
        if random.random() < 0.8: body[0:4] = struct.pack('<I', random.choice([10100, 10101, 10102, 1]))
        # Without a VRF and a router MAC, or with random ones, which are refused.
        if code == 1 and random.random() < 0.7: body[20:32] = bytes(12)
        out += struct.pack('<HH', code, len(body)) + bytes(body)
    return out
s = hello(); answer(s)
for i in range(10000):
    how = random.random()
    if how < 0.2: raw = random.randbytes(random.randrange(1, 200))
    elif how < 0.7: raw = message(3, b'apply', operations())
    else: raw = message(random.randrange(9), random.choice(verbs), random.randbytes(random.randrange(60)), id=i)
    if raw[4:6] == b'\\3\\0' and b'shutdown' in raw: continue
    s.send(raw)
    if raw[4:6] != b'\\7\\0' or len(raw) < 16: 
        got = answer(s)
        while got.startswith('6 '): got = answer(s)
        if got == 'END': s = hello(); answer(s)
`,
  )
  const again = NativeDataplane.attach({ controlPath: path, role: 'controller' })
  await again.ping()
  t.ok(again.snapshot().networks.length > 0, 'the tables can be read')
  await again.detach()
})

t.test('a batch larger than a message is applied whole and in order', async (t) => {
  const { dataplane } = await startRings(t)
  const mac = (i: number): string =>
    `02:00:00:${[i >> 16, i >> 8, i].map((part) => (part & 0xff).toString(16).padStart(2, '0')).join(':')}`
  const set = (i: number, remote: string): Operation => ({
    op: 'macSetRemote',
    vni,
    mac: mac(i),
    remote,
    sticky: false,
    override: false,
  })
  const count = 20_000
  const operations = Array.from({ length: count }, (_, i) => set(i, '192.0.2.1'))
  operations.push(...Array.from({ length: count }, (_, i) => set(i, '192.0.2.2')))
  await dataplane.apply(operations)
  const { macs, remotes } = dataplane.snapshot()
  t.equal(macs.length, count)
  t.ok(
    macs.every(({ remote }) => remote === '192.0.2.2'),
    'the later operation wins',
  )
  t.same(
    remotes.map(({ address }) => address),
    ['192.0.2.2'],
    'a VTEP that nothing points to is gone',
  )
  const broken: Operation[] = [...operations]
  broken[30_001] = { op: 'portAttach', port: 4000, vni }
  await t.rejects(dataplane.apply(broken), {
    code: 'FAILED',
    message: /^operation 30001 \(portAttach port 4000 vni 10100\): ./,
  })
})
