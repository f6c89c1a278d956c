// Captures of a real dataplane: what is seen where, of which frames, and that nothing is left of one that ends.

import { readdirSync, readlinkSync } from 'node:fs'
import t from 'tap'
import type { CapturedFrame, CaptureFeed, CaptureSpec } from '../../src/fib/index.js'
import { dropReasons } from '../../src/fib/tables.gen.js'
import { NativeDataplane } from '../../src/io/native.js'
import { until } from '../lab/wait.js'
import { pattern, superTcp, udp } from './frames.js'
import { startRings, vni } from './rings.js'

const macA = '02:00:00:00:00:0a'
const macB = '02:00:00:00:00:0b'
const broadcast = 'ff:ff:ff:ff:ff:ff'
const hello = { bytes: udp({ sourceMac: macA, destinationMac: broadcast }, pattern(64)) }
const toB = { bytes: udp({ sourceMac: macA, destinationMac: macB }, pattern(100)) }
const reasonNumber = (name: string): number => dropReasons.findIndex((row) => row.name === name)

interface Watching {
  readonly feed: CaptureFeed
  /** What has come, once it is at least so many. */
  frames(count: number): Promise<readonly CapturedFrame[]>
}

async function watch(
  owner: { teardown(handler: () => void): void },
  dataplane: NativeDataplane,
  spec: CaptureSpec,
): Promise<Watching> {
  const feed = await dataplane.capture(spec)
  owner.teardown(() => feed.stop())
  return {
    feed,
    async frames(count) {
      const all: CapturedFrame[] = []
      await until(
        `${count} frames are captured`,
        () => {
          all.push(...feed.read().frames)
          return all.length >= count
        },
        { everySeconds: 0.005 },
      )
      return all
    },
  }
}

/** Memory of captures that this process has open, as dataplane or as reader. */
const memories = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('vtep-capture')
    } catch {
      return false
    }
  }).length

t.test('a frame at every point of its way, with what became of it', async (t) => {
  const { dataplane, open, receive } = await startRings(t)
  const a = await open('a')
  const b = await open('b')
  const c = await open('c')
  const { frames } = await watch(t, dataplane, {})
  await dataplane.ringSend(a, [hello])
  await receive(b, 1)
  const flooded = await frames(3)
  t.match(
    flooded.map(({ point, port, outPort, copies, destination, reason }) => ({
      point,
      port,
      outPort,
      copies,
      destination,
      reason,
    })),
    [
      { point: 'fromPort', port: a, outPort: b, copies: 2, destination: 'port', reason: 0 },
      { point: 'toPort', port: a, outPort: b },
      { point: 'toPort', port: a, outPort: c },
    ],
  )
  t.equal(new Set(flooded.map(({ id }) => id)).size, 1, 'one frame, one number')
  t.ok(flooded.every((frame) => frame.vni === vni))
  for (const { bytes, length } of flooded) {
    t.same(Buffer.from(bytes), Buffer.from(hello.bytes))
    t.equal(length, hello.bytes.length)
  }
  const age = Date.now() - Number(flooded[0]!.timeNanoseconds / 1_000_000n)
  t.ok(age >= 0 && age < 5000, `${age} ms ago`)

  await dataplane.ringSend(a, [{ bytes: new Uint8Array(9) }])
  const [came, lost] = await frames(2)
  t.match(came, { point: 'fromPort', reason: reasonNumber('too_short'), copies: 0 })
  t.match(lost, { point: 'drop', reason: reasonNumber('too_short'), port: a, length: 9 })
  t.equal(lost!.id, came!.id)
})

t.test('only what is asked for', async (t) => {
  const { dataplane, open, receive } = await startRings(t)
  const a = await open('a')
  const b = await open('b', { capacity: '2' })
  const c = await open('c')
  await dataplane.ringSend(b, [
    { bytes: udp({ sourceMac: macB, destinationMac: macA }, pattern(9)) },
  ])
  await receive(a, 1)
  const seen = async (
    spec: CaptureSpec,
    count: number,
    act: () => Promise<unknown>,
  ): Promise<string[]> => {
    const { feed, frames } = await watch(t, dataplane, spec)
    await act()
    const got = await frames(count)
    await dataplane.ping()
    const all = [...got, ...feed.read().frames]
    feed.stop()
    return all.map(
      ({ point, port, outPort, reason }) =>
        `${point} ${port} ${outPort} ${dropReasons[reason]!.name}`,
    )
  }
  const mixed = async (): Promise<void> => {
    await dataplane.ringReceive(b)
    await dataplane.ringSend(a, [toB, hello])
    await dataplane.ringSend(c, [
      { bytes: udp({ sourceMac: '02:00:00:00:00:0c', destinationMac: broadcast }, pattern(9)) },
    ])
    await until('all is through', async () => (await receive(a, 1)).length > 0)
  }
  t.same(await seen({ points: ['fromPort'], port: a }, 2, mixed), [
    `fromPort ${a} ${b} none`,
    `fromPort ${a} ${b} none`,
  ])
  const dropsOfB = await seen(
    { port: b, points: ['toPort', 'drop'], reason: reasonNumber('tx_queue_full') },
    1,
    mixed,
  )
  t.same(dropsOfB, [`drop ${c} ${b} tx_queue_full`], 'the third found no room')
  t.same(
    await seen({ points: ['fromPort'], reason: reasonNumber('too_short') }, 1, async () =>
      dataplane.ringSend(a, [hello, { bytes: new Uint8Array(9) }, hello]),
    ),
    [`fromPort ${a} 0 too_short`],
    'frames that will be lost, where they come in',
  )
  t.same(
    await seen({ filter: 'ether host 02:00:00:00:00:0c', points: ['toPort'] }, 1, mixed),
    [`toPort ${c} ${a} none`],
    'by its octets',
  )
  t.same(
    await seen({ filter: `udp and greater ${toB.bytes.length}`, points: ['fromPort'] }, 1, mixed),
    [`fromPort ${a} ${b} none`],
  )
  t.same(await seen({ vni: 4242 }, 0, mixed), [], 'another network')
  const { feed, frames } = await watch(t, dataplane, { points: ['fromPort'], frames: 3 })
  for (let i = 0; i < 5; i++) await dataplane.ringSend(a, [hello])
  await receive(c, 5)
  t.equal((await frames(3)).length, 3, 'and no more than that')
  t.same(feed.read().frames, [])
})

