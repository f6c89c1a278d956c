// Who may do what over TCP, as somebody sees it who should not: no token, a wrong one, one that only reads, a page of another
// site, a connection that never ends.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Attempts } from '../../src/api/access/attempts.js'
import { operations, questions, TokenFile } from '../../src/host/index.js'
import { type Answer, Daemon, exchange, freePort } from '../host/daemon.js'
import { until } from '../lab/index.js'

t.setTimeout(110_000)

const port = freePort()
const tcp = { host: '127.0.0.1', port }
const daemon = new Daemon(t, config(port))
await daemon.start()
// As root would, from outside, while the daemon runs.
const make = async (name: string, role: string): Promise<string> =>
  (await daemon.cli('token', 'create', name, '--role', role)).stdout.trim()
const [reader, operator] = [await make('grafana', 'read'), await make('ops', 'operator')]

function config(listenPort: number, api: object = {}, address = '127.0.0.1'): object {
  return {
    asn: 65000,
    vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
    api: { listen: `${address}:${listenPort}`, ...api },
    networks: [{ name: 'blue', vni: 10100, ports: [{ name: 'r1', kind: 'ring' }] }],
  }
}

/** What a daemon says that does not start. */
async function refusal(one: Daemon): Promise<string> {
  one.launch()
  t.equal(await one.ended(), 1)
  return one.stderr
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const green = { name: 'green', vni: 10200 }

t.test('a token is shown once; the file has only its digest, and is for nobody else', async (t) => {
  const file = join(daemon.runtimeDir, 'state/tokens.json')
  t.match(reader, /^vtep_[A-Za-z0-9_-]{43}$/)
  t.notMatch(readFileSync(file, 'utf8'), reader)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const list = await daemon.cli('token', 'list', '--json')
  t.match(JSON.parse(list.stdout), [
    { name: 'grafana', role: 'read' },
    { name: 'ops', role: 'operator' },
  ])
  t.notMatch(list.stdout, 'sha256')
  const twice = await daemon.cli('token', 'create', 'ops')
  t.equal(twice.code, 1)
  t.match(twice.stderr, 'expected a name that is not there yet, got "ops"')
  t.equal((await daemon.cli('token', 'create', '../x')).code, 1)
  t.equal((await daemon.cli('token', 'revoke', 'nobody')).code, 1)
})

t.test('on a loopback address without a token: reads, and changes nothing', async (t) => {
  t.equal((await exchange(tcp, 'GET', '/v1/status')).status, 200)
  t.match((await exchange(tcp, 'GET', '/v1/session')).json, { role: 'read' })
  for (const { method, path } of operations) {
    const answer = await exchange(tcp, method, path.replace(/:\w+/, 'x'))
    t.equal(answer.status, 403, `${method} ${path}`)
  }
})

t.test('with a token: what its role allows, and a wrong one is no better than none', async (t) => {
  const as = (token: string, method: string, path: string, body?: unknown): Promise<Answer> =>
    exchange(tcp, method, path, body, bearer(token))
  t.match((await as(reader, 'GET', '/v1/session')).json, { role: 'read', name: 'token grafana' })
  const refused = await as(reader, 'POST', '/v1/networks', green)
  t.equal(refused.status, 403)
  t.match(refused.json, { got: 'token grafana, which may only read' })
  t.equal((await as(operator, 'POST', '/v1/networks', green)).status, 201)
  t.equal((await as(operator, 'DELETE', '/v1/networks/green')).status, 200)
  for (const { name, method, path, role } of questions.filter(({ role }) => role === 'operator'))
    t.equal((await as(reader, method, path)).status, 403, `${name} is for ${role}`)
  const wrong = await as(
    `${reader.slice(0, -1)}${reader.endsWith('A') ? 'B' : 'A'}`,
    'GET',
    '/v1/status',
  )
  t.equal(wrong.status, 401)
  t.notMatch(wrong.text, reader.slice(0, 20), 'nothing of it is said again')
  for (const authorization of ['Basic b3BzOm9wcw==', 'Bearer', `Bearer ${'x'.repeat(300)}`, reader])
    t.equal((await exchange(tcp, 'GET', '/v1/status', undefined, { authorization })).status, 401)
  const events = await daemon.get<{ text: string; fields: object }[]>('events?kind=configChanged')
  t.match(events.at(-1), {
    text: 'networkRemove by token ops changed the configuration: networks.green removed',
    fields: { operation: 'networkRemove', by: 'token ops', paths: 'networks.green removed' },
  })
})

t.test('who guesses waits, and nobody else does', async (t) => {
  let status = 401
  for (let n = 0; n < 20 && status !== 429; n++)
    status = (await exchange(tcp, 'GET', '/v1/status', undefined, bearer('vtep_guess'))).status
  t.equal(status, 429)
  t.equal((await exchange(tcp, 'GET', '/v1/status', undefined, bearer(operator))).status, 429)
  t.equal((await exchange(tcp, 'POST', '/v1/session', { token: 'x' })).status, 429)
  // Another address, as another host would have.
  const other = await exchange(
    { ...tcp, localAddress: '127.0.0.2' },
    'GET',
    '/v1/session',
    undefined,
    bearer(operator),
  )
  t.match(other.json, { role: 'operator' })
  const events = await daemon.get<object[]>('events?kind=apiDenied')
  t.equal(events.length, 1, 'it is told once')
})

t.test(
  'attempts: forgotten after a minute, IPv6 by its first 64 bits, and never without bound',
  async (t) => {
    let now = 0
    const attempts = new Attempts(() => now)
    for (let n = 0; n < 10; n++) attempts.failed(`2001:db8::${n}`)
    t.equal(attempts.waitSeconds('2001:db8::ffff'), 60)
    t.equal(attempts.waitSeconds('2001:db8:0:1::1'), 0)
    for (let n = 0; n < 10; n++) attempts.failed('::ffff:10.0.0.1')
    t.equal(attempts.waitSeconds('10.0.0.1'), 60)
    now = 60_000
    t.equal(attempts.waitSeconds('10.0.0.1'), 0)
    for (let n = 0; n < 10; n++) attempts.failed('10.9.9.9')
    for (let n = 0; n < 5000; n++) attempts.failed(`10.1.${n >> 8}.${n & 255}`)
    t.equal(attempts.waitSeconds('10.9.9.9'), 0, 'the oldest is forgotten for the newest')
  },
)

t.test('a session in the place of a token: a cookie that no page can read', async (t) => {
  const from = { ...tcp, localAddress: '127.0.0.3' }
  const open = await exchange(from, 'POST', '/v1/session', { token: operator })
  t.equal(open.status, 201)
  t.match(open.json, { role: 'operator', name: 'token ops' })
  const set = open.headers['set-cookie']?.[0] ?? ''
  t.match(set, /^vtep_session=[^;]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/)
  t.notMatch(set, operator.slice(5, 20), 'which is not the token')
  const cookie = set.split(';')[0]!
  const ask = (cookie: string, method = 'GET', path = '/v1/session', body?: unknown) =>
    exchange(from, method, path, body, { cookie })
  t.match((await ask(`a=b; ${cookie}`)).json, { role: 'operator' })
  t.equal((await ask(cookie, 'POST', '/v1/networks', green)).status, 201)
  t.equal((await ask(cookie, 'DELETE', '/v1/networks/green')).status, 200)
  const [name, end, signature] = cookie.slice('vtep_session='.length).split('.')
  const forged = [
    `vtep_session=${name}.${Number(end) + 1}.${signature}`,
    `vtep_session=${Buffer.from('grafana').toString('base64url')}.${end}.${signature}`,
    `vtep_session=${name}.${end}.`,
    'vtep_session=..',
    `vtep_session=${'x'.repeat(4000)}`,
  ]
  for (const one of forged) t.match((await ask(one)).json, { role: 'read' }, 'as nobody')
  const close = await ask(cookie, 'DELETE')
  t.match(close.headers['set-cookie']?.[0], /^vtep_session=; .*Max-Age=0/)
  const extra = await make('leaving', 'operator')
  const leaving = await exchange(from, 'POST', '/v1/session', { token: extra })
  const left = leaving.headers['set-cookie']![0]!.split(';')[0]!
  t.match((await ask(left)).json, { name: 'token leaving' })
  await daemon.cli('token', 'revoke', 'leaving')
  t.match((await ask(left)).json, { role: 'read' }, 'a session ends with its token')
  t.equal((await exchange(from, 'GET', '/v1/status', undefined, bearer(extra))).status, 401)
})

t.test('a page of another site does nothing through its visitor', async (t) => {
  const from = { ...tcp, localAddress: '127.0.0.4' }
  const open = await exchange(from, 'POST', '/v1/session', { token: operator })
  const cookie = open.headers['set-cookie']![0]!.split(';')[0]!
  const own = `127.0.0.1:${port}`
  const rows: readonly (readonly [number, Record<string, string>])[] = [
    [403, { origin: 'https://evil.example' }],
    [403, { origin: 'null' }],
    [403, { origin: `http://localhost:${port}` }],
    [403, { 'sec-fetch-site': 'cross-site' }],
    [403, { 'sec-fetch-site': 'same-site' }],
    [201, { origin: `http://${own}`, 'sec-fetch-site': 'same-origin' }],
  ]
  for (const [status, headers] of rows) {
    const answer = await exchange(from, 'POST', '/v1/networks', green, { cookie, ...headers })
    t.equal(answer.status, status, JSON.stringify(headers))
  }
  // What a form can send without asking.
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const answer = await exchange(from, 'POST', '/v1/networks', '{"name":"x","vni":9}', {
      cookie,
      'content-type': type,
    })
    t.ok([400, 415].includes(answer.status), type)
  }
  t.equal((await exchange(from, 'GET', '/v1/macs', undefined, { origin: 'null' })).status, 403)
  const page = await exchange(from, 'GET', '/', undefined, { 'sec-fetch-site': 'cross-site' })
  t.equal(page.status, 200, 'a link may lead here')
  t.equal(page.headers['x-content-type-options'], 'nosniff')
  t.equal(page.headers['access-control-allow-origin'], undefined)
  t.equal((await exchange(from, 'OPTIONS', '/v1/networks')).status, 404, 'nor is anybody invited')
})

