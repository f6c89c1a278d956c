// Frames that the controller sends to tenants, past the tables: what arrives, and what is left out or refused.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { NativeDataplane, startDataplane } from '../../src/io/index.js'
import { hostProbe } from '../../src/wire/frame/index.js'
import { until } from '../lab/index.js'

t.test('a frame for a port arrives there, and nowhere else', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vt-letters-'))
  const controlPath = join(directory, 'control.sock')
  const running = startDataplane({ workers: 2, controlPath })
  t.teardown(() => {
    running.close()
    rmSync(directory, { recursive: true })
  })
  const dataplane = NativeDataplane.attach({ controlPath, role: 'controller' })
  const open = (name: string) => dataplane.openPort({ name, kind: 'ring', options: {} })
  const [one, two] = [await open('r1'), await open('r2')]
  // Detached ports have no network, and need none.
  const frames = Array.from({ length: 100 }, (_, i) =>
    hostProbe(`10.1.0.${i}`, '02:00:00:00:00:01'),
  )
  await dataplane.send([
    ...frames.map((bytes) => ({ port: two, bytes })),
    { port: 99, bytes: frames[0]! },
  ])
  const got: Uint8Array[] = []
  await until('all are there', async () => {
    for (const { bytes } of await dataplane.ringReceive(two)) got.push(bytes)
    return got.length >= frames.length
  })
  t.same(
    got.map((bytes) => Buffer.from(bytes)),
    frames.map((bytes) => Buffer.from(bytes)),
    'in order',
  )
  t.same(await dataplane.ringReceive(one), [])
  const { ports } = dataplane.counters()
  t.equal(ports.find(({ port }) => port === two)?.txFrames, 100)

  await t.rejects(
    dataplane.send([
      { port: two, bytes: frames[0]! },
      { port: two, bytes: new Uint8Array(121) },
    ]),
    { message: 'port-send: frame 1: expected port, length and at most 120 bytes' },
  )
  await dataplane.shutdown()
})
