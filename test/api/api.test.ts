// The HTTP API of a running daemon: every table over it, what it refuses, and how.

import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { operations, viewSchemas, views } from '../../src/host/index.js'
import { Daemon, exchange, freePort } from '../host/daemon.js'
import { until } from '../lab/index.js'

t.setTimeout(110_000)

const tcpPort = freePort()
const tcp = { host: '127.0.0.1', port: tcpPort }
const daemon = new Daemon(t, {
  asn: 65000,
  vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
  api: { listen: `127.0.0.1:${tcpPort}` },
  networks: [
    {
      name: 'blue',
      vni: 10100,
      ports: [
        { name: 'r1', kind: 'ring', mac: '02:00:00:00:00:01', ip: ['10.1.0.1', '2001:db8::1'] },
        { name: 'r2', kind: 'ring', mac: '02:00:00:00:00:02' },
      ],
      remotes: [{ address: '127.0.0.9', macs: ['02:00:00:00:00:09'] }],
    },
    { name: 'red', vni: 10200 },
  ],
})
await daemon.start()

interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

t.test('every view, as its schema says', async (t) => {
  for (const { name, single } of views) {
    const { status, contentType, json } = await daemon.http('GET', `/v1/${name}`)
    t.equal(status, 200, name)
    t.match(contentType, /^application\/json/)
    const [row] = single === true ? [json] : (json as object[])
    const schema = viewSchemas[name] as { readonly properties: object; readonly required: string[] }
    if (row === undefined || row === null) continue
    for (const key of schema.required) t.ok(Object.hasOwn(row as object, key), `${name}.${key}`)
    for (const key of Object.keys(row))
      t.ok(Object.hasOwn(schema.properties, key), `${name}.${key} is described`)
  }
})

t.test('filters select rows; of a list one member is enough', async (t) => {
  const macs = async (query: string): Promise<string[]> => {
    const { json } = await daemon.http('GET', `/v1/macs?${query}`)
    return (json as { mac: string }[]).map(({ mac }) => mac.slice(-2))
  }
  t.same(await macs('kind=local'), ['01', '02'])
  t.same(await macs('kind=remote&dst=127.0.0.9'), ['09'])
  t.same(await macs('ifname=r2'), ['02'])
  t.same(await macs('ips=10.1.0.1'), ['01'])
  t.same(await macs('mac=02:00:00:00:00:01&mac=02:00:00:00:00:02'), ['01', '02'])
  t.same(await macs('vni=10200'), [])
  const { json } = await daemon.http('GET', '/v1/routes?type=3&best=true')
  t.same(
    (json as { vni?: number; label: number }[]).map(({ label }) => label).sort(),
    [10100, 10200],
  )
})

