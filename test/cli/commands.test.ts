// The command line: what each verb prints, in both forms, its exit codes and its help.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { operations, views } from '../../src/host/index.js'
import { Daemon, freePort, program } from '../host/daemon.js'
import { attempt, findProgram, until } from '../lab/index.js'

t.setTimeout(115_000)

const daemon = new Daemon(t, {
  asn: 4200000011,
  vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
  bgp: { neighbors: [{ address: '127.0.0.9', asn: 65009, port: freePort() }] },
  networks: [
    {
      name: 'blue',
      vni: 10100,
      ports: [{ name: 'r1', kind: 'ring', mac: '02:00:00:00:00:01', ip: ['10.1.0.1'] }],
      remotes: [{ address: '127.0.0.8', macs: ['02:00:00:00:00:08'] }],
    },
  ],
})
await daemon.start()

const tables: Readonly<Record<string, readonly RegExp[]>> = {
  status: [
    /^vtep +0\.1\.0, AS 4200000011, router ID 127\.0\.0\.1$/m,
    /^address +127\.0\.0\.1 by uplink udp$/m,
    /^peers +0 of 1 established$/m,
    /^macs +1 local, 1 remote$/m,
    /^ +warning peerDown: peer 127\.0\.0\.9 is /m,
  ],
  peers: [
    /^PEER +ASN +STATE +UP +FAMILIES +BFD +RECEIVED +SENT\n127\.0\.0\.9 +65009 +(Connect|Active) +- +evpn +- +0 +0\n$/,
  ],
  networks: [
    /^blue +10100 +r1 +1 +1 +127\.0\.0\.8 +- +127\.0\.0\.1:10100 +\*:10100 +\S+ +config$/m,
  ],
  vteps: [/^127\.0\.0\.8 +(un)?resolved /m],
  macs: [
    /^blue +10100 +02:00:00:00:00:01 +local +r1 +- +0 +\S+ +10\.1\.0\.1$/m,
    /^blue +10100 +02:00:00:00:00:08 +remote +- +127\.0\.0\.8 +0 +\S+ +-?$/m,
  ],
  routes: [/^\* +3 +127\.0\.0\.1:10100 +127\.0\.0\.1 +10100 +127\.0\.0\.1 +\S+ +local$/m],
  ports: [/^r1 +ring +blue +10100 +up +- +workers +checksum tso uso +0 +0 +0 +0 +0$/m],
  drops: [/^(no frame was dropped\n|COUNT +REASON)/],
}

t.test("every view: a table for people, the API's JSON for programs", async (t) => {
  for (const { name } of views) {
    const table = await daemon.cli(name)
    t.equal(table.code, 0, name)
    for (const line of tables[name] ?? []) t.match(table.stdout, line)
    t.notMatch(table.stdout, /\u001b/, 'no colour into a pipe')
    const api = (await daemon.http('GET', `/v1/${name}`)).json
    const json = await daemon.read(name)
    if (name !== 'peers' && name !== 'ports') t.same(json, api, `${name} --json`)
    else t.equal((json as object[]).length, (api as object[]).length)
  }
})

t.test('columns stand under their titles', async (t) => {
  const { stdout } = await daemon.cli('macs')
  const [head = '', ...rows] = stdout.trimEnd().split('\n')
  for (const title of ['MAC', 'KIND', 'IFNAME', 'DST']) {
    const at = head.indexOf(` ${title} `) + 1
    for (const row of rows) t.match(row.slice(at - 1, at + 1), /^ \S$/, `${title} in ${row}`)
  }
})

t.test('filters are options', async (t) => {
  t.equal((await daemon.read<object[]>('macs', '--kind', 'remote')).length, 1)
  t.match(await daemon.read('routes', '--type', '2', '--next-hop', '127.0.0.1'), [{ type: 2 }])
  t.same(await daemon.read('routes', '--type', '5'), [])
  t.ok((await daemon.read<object[]>('drops', '--reason', 'unknown_vni')).length === 1)
  t.match(
    (await daemon.cli('drops', '--all')).stdout,
    /^ +0 +unknown_vni +no network has this VNI$/m,
  )
  t.match(
    (await daemon.cli('drops', '--ports')).stdout,
    /^IFNAME +NETWORK +RXDROPPED +TXDROPPED\nr1 +blue +0 +0\n$/,
  )
})

t.test('events: what was, and with --follow what comes', async (t) => {
  const past = await daemon.cli('events')
  t.match(past.stdout, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} dataplaneUp +dataplane started/m)
  const child = spawn(process.execPath, [
    program,
    'events',
    '--follow',
    '--json',
    '--runtime-dir',
    daemon.runtimeDir,
  ])
  t.teardown(() => void child.kill('SIGKILL'))
  let heard = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    heard += text
  })
  await until('it follows', () => heard.includes('dataplaneUp'))
  t.equal((await daemon.cli('network', 'add', 'red', '--vni', '10200')).code, 0)
  await until('it tells', () => heard.includes('networkAdded'))
  const events = heard
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { sequence: number })
  t.same(
    events.map(({ sequence }) => sequence),
    events.map((_, i) => i + 1),
    'each once',
  )
  t.equal((await daemon.cli('network', 'remove', 'red')).code, 0)
})