t.test('who is slow, or too large, is not waited for', async (t) => {
  const huge = await exchange(tcp, 'GET', '/v1/status', undefined, {
    'x-large': 'a'.repeat(20_000),
  })
  t.equal(huge.status, 431)
  const started = performance.now()
  const ended = await Promise.all(
    [
      'GET / HTT',
      'GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ',
      'POST /v1/networks HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    ].map(
      (text) =>
        new Promise<boolean>((resolve) => {
          const socket = connect(tcp)
          socket.on('error', () => {}).on('close', () => resolve(true))
          socket.resume()
          socket.write(text)
        }),
    ),
  )
  t.same(ended, [true, true, true])
  t.ok(performance.now() - started < 20_000)
})

t.test('of readers of events there are only so many, and each gives its place back', async (t) => {
  const from = { ...tcp, localAddress: '127.0.0.5' }
  const readers = await Promise.all(
    Array.from(
      { length: 200 },
      () =>
        new Promise<ClientRequest>((resolve, reject) => {
          const outgoing = request({ ...from, path: '/v1/events', agent: false }, () =>
            resolve(outgoing),
          )
          outgoing.on('error', reject).end()
        }),
    ),
  )
  const refused = await exchange(from, 'GET', '/v1/events')
  t.equal(refused.status, 409)
  t.match(refused.json, { expected: 'at most 200 readers' })
  t.equal((await exchange(from, 'GET', '/v1/status')).status, 200)
  for (const reader of readers) reader.on('error', () => {}).destroy()
  await until('there is a place again', async () => {
    const outgoing = request({ ...from, path: '/v1/events', agent: false })
    outgoing.on('error', () => {}).end()
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    outgoing.destroy()
    return response.statusCode === 200
  })
})