t.test('what is wrong is said as JSON, with where, expected, got', async (t) => {
  const rows: readonly (readonly [string, string, unknown, number, object])[] = [
    [
      'GET',
      '/v1/macs?mc=1',
      undefined,
      400,
      { where: 'mc', expected: /mac/, got: '"mc" (did you mean mac?)' },
    ],
    ['GET', '/v1/status?x=1', undefined, 400, { where: 'x', expected: 'no parameters' }],
    ['GET', '/v1/nothing', undefined, 404, { where: 'GET /v1/nothing', got: 'an unknown one' }],
    ['PUT', '/v1/networks', {}, 404, { where: 'PUT /v1/networks' }],
    [
      'GET',
      '/v1/events?since=x',
      undefined,
      400,
      { where: 'since', expected: 'a sequence number' },
    ],
    ['POST', '/v1/networks', '{', 400, { where: 'body', expected: 'JSON' }],
    ['POST', '/v1/networks', '', 400, { where: 'body' }],
    ['POST', '/v1/networks', [], 400, { where: 'body', expected: 'a JSON object', got: 'a list' }],
    [
      'POST',
      '/v1/networks',
      '"x"',
      400,
      { where: 'body', expected: 'a JSON object', got: 'string' },
    ],
    [
      'POST',
      '/v1/networks',
      { name: 'green', vni: 10100 },
      400,
      { where: 'vni', got: /^10100, as/ },
    ],
    ['POST', '/v1/networks', { name: 'blue', vni: 5 }, 409, { where: 'network', got: '"blue"' }],
    ['POST', '/v1/ports', { name: 'x', network: 'green' }, 400, { where: 'network', got: 'green' }],
    [
      'DELETE',
      '/v1/networks/green',
      undefined,
      404,
      { where: 'network', expected: 'one of blue, red' },
    ],
    ['DELETE', '/v1/ports/%2e%2e%2fx', undefined, 404, { where: 'port' }],
    ['DELETE', '/v1/peers/10.0.0.1', undefined, 404, { where: 'peer' }],
    ['POST', '/v1/peers/10.0.0.1/clear', {}, 404, { where: 'peer' }],
  ]
  for (const [method, path, body, status, error] of rows) {
    const answer = await daemon.http(method, path, body)
    t.equal(answer.status, status, `${method} ${path}`)
    t.match(answer.json, { error: /expected/, ...error }, `${method} ${path}`)
    t.same(
      Object.keys(answer.json as object).filter((key) => key !== 'problems'),
      ['error', 'where', 'expected', 'got'],
    )
  }
  const { json } = await daemon.http('POST', '/v1/networks', { name: 'a b', vni: 0, colour: 1 })
  t.equal((json as { problems: object[] }).problems.length, 3, 'all at once')
})

t.test('a body that is too large, or of another type', async (t) => {
  // Only announced: whoever sends it all may find the door closed while still writing.
  const outgoing = request({
    socketPath: join(daemon.runtimeDir, 'api.sock'),
    method: 'POST',
    path: '/v1/networks',
    headers: { 'content-type': 'application/json', 'content-length': 300_000 },
  })
  outgoing.on('error', () => {})
  outgoing.flushHeaders()
  const response = await new Promise<IncomingMessage>((resolve) =>
    outgoing.once('response', resolve),
  )
  t.equal(response.statusCode, 413)
  let text = ''
  for await (const chunk of response) text += chunk
  t.match(JSON.parse(text), { where: 'body', expected: /262144/ })
  outgoing.destroy()
  const typed = await daemon.http('POST', '/v1/networks', '<a/>', { 'content-type': 'text/xml' })
  t.equal(typed.status, 415)
  t.match(typed.json, { where: 'content-type', expected: 'application/json' })
})