t.test('check', async (t) => {
  const good = await daemon.cli('check', daemon.configFile)
  t.match(good, { code: 0, stdout: `${daemon.configFile}: good\n` })
  const file = join(daemon.directory, 'bad.yaml')
  writeFileSync(
    file,
    'asn: 0\nvtep: { address: 10.0.0.1 }\nnetworks: [{ name: a, vni: 5, ports: [{ name: p, kind: tpa }] }]\n',
  )
  const bad = await daemon.cli('check', file)
  t.equal(bad.code, 1)
  t.equal(bad.stderr, '')
  t.same(
    bad.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(file.length).split(': ').slice(0, 2).join(' ')),
    [':1:6 asn', ':3:56 networks[0].ports[0].kind'],
  )
  const json = await daemon.cli('check', file, '--json')
  t.equal(json.code, 1)
  t.match(JSON.parse(json.stdout), {
    problems: [
      { path: 'asn', line: 1, column: 6, expected: /AS number/, got: '0' },
      { path: 'networks[0].ports[0].kind', line: 3 },
    ],
    hints: [],
  })
  writeFileSync(file, 'asn: 1\nvtep: { address: 10.0.0.1 }\nnetworks: [{ name: a, vni: 5 }]\n')
  const small = await daemon.cli('check', file)
  t.match(small, { code: 0, stdout: /hint: .*networks\[0\]\.vni: .*4096/ })
  const stdin = await attempt([process.execPath, program, 'check', '-'], {
    input: 'asn: 1\nvtep: { address: 10.0.0.1 }\n',
  })
  t.match(stdin, { code: 0, stdout: '-: good\n' })
  t.match(await daemon.cli('check', '/nonexistent/x'), {
    code: 1,
    stderr: /^vtep: configuration \/nonexistent\/x: .*no such file/,
  })
})

t.test('nobody there: exit code 3 and what to do', async (t) => {
  for (const words of [
    ...views.map(({ name }) => [name]),
    ['events'],
    ['reload'],
    ['network', 'remove', 'x'],
  ]) {
    const { code, stdout, stderr } = await daemon.cli(...words, '--runtime-dir', '/nonexistent')
    t.equal(code, 3, words.join(' '))
    t.equal(stdout, '')
    t.match(
      stderr,
      /^vtep: no daemon answers on \/nonexistent\/api\.sock: start the daemon with `vtep run --config FILE`, or name its directory with --runtime-dir\n$/,
    )
  }
})

t.test('--runtime-dir anywhere on the line', async (t) => {
  const directory = ['--runtime-dir', daemon.runtimeDir]
  for (const words of [
    ['status', ...directory],
    [...directory, 'status'],
  ]) {
    const { code } = await attempt([process.execPath, program, ...words], {
      env: { VTEP_RUNTIME_DIR: '/nonexistent' },
    })
    t.equal(code, 0)
  }
})

t.test('help names every command, and each helps itself', async (t) => {
  const { code, stdout } = await daemon.cli('--help')
  t.equal(code, 0)
  const words = [
    'run',
    'check',
    'events',
    'completion',
    ...views.map(({ name }) => name),
    ...operations.map(({ command }) => command.split(' ')[0]!),
  ]
  for (const word of words) t.match(stdout, new RegExp(`^  ${word} `, 'm'))
  t.match(stdout, /Exit codes: 0 ok, 1 failed, 2 usage, 3 daemon not reachable/)
  for (const command of [
    ...words,
    ...operations.map((row) => row.command.replace(/ [<[].*/, '')),
  ]) {
    const help = await daemon.cli(...command.split(' '), '--help')
    t.equal(help.code, 0, command)
    t.match(help.stdout, `Usage: vtep ${command}`)
    t.match(help.stdout, '--runtime-dir')
  }
  t.match(
    (await daemon.cli('port', 'add', '--help')).stdout,
    /^ {2}ring +memory/m,
    'kinds come from the dataplane',
  )
  t.match(await daemon.cli('--version'), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})

t.test('completion is a script that its shell reads', async (t) => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await daemon.cli('completion', shell)
    t.equal(code, 0, shell)
    t.match(stdout, 'routes')
    if (findProgram(shell) === undefined) t.comment(`${shell} is not installed`)
    else t.match(await attempt([shell, '-n'], { input: stdout }), { code: 0, stderr: '' }, shell)
  }
})

t.test(
  'bash completes',
  { skip: findProgram('bash') === undefined && 'bash is not installed' },
  async (t) => {
    const { stdout } = await daemon.cli('completion', 'bash')
    const complete = async (...words: readonly string[]): Promise<string[]> => {
      const list = words.map((word) => `'${word}'`).join(' ')
      const script = `${stdout}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _vtep; printf '%s\\n' "\${COMPREPLY[@]}"`
      return (await attempt(['bash', '-c', script])).stdout.trimEnd().split('\n')
    }
    t.same(await complete('vtep', 'st'), ['status'])
    t.same(await complete('vtep', 'vrf', ''), ['add', 'remove', '--runtime-dir', '--help'])
    t.same(await complete('vtep', 'port', 'add', '--ki'), ['--kind'])
    t.same(await complete('vtep', 'completion', 'f'), ['fish'])
  },
)

t.test('the table of a verb does not wait for the speaker or the schema', async (t) => {
  const trace = `
    import { register } from 'node:module'
    register('data:text/javascript,' + encodeURIComponent(\`
      export async function resolve(specifier, context, next) {
        const result = await next(specifier, context)
        process._rawDebug(result.url)
        return result
      }\`))`
  const { stderr } = await attempt(
    [
      process.execPath,
      '--import',
      `data:text/javascript,${encodeURIComponent(trace)}`,
      program,
      'macs',
    ],
    { env: { VTEP_RUNTIME_DIR: daemon.runtimeDir } },
  )
  t.match(stderr, 'commander')
  for (const heavy of [
    'fastify',
    'typebox',
    'pino',
    'prom-client',
    '/yaml/',
    '/src/bgp/',
    '/src/io/',
  ]) {
    t.notMatch(stderr, heavy)
  }
})

t.test('it ends', async (t) => {
  t.equal(await daemon.stop(), 0)
})
