// npm run demo, as root and as an ordinary user: it works, says so, and leaves nothing.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { missing, root, until } from '../lab/index.js'

const script = join(root, 'dist/scripts/demo.js')
const skip = missing('iperf3')
const nobody = 65534

interface Ended {
  readonly code: number | null
  readonly output: string
  readonly pid: number
}

/** Runs the demo; `watch` sees the output as it grows. */
function run(
  prefix: readonly string[],
  args: readonly string[],
  watch: (output: string, pid: number) => void = () => undefined,
): Promise<Ended> {
  const [program, ...rest] = [...prefix, process.execPath, script, ...args]
  const child = spawn(program!, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: tmpdir() },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      watch(output, child.pid!)
    })
  }
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, output, pid: child.pid! }))
  })
}

/** Namespaces and folders of labs whose process has ended: other labs may come and go beside the demo. */
function orphans(): string[] {
  const list = (folder: string): string[] => {
    try {
      return readdirSync(folder).filter((name) => {
        const pid = /^vt-(\d+)-/.exec(name)?.[1]
        return pid !== undefined && !existsSync(`/proc/${pid}`)
      })
    } catch {
      return []
    }
  }
  return [...list(tmpdir()), ...list('/run/netns')]
}

function works(t: Test, { code, output }: Ended): void {
  t.equal(code, 0, output)
  t.match(output, /BGP EVPN: both hosts have a session/)
  t.match(output, /vm1 to vm3 (19|20) of 20/)
  t.equal(output.match(/[0-9.]+ Gbit\/s/g)?.length, 2, 'throughput both ways')
  for (let n = 1; n <= 4; n++) t.match(output, `02:00:0a:01:00:0${n}`, `MAC of vm${n} in the table`)
  t.match(output, /All worked/)
}

test('as root, once', { skip }, async (t) => {
  const before = orphans()
  works(t, await run([], ['--once']))
  t.same(orphans(), before, 'nothing is left')
})

test('as an ordinary user, in a user namespace', { skip: skip || whyNotOrdinary() }, async (t) => {
  const before = orphans()
  const user = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
  const ended = await run(user, ['--once'])
  works(t, ended)
  t.match(ended.output, 'in a user namespace, without root')
  t.same(orphans(), before, 'nothing is left')
})

test('stays up until Ctrl-C', { skip }, async (t) => {
  const before = orphans()
  let asked = false
  let page: Promise<string> | undefined
  const ended = await run([], [], (output, pid) => {
    if (asked || !output.includes('Ctrl-C ends it')) return
    asked = true
    const url = /read-only: (http:\S+)/.exec(output)?.[1] ?? 'no address'
    page = fetch(`${url}v1/session`).then((answer) => answer.text(), String)
    void page.then(() => process.kill(pid, 'SIGINT'))
  })
  t.equal(ended.code, 0, ended.output)
  t.match(ended.output, 'VTEP_RUNTIME_DIR=', 'says how to look around')
  t.match(await page, /"role":"read"/, 'the dashboard listens where it says, and only reads')
  await until('nothing is left', () => orphans().every((name) => before.includes(name)))
})

test('an unknown argument is refused', async (t) => {
  const { code, output } = await run([], ['--twice'])
  t.equal(code, 2)
  t.match(output, 'unknown argument --twice')
})

function whyNotOrdinary(): string | false {
  const as = ['--reuid', `${nobody}`, '--regid', `${nobody}`, '--clear-groups']
  if (spawnSync('setpriv', [...as, 'unshare', '-Urnm', 'true']).status !== 0) {
    return 'ordinary users may not make user namespaces here'
  }
  if (spawnSync('setpriv', [...as, 'test', '-r', script]).status !== 0) {
    return `user ${nobody} may not read ${script}`
  }
  return false
}