t.test('a filter that is none, one too many, one of nobody', async (t) => {
  const { dataplane, open } = await startRings(t)
  await open('a')
  await t.rejects(dataplane.capture({ filter: 'prot tcp' }), {
    message: /^filter "prot tcp": expected tcpdump's language, got: /,
  })
  await t.rejects(dataplane.capture({ port: 77 }), { message: /port number 77: is not open/ })
  const before = memories()
  const feeds: CaptureFeed[] = []
  for (let i = 0; i < 4; i++) feeds.push(await dataplane.capture({}))
  await t.rejects(dataplane.capture({}), { message: /at most 4 at once/ })
  feeds[0]!.stop()
  await until('there is room again', async () => {
    const feed = await dataplane.capture({}).catch(() => undefined)
    if (feed !== undefined) feeds.push(feed)
    return feed !== undefined
  })
  for (const feed of feeds) feed.stop()
  await until('all memory is given back', () => memories() === before)
})

t.test('follows frames from where they come in', async (t) => {
  const { dataplane, open, receive } = await startRings(t)
  const a = await open('a')
  const b = await open('b')
  const { feed, frames } = await watch(t, dataplane, { follow: true, frames: 2, filter: 'udp' })
  await dataplane.ringSend(a, [{ bytes: new Uint8Array(9) }, hello, toB, hello])
  await receive(b, 3)
  const all = await frames(4)
  t.same(
    all.map(({ point }) => point).sort(),
    ['fromPort', 'fromPort', 'toPort', 'toPort'],
    'in one batch or two',
  )
  t.equal(new Set(all.map(({ id }) => id)).size, 2, 'two frames')
  t.same(feed.read().frames, [])
})

t.test('super-frames are whole, and say how they are to be cut', async (t) => {
  const { dataplane, open, receive } = await startRings(t)
  const a = await open('a')
  const b = await open('b', { offloads: 'none' }).catch(() => open('b'))
  const { frames } = await watch(t, dataplane, { points: ['fromPort'] })
  const sent = superTcp({ sourceMac: macA, destinationMac: broadcast }, pattern(20000), 1448)
  await dataplane.ringSend(a, [sent])
  await receive(b, 1)
  const [frame] = await frames(1)
  t.match(frame, { length: sent.bytes.length, gso: { type: 1, size: 1448 }, partialChecksum: true })
  t.same(Buffer.from(frame!.bytes), Buffer.from(sent.bytes))
  const short = await watch(t, dataplane, { points: ['fromPort'], snapLength: 60 })
  await dataplane.ringSend(a, [sent])
  const [cut] = await short.frames(1)
  t.same([cut!.length, cut!.bytes.length], [sent.bytes.length, 60])
})

t.test('nobody reads: forwarding loses nothing, and what was missed is counted', async (t) => {
  const { dataplane, open, receive } = await startRings(t)
  const a = await open('a')
  const b = await open('b')
  const { feed } = await watch(t, dataplane, { rate: 10_000_000 })
  const large = { bytes: udp({ sourceMac: macA, destinationMac: macB }, pattern(1400)) }
  let forwarded = 0
  for (let i = 0; i < 100; i++) {
    await dataplane.ringSend(a, Array<typeof large>(60).fill(large))
    forwarded += (await receive(b, 60)).length
  }
  t.equal(forwarded, 6000)
  t.equal(dataplane.counters().drops['tx_queue_full'], 0)
  let taken = 0
  let missed = 0
  await until('all has been read', () => {
    const { frames, missedRoom, missedRate } = feed.read()
    taken += frames.length
    missed = missedRoom
    t.equal(missedRate, 0)
    return frames.length === 0
  })
  t.ok(missed > 0, `${missed} missed`)
  t.equal(taken + missed, 12_000, 'each either taken or counted')

  const slow = await watch(t, dataplane, { rate: 100, points: ['fromPort'] })
  for (let i = 0; i < 10; i++) {
    await dataplane.ringSend(a, Array<typeof large>(50).fill(large))
    await receive(b, 50)
  }
  const { frames, missedRate } = slow.feed.read()
  t.ok(frames.length >= 1 && frames.length <= 150, `${frames.length} of 500`)
  t.equal(frames.length + missedRate, 500)
})

t.test('several workers write, and captures come and go under traffic', async (t) => {
  const { path, dataplane, open, receive } = await startRings(t, 2)
  const a = await open('a')
  const b = await open('b')
  const other = NativeDataplane.attach({ controlPath: path, role: 'observer' })
  t.teardown(() => other.detach())
  for (let i = 0; i < 20; i++) {
    const feed = await (i % 2 === 0 ? dataplane : other).capture({ points: ['toPort'] })
    await dataplane.ringSend(a, Array<typeof hello>(30).fill(hello))
    await receive(b, 30)
    const { frames } = feed.read()
    t.equal(frames.length, 30)
    feed.stop()
  }
})
