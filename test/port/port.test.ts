// Runs the test program of native/port, built with the address and undefined-behaviour sanitizers. Each of its tests has
// a process and a network namespace of its own, which end together: there is nothing to clean up.

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { missing, root } from '../lab/index.js'

const program = join(root, 'build/port-test/port-test')
let running: ChildProcess | undefined

function run(command: string, ...words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    running = child
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    child.on('error', reject)
    child.on('close', (status) => {
      if (status === 0) resolve(output)
      else reject(new Error(`${command} ${words.join(' ')}: status ${status}\n${output}`))
    })
  })
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    running?.kill('SIGKILL')
    process.exit(1)
  })

const skip = missing('make', 'g++', 'ping', 'tc', 'ethtool')
t.setTimeout(300_000)
if (skip !== false) {
  t.test('native/port', { skip }, async () => {})
} else {
  await run('make', '-s', '-j2', '-C', 'native/port/test')
  const names = (await run(program, '--list')).trim().split('\n')
  t.ok(names.length > 30, 'there are tests')
  for (const name of names)
    t.test(name.replaceAll('_', ' '), async (t) => {
      await t.resolves(run(program, name))
    })
}
