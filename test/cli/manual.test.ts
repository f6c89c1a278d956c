// The manual and the completion of packages: nothing is missing, and their readers have nothing to say against them.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { findProgram, root } from '../lab/index.js'
import { tell } from './in-process.js'

const directory = mkdtempSync(join(tmpdir(), 'vt-manual-'))
t.teardown(() => rmSync(directory, { recursive: true }))

const run = (program: string, ...words: readonly string[]) =>
  spawnSync(program, words, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } })

t.equal(run(process.execPath, join(root, 'dist/scripts/manual.js'), directory).status, 0)

const folder = join(directory, 'man')
const pages = readdirSync(folder).sort()

t.test('a page for each command, one for all, one for the configuration', async (t) => {
  const { stdout } = await tell(['--help'])
  const table = stdout.slice(stdout.indexOf('Commands:'))
  const names = [...table.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name!)
  t.ok(names.includes('run') && names.includes('port') && names.includes('macs'))
  const wanted = [
    'vtep.1',
    'vtep.yaml.5',
    ...names.filter((name) => name !== 'help').map((name) => `vtep-${name}.1`),
  ].sort()
  t.same(pages, wanted)
})

t.test(
  'groff reads them without a warning',
  {
    skip: findProgram('groff') === undefined && 'groff is not installed',
  },
  async (t) => {
    for (const page of pages) {
      const read = run('groff', '-ww', '-K', 'utf8', '-T', 'utf8', '-man', join(folder, page))
      t.same([read.status, read.stderr], [0, ''], page)
      const text = read.stdout.replaceAll(/\u001b\[[0-9;]*m|.\u0008/g, '')
      t.match(text, /^NAME$/m, page)
      t.notMatch(text, /undefined|\[object/, page)
    }
  },
)

t.test('what they say is what --help says', async (t) => {
  const textOf = (page: string): string =>
    readFileSync(join(folder, page), 'utf8').replaceAll('\\-', '-').replaceAll('\\(dq', '"')
  t.match(textOf('vtep-run.1'), /^\.B --record <file>\n/m)
  t.match(textOf('vtep-run.1'), 'SIGHUP reads the configuration again')
  t.match(textOf('vtep-port.1'), /^\.SH "vtep port add"$/m)
  t.match(textOf('vtep-fabric-config.1'), 'One of eos, cumulus, frr, nxos, junos, srlinux, aoscx.')
  const yaml = textOf('vtep.yaml.5')
  for (const key of [
    'asn',
    'vtep',
    'routerMac',
    'bgp',
    'neighbors',
    'ttlSecurity',
    'gateway',
    'df',
  ])
    t.match(yaml, new RegExp(`^\\.B ${key}$`, 'm'), key)
  t.match(yaml, /^\.B udpPort\nA whole number\. UDP port of VXLAN\. Default: 4789\.$/m)
  t.match(yaml, /^\.B uplink\nOne of auto, udp, raw, af_xdp\. /m)
})

t.test('completion for each shell', async (t) => {
  const scripts = join(directory, 'completion')
  t.same(readdirSync(scripts).sort(), ['_vtep', 'vtep', 'vtep.fish'])
  const complete = (...words: readonly string[]): string[] => {
    const list = words.map((word) => `'${word}'`).join(' ')
    const script = `source ${join(scripts, 'vtep')}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _vtep; printf '%s\\n' "\${COMPREPLY[@]}"`
    return run('bash', '-c', script).stdout.trimEnd().split('\n')
  }
  t.same(complete('vtep', 'fab'), ['fabric-config'])
  t.same(complete('vtep', 'fabric-config', 's'), ['srlinux'])
  t.same(complete('vtep', 'fabric-config', 'eos', '--leaf-v'), ['--leaf-vtep'])
  t.same(complete('vtep', 'import', '--no-d'), ['--no-devices'])
})
