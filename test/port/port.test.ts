// Runs the test program of native/port, built with the address and undefined-behaviour sanitizers. Each of its tests has a process and a
// network namespace of its own, so there is nothing to clean up.

import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { missing, root } from '../lab/index.js'

const program = join(root, 'build/port-test/port-test')

interface Outcome {
  readonly status: number | null
  readonly output: string
}

function run(command: string, ...words: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    child.on('error', (error) => resolve({ status: null, output: error.message }))
    child.on('close', (status) => resolve({ status, output }))
    process.once('SIGTERM', () => child.kill('SIGKILL'))
  })
}

const skip = missing('make', 'g++', 'ping', 'tc')

t.setTimeout(300_000)
t.test('native/port', { skip, timeout: 300_000 }, async (t) => {
  const built = await run('make', '-s', '-j2', '-C', 'native/port/test')
  t.equal(built.status, 0, `make: ${built.output}`)
  const listed = spawnSync(program, ['--list'], { encoding: 'utf8' }).stdout.trim()
  const names = listed.split('\n')
  t.ok(names.length > 20, 'there are tests')
  for (const name of names) {
    const { status, output } = await run(program, name)
    t.equal(status, 0, `${name.replaceAll('_', ' ')}${status === 0 ? '' : `: ${output}`}`)
  }
})
