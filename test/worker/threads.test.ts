// Where the threads of a dataplane run, and what they cost.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { NativeDataplane, startDataplane } from '../../src/io/native.js'
import { Lab, root, sleep, until } from '../lab/index.js'
import { controlPath } from './rings.js'

interface Thread {
  readonly name: string
  readonly cpus: string
  /** Nanoseconds on a CPU. */
  readonly ran: number
}

/** Threads of a process; one that ends meanwhile is left out. */
function threads(pid: number | string): Thread[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((id) => {
    const read = (file: string): string => readFileSync(`/proc/${pid}/task/${id}/${file}`, 'utf8')
    try {
      return {
        name: read('comm').trim(),
        cpus: /^Cpus_allowed_list:\s*(\S+)$/m.exec(read('status'))![1]!,
        ran: Number(read('schedstat').split(' ')[0]),
      }
    } catch {
      return []
    }
  })
}

const worker = (number: number): Thread =>
  threads('self').find(({ name }) => name === `vtep-worker-${number}`)!

t.test('workers stay on the CPUs that are named', async (t) => {
  const cpu = threads('self')[0]!.cpus.split(/[-,]/).at(-1)!
  const running = startDataplane({ workers: 2, cpus: [Number(cpu)], controlPath: controlPath(t) })
  t.teardown(() => running.close())
  await sleep(0.1)
  t.equal(worker(0).cpus, cpu)
  t.equal(worker(1).cpus, cpu)
  t.throws(() => startDataplane({ workers: 1, cpus: [4095], controlPath: controlPath(t) }), {
    message: /^cpus: expected numbers of CPUs that this process may use \(.*\), got 4095$/,
  })
})

t.test('with a worker for each CPU, each lives on one', async (t) => {
  const all = availableParallelism()
  if (all > 16) return t.pass('more CPUs than workers')
  const running = startDataplane({ workers: all, controlPath: controlPath(t) })
  t.teardown(() => running.close())
  await sleep(0.1)
  const cpus = Array.from({ length: all }, (_, number) => worker(number).cpus)
  t.equal(new Set(cpus).size, all, cpus.join(' '))
})

t.test('only `always` costs CPU time without work', async (t) => {
  for (const polling of ['adaptive', 'never', 'always'] as const) {
    const running = startDataplane({ workers: 1, polling, controlPath: controlPath(t) })
    /** Milliseconds of CPU time in 300 of time. */
    const cost = async (): Promise<number> => {
      const before = worker(0).ran
      await sleep(0.3)
      return (worker(0).ran - before) / 1e6
    }
    // Others may keep a processor from it: both, until it has begun.
    if (polling === 'always') await until(polling, async () => (await cost()) > 20)
    else await until(polling, async () => (await cost()) === 0)
    t.pass(polling)
    running.close()
  }
})

t.test(
  'a dataplane with 8 ports sleeps',
  { skip: process.getuid?.() !== 0 && 'not root' },
  async (t) => {
    const lab = Lab.open(t)
    const host = await lab.namespace('h')
    const folder = mkdtempSync(join(tmpdir(), 'vt-idle-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const service = host.start('dataplane', [
      process.execPath,
      join(root, 'bin/vtep.js'),
      'run',
      '--dataplane-only',
      '--runtime-dir',
      folder,
    ])
    await service.said('vtep: ready', { seconds: 20 })
    const dataplane = NativeDataplane.attach({
      controlPath: join(folder, 'control.sock'),
      role: 'controller',
    })
    t.teardown(() => dataplane.detach())
    await dataplane.apply([{ op: 'networkSet', vni: 10100, suppress: true, agingSeconds: 300 }])
    for (let i = 0; i < 8; i++) {
      const port = await dataplane.openPort({ name: `tap${i}`, kind: 'tap', options: {} })
      await dataplane.apply([{ op: 'portAttach', port, vni: 10100 }])
    }
    await sleep(1)
    const ran = (): number => threads(dataplane.pid).reduce((sum, thread) => sum + thread.ran, 0)
    const [before, started] = [ran(), performance.now()]
    await sleep(3)
    const percent = (ran() - before) / 1e4 / (performance.now() - started)
    t.comment(`${percent.toFixed(3)} % of a core`)
    t.ok(percent < 0.2, `${percent} % of a core`)
  },
)
