// Tables that grow by a factor of ten thousand while frames are switched by them and an observer reads them.

import t from 'tap'
import type { Operation } from '../../src/fib/dataplane.js'
import { NativeDataplane } from '../../src/io/native.js'
import { pattern, udp } from './frames.js'
import { startRings, vni } from './rings.js'

const macA = '02:00:00:00:00:0a'
const macB = '02:00:00:00:00:0b'
const count = 100_000
const batch = 4000

const mac = (i: number): string =>
  `02:01:00:${[i >> 16, i >> 8, i].map((part) => (part & 0xff).toString(16).padStart(2, '0')).join(':')}`

t.test('growth under traffic', { timeout: 120_000 }, async (t) => {
  const { path, dataplane, open, receive } = await startRings(t, 2)
  const observer = NativeDataplane.attach({ controlPath: path, role: 'observer' })
  const a = await open('a', { capacity: '4096' })
  const b = await open('b', { capacity: '4096' })
  const bystander = await open('bystander', { capacity: '4096' })
  const to = { bytes: udp({ sourceMac: macA, destinationMac: macB }, pattern(64)) }
  const from = { bytes: udp({ sourceMac: macB, destinationMac: macA }, pattern(64)) }
  await dataplane.ringSend(b, [from])
  await receive(a, 1)
  await dataplane.ringSend(a, [to])
  await receive(b, 1)
  await dataplane.ringReceive(bystander)

  let sent = 0
  let received = 0
  let busy = true
  const traffic = (async () => {
    while (busy) {
      await dataplane.ringSend(
        a,
        Array.from({ length: 50 }, () => to),
      )
      sent += 50
      received += (await receive(b, 50)).length
    }
  })()
  let largest = 0
  const reading = (async () => {
    while (busy) {
      const { macs } = observer.snapshot()
      largest = Math.max(largest, macs.length)
      const local = macs.filter(({ origin }) => origin === 'local').map((row) => row.mac)
      if (!local.includes(macA) || !local.includes(macB)) t.fail('a reading missed an entry')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  const inBatches = async (make: (i: number) => Operation): Promise<void> => {
    for (let at = 0; at < count; at += batch) {
      await dataplane.apply(Array.from({ length: batch }, (_, i) => make(at + i)))
    }
  }
  await inBatches((i) => ({
    op: 'macSetRemote',
    vni,
    mac: mac(i),
    remote: `192.0.2.${1 + (i % 50)}`,
    sticky: false,
    override: false,
  }))
  t.equal(dataplane.snapshot().macs.length, count + 2)
  t.equal(dataplane.snapshot().remotes.length, 50)
  await inBatches((i) => ({ op: 'macRemove', vni, mac: mac(i), origin: 'remote' }))
  busy = false
  await Promise.all([traffic, reading])
  t.same(
    dataplane
      .snapshot()
      .macs.map((row) => row.mac)
      .sort(),
    [macA, macB],
    'and all are gone again',
  )
  t.same(dataplane.snapshot().remotes, [])
  t.ok(largest > batch, `the observer saw up to ${largest} MACs`)
  t.equal(received, sent, `${sent} frames passed meanwhile`)
  t.ok(sent >= 500)
  t.same(await dataplane.ringReceive(bystander), [], 'none of them was flooded')
  const drops = Object.entries(dataplane.counters().drops).filter(([, n]) => n > 0)
  t.same(drops, [])
  await observer.detach()
})
