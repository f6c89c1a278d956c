// A dataplane in this process with ring ports, for tests of what happens between ports.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NativeDataplane, type RunningDataplane, startDataplane } from '../../src/io/native.js'
import type { RingFrame } from '../../src/io/ring-frames.js'
import { until } from '../lab/wait.js'

interface Owner {
  teardown(handler: () => Promise<void>): void
}

/** A control path in a folder of its own, removed with the test. */
export function controlPath(owner: Owner): string {
  const folder = mkdtempSync(join(tmpdir(), 'vt-worker-'))
  owner.teardown(async () => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'control')
}

export interface Rings {
  readonly path: string
  readonly running: RunningDataplane
  readonly dataplane: NativeDataplane
  /** Opens a ring port and attaches it to the network. */
  open(name: string, options?: Readonly<Record<string, string>>): Promise<number>
  /** Everything that the port is given, once at least `count` frames have come. */
  receive(port: number, count: number): Promise<readonly Required<RingFrame>[]>
}

export const vni = 10100

export async function startRings(owner: Owner, workers = 1): Promise<Rings> {
  const path = controlPath(owner)
  const running = startDataplane({ workers, controlPath: path })
  const dataplane = NativeDataplane.attach({ controlPath: path, role: 'controller' })
  owner.teardown(async () => {
    await dataplane.detach()
    running.close()
  })
  await dataplane.apply([{ op: 'networkSet', vni, suppress: true, agingSeconds: 300 }])
  return {
    path,
    running,
    dataplane,
    async open(name, options = {}) {
      const port = await dataplane.openPort({ name, kind: 'ring', options })
      await dataplane.apply([{ op: 'portAttach', port, vni }])
      return port
    },
    async receive(port, count) {
      const got: Required<RingFrame>[] = []
      await until(
        `port ${port} is given ${count} frames`,
        async () => {
          got.push(...(await dataplane.ringReceive(port)))
          return got.length >= count
        },
        { everySeconds: 0.005 },
      ).catch((error: Error) => {
        throw new Error(`${error.message} (${got.length} frames)`)
      })
      return got
    },
  }
}