t.test('paths that lead out lead nowhere', async (t) => {
  for (const path of [
    '/../../etc/passwd',
    '/..%2f..%2f..%2fetc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/assets/..%5c..%5cpackage.json',
    '//etc/passwd',
    '/v1/..%2f..%2fetc%2fpasswd',
    '/%00',
    '/%ff',
  ]) {
    const answer = await exchange(tcp, 'GET', path)
    t.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`)
    t.notMatch(answer.text, /root:/)
  }
})

t.test('nobody is answered without a name, where that is wanted', async (t) => {
  const strictPort = freePort()
  const strict = new Daemon(t, config(strictPort, { authenticate: true }))
  const where = { host: '127.0.0.1', port: strictPort }
  await strict.start()
  for (const path of ['/v1/status', '/metrics', '/v1/events', '/v1/session', '/v1/nothing']) {
    const answer = await exchange(where, 'GET', path)
    t.equal(answer.status, 401, path)
    t.equal(answer.headers['www-authenticate'], 'Bearer realm="vtep"')
  }
  t.equal((await exchange(where, 'GET', '/')).status, 200)
  writeFileSync(join(strict.runtimeDir, 'state/tokens.json'), 'nonsense')
  const answer = await exchange(where, 'GET', '/v1/status', undefined, bearer(operator))
  t.equal(answer.status, 401, 'a file that can not be read lets nobody in')
  await strict.stop()
})

t.test('away from loopback somebody must be able to show something', async (t) => {
  const open = new Daemon(t, config(freePort(), {}, '0.0.0.0'))
  t.match(
    await refusal(open),
    /api\.listen: expected a loopback address, or somebody who may use 0\.0\.0\.0: .*token create.*clientCa; got neither/,
  )
  const loose = new Daemon(t, config(freePort(), { readOnly: false }, '0.0.0.0'))
  t.match(
    await refusal(loose),
    /api\.readOnly: expected true, as 0\.0\.0\.0:\d+ is no loopback address/,
  )
  await open.cli('token', 'create', 'ops', '--role', 'operator')
  await open.start()
  t.pass('with a token it listens')
  t.match(await open.get<object[]>('events?kind=hint'), [{ text: /in the clear: set api\.tls/ }])
  await open.stop()
})

t.test(
  'certificates: of our authority reads, named operator changes, any other is nobody',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'vt-tls-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const file = (name: string): string => join(folder, name)
    const openssl = (...words: string[]): void => {
      execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' })
    }
    const authority = (name: string): void =>
      openssl(
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.pem`,
      )
    const certificate = (name: string, by: string): void => {
      openssl(
        'req',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
      )
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        `${by}.pem`,
        '-CAkey',
        `${by}.key`,
        '-CAcreateserial',
        '-days',
        '2',
        '-out',
        `${name}.pem`,
      )
    }
    authority('ca')
    authority('other')
    for (const name of ['server', 'ops', 'dash']) certificate(name, 'ca')
    certificate('stranger', 'other')
    const tlsPort = freePort()
    const secure = new Daemon(
      t,
      config(tlsPort, {
        authenticate: true,
        tls: {
          cert: file('server.pem'),
          key: file('server.key'),
          clientCa: file('ca.pem'),
          operators: ['ops', 'stranger'],
        },
      }),
    )
    await secure.start()
    const ask = (client: string | undefined, method: string, path: string, body?: object) =>
      new Promise<{ status: number; text: string; serial: string }>((resolve, reject) => {
        const text = body === undefined ? undefined : JSON.stringify(body)
        const outgoing = secureRequest(
          {
            host: '127.0.0.1',
            port: tlsPort,
            method,
            path,
            agent: false,
            ca: readFileSync(file('ca.pem')),
            checkServerIdentity: () => undefined,
            headers: text === undefined ? {} : { 'content-type': 'application/json' },
            ...(client === undefined
              ? {}
              : {
                  cert: readFileSync(file(`${client}.pem`)),
                  key: readFileSync(file(`${client}.key`)),
                }),
          },
          (response) => {
            const socket = response.socket as unknown as {
              getPeerCertificate(): { serialNumber: string }
            }
            const serial = socket.getPeerCertificate().serialNumber
            let got = ''
            response.on('data', (chunk) => {
              got += chunk
            })
            response.once('end', () =>
              resolve({ status: response.statusCode ?? 0, text: got, serial }),
            )
          },
        )
        outgoing.once('error', reject)
        outgoing.end(text)
      })
    t.match(
      (await ask('dash', 'GET', '/v1/session')).text,
      '{"role":"read","name":"certificate dash"}',
    )
    t.equal((await ask('dash', 'POST', '/v1/networks', green)).status, 403)
    t.equal((await ask('ops', 'POST', '/v1/networks', green)).status, 201)
    t.equal((await ask(undefined, 'GET', '/v1/status')).status, 401)
    const stranger = await ask('stranger', 'GET', '/v1/status')
    t.equal(stranger.status, 401, 'whatever name another authority gives')
    await t.rejects(
      exchange({ host: '127.0.0.1', port: tlsPort }, 'GET', '/v1/status'),
      'no plain HTTP',
    )
    // A renewed certificate comes with a reload, a broken one does not.
    const before = (await ask('ops', 'GET', '/v1/status')).serial
    certificate('server', 'ca')
    await secure.cli('reload')
    const after = (await ask('ops', 'GET', '/v1/status')).serial
    t.not(after, before)
    writeFileSync(file('server.pem'), 'nonsense')
    await secure.cli('reload')
    t.equal((await ask('ops', 'GET', '/v1/status')).serial, after)
    const events = await secure.get<object[]>('events?kind=certificateRefused')
    t.equal(events.length, 1)
    await secure.stop()
  },
)

