// What other programs read of us: OpenAPI, metrics, alert rules, the dashboard for Grafana. Each by the word of its own tool.

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { operations, questions, views } from '../../src/host/index.js'
import { Daemon, freePort } from '../host/daemon.js'

t.setTimeout(60_000)

const packaging = join(process.cwd(), 'packaging')
const daemon = new Daemon(t, {
  asn: 65000,
  vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
  bgp: { neighbors: [{ address: '127.0.0.7', asn: 65001, port: freePort() }] },
  vrfs: [{ name: 'tenant', vni: 50001 }],
  networks: [
    {
      name: 'blue',
      vni: 10100,
      vrf: 'tenant',
      ports: [{ name: 'r1', kind: 'ring', mac: '02:00:00:00:00:01' }],
      remotes: [{ address: '127.0.0.9', macs: ['02:00:00:00:00:09'] }],
    },
  ],
})
await daemon.start()
const { text: metrics } = await daemon.http('GET', '/metrics')
const document = (await daemon.http('GET', '/openapi.json')).json as OpenApi
await daemon.stop()

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly security?: readonly object[]
  readonly responses: object
}
interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

/** Skips, in one line, where the program is not installed. */
const promtool = {
  skip: spawnSync('promtool', ['--version']).error !== undefined && 'promtool is not installed',
}

t.test('the description of the API is OpenAPI 3.1, and says all there is', async (t) => {
  const result = await new Validator().validate(structuredClone({ ...document }))
  t.same(result, { valid: true })
  const broken = structuredClone(document) as unknown as { paths: Record<string, object> }
  broken.paths['/v1/status'] = { get: { responses: 5 } }
  t.equal((await new Validator().validate(broken)).valid, false, 'and the validator looks')
  const known = [
    ...views.map(({ name }) => ['GET', `/v1/${name}`]),
    ...questions.map(({ method, path }) => [method, path]),
    ...operations.map(({ method, path }) => [method, path.replace(/:(\w+)/g, '{$1}')]),
    ['GET', '/v1/events'],
    ['GET', '/v1/session'],
    ['POST', '/v1/session'],
    ['DELETE', '/v1/session'],
    ['GET', '/metrics'],
  ] as const
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  t.same(described.sort(), known.map((pair) => pair.join(' ')).sort())
  const all = Object.values(document.paths).flatMap((methods) => Object.values(methods))
  const ids = all.map(({ operationId }) => operationId)
  t.equal(new Set(ids).size, ids.length, 'every operation has a name of its own')
  t.ok(
    all.every(({ security }) => (security?.length ?? 0) > 0),
    'and says who may',
  )
  for (const [path, methods] of Object.entries(document.paths))
    for (const { parameters = [] } of Object.values(methods))
      t.same(
        parameters.filter((one) => one.in === 'path').map(({ name }) => `{${name}}`),
        path.match(/\{\w+\}/g) ?? [],
        path,
      )
})

t.test('metrics are what Prometheus expects', promtool, async (t) => {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: metrics,
    encoding: 'utf8',
  })
  t.equal(`${stdout}${stderr}`, '')
  t.equal(status, 0)
  const bad = spawnSync('promtool', ['check', 'metrics'], { input: 'a_total{ 1\n' })
  t.not(bad.status, 0, 'and promtool looks')
})

t.test('alert rules are right, and each comes when it should', promtool, async (t) => {
  const rules = join(packaging, 'prometheus/vtep.rules.yml')
  t.match(execFileSync('promtool', ['check', 'rules', rules], { encoding: 'utf8' }), 'SUCCESS')
  const tests = spawnSync('promtool', ['test', 'rules', 'vtep.rules.test.yml'], {
    cwd: join(packaging, 'prometheus'),
    encoding: 'utf8',
  })
  t.equal(tests.status, 0, `${tests.stdout}${tests.stderr}`)
  const text = readFileSync(rules, 'utf8')
  const named = [...text.matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  const tested = readFileSync(join(packaging, 'prometheus/vtep.rules.test.yml'), 'utf8')
  for (const name of named)
    t.match(
      tested,
      new RegExp(`alertname: ${name}\\n +exp_alerts:\\n +- `),
      `${name} is tested to come`,
    )
})

/** Names that an expression of PromQL reads, without `up`, which Prometheus makes itself. */
function namesIn(expression: string): string[] {
  const plain = expression.replace(/"[^"]*"/g, '').replace(/(by|without) *\([^)]*\)/g, '')
  return (plain.match(/\b(vtep|process)_\w+/g) ?? []).filter((name) => !plain.includes(`${name}=`))
}

const exported = new Set([...metrics.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name))

t.test('rules and dashboard ask for what there is', async (t) => {
  const rules = readFileSync(join(packaging, 'prometheus/vtep.rules.yml'), 'utf8')
  const expressions = [...rules.matchAll(/expr: (.*)/g)].map(([, text = '']) => text)
  t.ok(expressions.length > 10)
  for (const expression of [
    ...expressions,
    ...panels().flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ])
    for (const name of namesIn(expression)) t.ok(exported.has(name), `${name} in ${expression}`)
})

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[]
}

const dashboard = JSON.parse(readFileSync(join(packaging, 'grafana/vtep.json'), 'utf8')) as {
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly definition?: string }[]
  }
}
const panels = () => dashboard.panels

t.test('the dashboard is one that Grafana imports', async (t) => {
  t.ok(dashboard.schemaVersion >= 36)
  t.match(dashboard.uid, /^[a-zA-Z0-9_-]{1,40}$/)
  t.equal(new Set(panels().map(({ id }) => id)).size, panels().length)
  for (const { title, type, targets = [], gridPos } of panels()) {
    t.ok(['row', 'stat', 'table', 'timeseries'].includes(type), title)
    t.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24 && gridPos.h > 0, `${title} is on the grid`)
    if (type !== 'row') t.ok(targets.length > 0, `${title} shows something`)
    t.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length)
  }
  const cells = panels().flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
  )
  t.equal(new Set(cells).size, cells.length, 'no panel covers another')
  const variables = dashboard.templating.list.map(({ name }) => name)
  const used = JSON.stringify(dashboard).matchAll(/\$\{?(\w+)\}?/g)
  for (const [, name = ''] of used)
    t.ok(name.startsWith('__') || variables.includes(name), `variable ${name}`)
  for (const { definition } of dashboard.templating.list)
    for (const name of namesIn(definition ?? '')) t.ok(exported.has(name), name)
})
