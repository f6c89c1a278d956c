// `vtep import` as a command: what it reads, what it writes, exit codes.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Told, tell } from './in-process.js'

const directory = mkdtempSync(join(tmpdir(), 'vt-import-'))
t.teardown(() => rmSync(directory, { recursive: true }))

const file = (name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const vtep = (...words: readonly string[]): Promise<Told> => tell(words)

t.test('import', async (t) => {
  const frr = file(
    'frr.conf',
    `router bgp 65011
 bgp router-id 203.0.113.11
 neighbor 203.0.113.1 remote-as 65000
 neighbor 203.0.113.1 password hunter2
 frobnicate
 address-family l2vpn evpn
  neighbor 203.0.113.1 activate
`,
  )
  const printed = await vtep('import', '--frr', frr, '--no-devices')
  t.match(printed, { code: 0, stdout: /^# Written by `vtep import`\.$/m })
  t.match(printed.stderr, /frr\.conf:5: not carried over: frobnicate: no counterpart is known/)
  const output = join(directory, 'new.yaml')
  t.match(await vtep('import', '--frr', frr, '--no-devices', '-o', output), { code: 0, stdout: '' })
  t.equal(readFileSync(output, 'utf8'), printed.stdout)
  t.equal(statSync(output).mode & 0o777, 0o600)
  t.match(await vtep('check', output), { code: 0 })
  const empty = await vtep('import', '--no-frr', '--no-devices', '--json')
  t.equal(empty.code, 1)
  t.match(empty.stderr, /^vtep: .*: asn: expected an AS number/m)
  t.match(JSON.parse(empty.stdout), { problems: [{ path: 'asn' }, {}] })
  t.equal((await vtep('import', '--frr', join(directory, 'missing'), '--no-devices')).code, 1)
})
