// What it costs to be looked at: forwarding while Prometheus scrapes, a reader follows the events and a dashboard is open, beside
// forwarding that nobody looks at. They take turns on one bed, so that drift of the machine hits both alike.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root, sleep } from '../test/lab/index.js'
import { Bed } from './bed.js'
import { devices, macOf, vni } from './devices/index.js'
import { measureTrial } from './meter.js'
import { stream } from './probes/tcp.js'
import type { Figure } from './result.js'

export interface ObserveOptions {
  /** Pairs of turns. */
  readonly count: number
}

const deviceName = 'vtep netdev/raw'
/** Its requests of the first moments are over. */
const settleSeconds = 0.3

interface Measure {
  readonly what: string
  readonly unit: string
  /** One host, or two. */
  readonly hosts: 1 | 2
  readonly turn: (bed: Bed) => Promise<number>
}

const measures: readonly Measure[] = [
  {
    what: '64 B into the tunnel, as fast as it goes',
    unit: 'Mpps',
    hosts: 1,
    async turn(bed) {
      const { inTime, seconds } = await measureTrial({
        tx: { netns: bed.tenant(1).netns, ifname: 'eth0' },
        rx: { netns: bed.hosts[1]!.netns, ifname: 'eth0' },
        to: macOf(2),
        from: macOf(1),
        seconds: 1,
        cpus: [0, 0],
        expectVni: vni,
      })
      return inTime / seconds / 1e6
    },
  },
  {
    what: 'TCP, one stream between two hosts',
    unit: 'Gbit/s',
    hosts: 2,
    turn: (bed) => stream(bed, { quick: true }, 'bbr'),
  },
]

/** For each measure: without, with, and the ratio of each pair of turns. */
export async function measureObserving({ count }: ObserveOptions): Promise<Figure[]> {
  const device = devices.find(({ name }) => name === deviceName)!
  const bed = await Bed.open(device)
  const watchers = await Watchers.start(join(bed.hosts[0]!.directory, 'vtep.run/api.sock'))
  try {
    const figures: Figure[] = []
    for (const { what, unit, hosts, turn } of measures) {
      await (hosts === 1 ? bed.one() : bed.both())
      await turn(bed)
      const [alone, watched]: [number[], number[]] = [[], []]
      for (let n = 0; n < count; n++) {
        // Who comes first changes, too.
        for (const on of n % 2 === 0 ? [false, true] : [true, false]) {
          await watchers.set(on)
          await sleep(settleSeconds)
          ;(on ? watched : alone).push(await turn(bed))
        }
      }
      await watchers.set(false)
      // Of neighbours in time: the machine's speed changes more, and slower, than what is looked for.
      const ratios = watched.map((value, n) => value / alone[n]!)
      figures.push(
        { what, unit, values: alone },
        { what: `${what}: watched`, unit, values: watched },
        { what: `${what}: ratio of turns`, unit: '×', values: ratios },
      )
    }
    process.stderr.write(`observe: ${await watchers.stop()} requests were answered\n`)
    return figures
  } finally {
    await watchers.stop()
    await bed.close()
  }
}

/** They are a process of their own, which is there all the time: only what they ask for is the difference. */
class Watchers {
  readonly #child
  #answered = 0

  private constructor(socketPath: string) {
    const program = fileURLToPath(new URL('observers.js', import.meta.url))
    this.#child = spawn(process.execPath, [program, socketPath], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (count: number) => {
      this.#answered = count
    })
  }

  static async start(socketPath: string): Promise<Watchers> {
    const watchers = new Watchers(socketPath)
    await once(watchers.#child, 'message')
    return watchers
  }

  async set(on: boolean): Promise<void> {
    this.#child.send(on)
    await once(this.#child, 'message')
  }

  /** Ends them. Answers how many requests were answered; throws when there were none. */
  async stop(): Promise<number> {
    if (this.#child.exitCode === null && this.#child.connected) {
      const ended = once(this.#child, 'exit')
      this.#child.disconnect()
      await ended
    }
    return this.#answered
  }
}