t.test(
  'a socket of its own for those who only read',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    // The number of a group that the file is given to.
    const group = 54_321
    const two = new Daemon(t, { ...config(freePort()), api: { readGroup: String(group) } })
    await two.start()
    const socketPath = join(two.runtimeDir, 'read.sock')
    const { mode, gid } = statSync(socketPath)
    t.equal(mode & 0o777, 0o660)
    t.equal(gid, group)
    t.equal((await exchange({ socketPath }, 'GET', '/v1/status')).status, 200)
    t.equal((await exchange({ socketPath }, 'POST', '/v1/networks', green)).status, 403)
    for (const path of [two.directory, two.runtimeDir]) chmodSync(path, 0o755)
    const as = [
      process.execPath,
      join(process.cwd(), 'bin/vtep.js'),
      '--runtime-dir',
      two.runtimeDir,
    ]
    const run = (...words: string[]): string =>
      execFileSync(
        'setpriv',
        ['--reuid=65534', `--regid=${group}`, '--clear-groups', ...as, ...words],
        {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
    t.match(JSON.parse(run('status', '--json')), { asn: 65000 }, 'the command line finds it')
    t.throws(() => run('network', 'add', 'x', '--vni', '5000'), /may only read/)
    await two.stop()
    const nobody = new Daemon(t, { ...config(freePort()), api: { readGroup: 'no-such-group' } })
    t.match(
      await refusal(nobody),
      'api.readGroup: expected a group of this host, got "no-such-group"',
    )
  },
)

t.test('tokens: what another process writes counts at once', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vt-token-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [one, two] = [new TokenFile(folder), new TokenFile(folder)]
  t.same(one.all(), [])
  const token = two.create('a', 'read')
  t.match(one.find(token), { name: 'a', role: 'read' })
  t.equal(one.find(`${token}x`), undefined)
  two.revoke('a')
  t.equal(one.find(token), undefined)
  writeFileSync(one.path, '[{"name":"a","role":"root","sha256":"","created":""}]')
  t.throws(() => one.all(), /expected a list of \{ name, role, sha256, created \}/)
  t.throws(() => one.find(token))
})

t.test('the end', async (t) => {
  t.equal(await daemon.stop(), 0)
})