t.test('bytes that are no HTTP do no harm', async (t) => {
  for (const bytes of [
    '\0\0\0',
    'GET',
    'GET / HTTP/9.9\r\n\r\n',
    `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(join(daemon.runtimeDir, 'api.sock'))
      socket.on('error', () => {}).on('close', () => resolve())
      socket.resume()
      socket.end(bytes)
    })
  }
  t.equal((await daemon.http('GET', '/v1/status')).status, 200)
})

t.test('operations, each answered with what came of it', async (t) => {
  const steps: readonly (readonly [string, string, unknown, number, object])[] = [
    [
      'POST',
      '/v1/networks',
      { name: 'green', vni: 10300, remotes: [{ address: '127.0.0.8' }] },
      201,
      { name: 'green', vni: 10300, vteps: ['127.0.0.8'], source: 'added' },
    ],
    [
      'POST',
      '/v1/ports',
      { name: 'r3', kind: 'ring', network: 'green' },
      201,
      { ifname: 'r3', state: 'up', source: 'added' },
    ],
    [
      'POST',
      '/v1/peers',
      { address: '127.0.0.7', asn: 65007, port: freePort() },
      201,
      { peer: '127.0.0.7', asn: 65007 },
    ],
    ['POST', '/v1/peers/127.0.0.7/clear', { soft: 'in' }, 201, { cleared: '127.0.0.7' }],
    ['POST', '/v1/peers/127.0.0.7/clear', undefined, 201, { cleared: '127.0.0.7' }],
    ['DELETE', '/v1/peers/127.0.0.7', undefined, 200, { removed: '127.0.0.7' }],
    ['DELETE', '/v1/ports/r3', undefined, 200, { removed: 'r3' }],
    ['DELETE', '/v1/networks/green', undefined, 200, { removed: 'green' }],
    ['POST', '/v1/reload', undefined, 201, { reloaded: daemon.configFile }],
  ]
  for (const [method, path, body, status, result] of steps) {
    const answer = await daemon.http(method, path, body)
    t.equal(answer.status, status, `${method} ${path} ${answer.text}`)
    t.match(answer.json, result)
  }
  t.same(
    ((await daemon.http('GET', '/v1/networks')).json as { name: string }[]).map(({ name }) => name),
    ['blue', 'red'],
  )
})

t.test('events as they happen, and from where one was', async (t) => {
  const kept = (await daemon.http('GET', '/v1/events', undefined, { accept: 'application/json' }))
    .json as {
    sequence: number
    kind: string
  }[]
  t.same(
    kept.map(({ sequence }) => sequence),
    kept.map((_, i) => i + 1),
  )
  t.ok(kept.some(({ kind }) => kind === 'networkAdded'))

  const listen = (
    headers: Readonly<Record<string, string>>,
  ): { text: string; type: string; end: () => void } => {
    const heard = { text: '', type: '', end: () => {} }
    const outgoing = request(
      { socketPath: join(daemon.runtimeDir, 'api.sock'), path: '/v1/events', headers },
      (response) => {
        heard.type = response.headers['content-type'] ?? ''
        response.setEncoding('utf8').on('data', (chunk) => {
          heard.text += chunk
        })
      },
    )
    outgoing.on('error', () => {})
    outgoing.end()
    heard.end = () => void outgoing.destroy()
    return heard
  }
  const fresh = listen({})
  const again = listen({ 'last-event-id': String(kept.length - 1) })
  await until('both listen', () => fresh.type !== '' && again.text.includes('data:'))
  t.equal(fresh.type, 'text/event-stream')
  t.match(
    again.text,
    new RegExp(
      `id: ${kept.length}\\nevent: ${kept.at(-1)?.kind}\\ndata: {"sequence":${kept.length},`,
    ),
  )
  t.notMatch(fresh.text, /data:/)
  await daemon.http('POST', '/v1/networks', { name: 'sse', vni: 10400 })
  await until('it is told', () => fresh.text.includes('event: networkAdded'))
  t.match(fresh.text, /id: \d+\nevent: networkAdded\ndata: /)
  fresh.end()
  again.end()
  await daemon.http('DELETE', '/v1/networks/sse')
})

t.test('metrics', async (t) => {
  const { status, contentType, text } = await daemon.http('GET', '/metrics')
  t.equal(status, 200)
  t.match(contentType, /^text\/plain; version=0\.0\.4/)
  t.match(text, /^vtep_networks 2$/m)
  t.match(text, /^vtep_macs\{network="blue",kind="local"\} 2$/m)
  t.match(text, /^vtep_port_up\{ifname="r1",network="blue"\} 1$/m)
  t.match(text, /^# TYPE vtep_drops_total counter$/m)
  t.match(text, /^vtep_drops_total\{reason="unknown_vni"\} 0$/m)
})

t.test('OpenAPI describes every view and operation', async (t) => {
  const { json } = await daemon.http('GET', '/openapi.json')
  const { openapi, paths } = json as OpenApi
  t.equal(openapi, '3.1.0')
  for (const { name } of views) t.ok(paths[`/v1/${name}`]?.['get'], name)
  for (const { method, path, name } of operations) {
    t.ok(paths[path.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()], name)
  }
  t.notMatch(JSON.stringify(json), /"notYet"/, 'no word about later versions')
})

t.test('the page at /: a list for tools, the dashboard for browsers', async (t) => {
  const plain = await daemon.http('GET', '/')
  t.match(plain.contentType, /^text\/plain/)
  for (const { name } of views) t.match(plain.text, `/v1/${name}`)
  const html = await daemon.http('GET', '/', undefined, { accept: 'text/html,*/*' })
  t.match(html.contentType, /^text\/html/)
  const assets = [...html.text.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(
    ([, path]) => path!,
  )
  t.ok(assets.some((path) => path.endsWith('.js')) && assets.some((path) => path.endsWith('.css')))
  for (const path of assets) {
    t.match(path, /-[\w-]{8}\.\w+$/, 'a hash in its name')
    const { status, headers } = await daemon.http('GET', `/${path}`)
    t.equal(status, 200, path)
    t.match(headers, {
      'cache-control': /immutable/,
      'x-content-type-options': 'nosniff',
      'content-security-policy': /^default-src 'none'(?!.*unsafe-inline)/,
    })
  }
})

t.test('the looking glass: every view as a tree, for people and for programs', async (t) => {
  const html = { accept: 'text/html' }
  const front = await daemon.http('GET', '/lg/', undefined, html)
  for (const { name } of views) {
    t.match(front.text, `href="/lg/${name}"`)
    const { status, text, headers } = await daemon.http('GET', `/lg/${name}`, undefined, html)
    t.equal(status, 200, name)
    t.match(headers['content-security-policy'], /default-src 'none'/)
    t.notMatch(text, /<script|style=|onclick/)
    // No link leads nowhere.
    const links = [...text.matchAll(/href="(\/lg\/[^"]+)"/g)].map(([, path]) => path!)
    for (const path of new Set(links)) t.equal((await daemon.http('GET', path)).status, 200, path)
  }
  const rows = async (path: string): Promise<unknown> =>
    ((await daemon.http('GET', path)).json as { readonly rows: unknown }).rows
  t.match(await rows('/lg/networks/blue'), [{ name: 'blue', vni: 10100 }])
  t.match(await rows('/lg/macs/blue/kind/remote'), [{ mac: '02:00:00:00:00:09' }])
  t.match(await rows('/lg/macs/mac/02:00:00:00:00:01'), [{ ifname: 'r1' }])
  t.match(await rows('/lg/routes/evpn/type/3/label/10200'), [{ type: 3, label: 10200 }])
  t.match(await rows('/lg/status'), [{ asn: 65000 }])
  for (const path of [
    '/lg/nothing',
    '/lg/macs/blue/kind',
    '/lg/macs/blue/colour/red',
    '/lg/%2e%2e/x',
  ]) {
    t.equal((await daemon.http('GET', path)).status, 404, path)
  }
  const hostile = await daemon.http(
    'GET',
    `/lg/networks/${encodeURIComponent('<script>alert(1)</script>')}`,
    undefined,
    html,
  )
  t.notMatch(hostile.text, '<script>')
})

t.test('TCP only reads, and only under the address itself', async (t) => {
  t.equal((await exchange(tcp, 'GET', '/v1/status')).status, 200)
  for (const { method, path } of operations) {
    const answer = await exchange(
      tcp,
      method,
      path.replace(/:\w+/, 'x'),
      method === 'POST' ? {} : undefined,
    )
    t.equal(answer.status, 403, `${method} ${path}`)
    t.match(answer.json, { expected: 'somebody who may change things' })
  }
  const rebound = await exchange(tcp, 'GET', '/v1/status', undefined, { host: 'evil.example:8472' })
  t.equal(rebound.status, 403)
  t.match(rebound.json, { where: 'host', got: '"evil.example:8472"' })
  for (const host of ['localhost', 'localhost:1', '127.0.0.1:8472', '[::1]:8472']) {
    t.equal((await exchange(tcp, 'GET', '/v1/status', undefined, { host })).status, 200, host)
  }
})

t.test('an open stream does not hold up the end', async (t) => {
  const outgoing = request({ socketPath: join(daemon.runtimeDir, 'api.sock'), path: '/v1/events' })
  outgoing.on('error', () => {})
  outgoing.end()
  await new Promise((resolve) => outgoing.once('response', resolve))
  t.equal(await daemon.stop(), 0)
})
