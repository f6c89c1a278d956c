// Frames between ports of a real dataplane: threads, tables and devices, with memory in place of wires.

import t from 'tap'
import type { DataplaneEvent } from '../../src/fib/dataplane.js'
import { until } from '../lab/wait.js'
import { checksumsRight, partialUdp, pattern, superTcp, tcpParts, udp } from './frames.js'
import { startRings, vni } from './rings.js'

const macA = '02:00:00:00:00:0a'
const macB = '02:00:00:00:00:0b'
const macC = '02:00:00:00:00:0c'
const broadcast = 'ff:ff:ff:ff:ff:ff'
const hello = { bytes: udp({ sourceMac: macA, destinationMac: broadcast }, pattern(64)) }

t.test('floods what is unknown, learns, and then sends to one port', async (t) => {
  const { dataplane, open, receive } = await startRings(t)
  const events: DataplaneEvent[] = []
  dataplane.listen((batch) => events.push(...batch))
  const a = await open('a')
  const b = await open('b')
  const c = await open('c')
  await dataplane.ringSend(a, [hello])
  for (const port of [b, c]) {
    const [frame] = await receive(port, 1)
    t.same(Buffer.from(frame!.bytes), Buffer.from(hello.bytes))
  }
  await until('the MAC is learned', () =>
    events.some((each) => each.event === 'macLearned' && each.mac === macA && each.port === a),
  )
  await dataplane.ringSend(b, [
    { bytes: udp({ sourceMac: macB, destinationMac: macA }, pattern(100)) },
  ])
  await receive(a, 1)
  t.same(await dataplane.ringReceive(c), [], 'c does not see what is for a')
  const mac = dataplane.snapshot().macs.find((row) => row.mac === macA)
  t.match(mac, { vni, mac: macA, origin: 'local', port: a, static: false })
  const counters = dataplane.counters()
  const port = counters.ports.find((row) => row.port === a)!
  t.equal(port.rxFrames, 1)
  t.equal(port.txFrames, 1)
  t.equal(port.rxBytes, hello.bytes.length)
})

t.test('a port teaches as many MACs and addresses as it may, and others go on', async (t) => {
  const { dataplane, open } = await startRings(t)
  const underlay = { address: '127.0.0.1', udpPort: 47_899, uplink: 'udp', interfaces: [] }
  await dataplane.configure({ ...underlay, learnLimit: 3 })
  const [a, b] = [await open('a'), await open('b')]
  const macOf = (n: number) => `02:00:00:00:01:0${n}`
  const claims = (mac: string, n: number) => {
    const sender = mac.split(':').map((octet) => Number.parseInt(octet, 16))
    const arp = [0, 1, 8, 0, 6, 4, 0, 1, ...sender, 10, 0, 0, n, 0, 0, 0, 0, 0, 0, 10, 0, 0, 99]
    return { bytes: Uint8Array.from([...Array(6).fill(0xff), ...sender, 8, 6, ...arp]) }
  }
  const speaks = (port: number, n: number) =>
    dataplane.ringSend(port, [
      { bytes: udp({ sourceMac: macOf(n), destinationMac: broadcast }, pattern(64)) },
    ])
  const learned = () => {
    const { macs, neighbours } = dataplane.snapshot()
    return [
      macs.map(({ mac, port }) => `${mac} ${port === a ? 'a' : 'b'}`).sort(),
      neighbours.map(({ ip }) => ip).sort(),
    ]
  }
  const all = (...macs: string[]) => macs.sort()
  for (let n = 1; n <= 5; n++) await speaks(a, n)
  // One host, many addresses.
  for (let n = 1; n <= 5; n++) await dataplane.ringSend(a, [claims(macOf(1), n)])
  await dataplane.ringSend(b, [claims(macB, 50)])
  const three = [1, 2, 3].map((n) => `${macOf(n)} a`)
  await until('b goes on', () => learned()[1]!.includes('10.0.0.50'))
  t.same(learned(), [
    all(...three, `${macB} b`),
    ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.50'].sort(),
  ])
  t.match(
    dataplane.snapshot().ports.map(({ macs, neighbours }) => ({ macs, neighbours })),
    [
      { macs: 3, neighbours: 3 },
      { macs: 1, neighbours: 1 },
    ],
  )
  // Who moves away makes room.
  await speaks(b, 2)
  await until('it moves', () => learned()[0]!.includes(`${macOf(2)} b`))
  // What was refused is reported again after a moment.
  await until('another comes', async () => {
    await speaks(a, 4)
    return learned()[0]!.includes(`${macOf(4)} a`)
  })
  await dataplane.configure(underlay)
  await until('there is no limit', async () => {
    for (let n = 5; n <= 9; n++) await speaks(a, n)
    return learned()[0]!.length === 10
  })
})

t.test('moves a MAC to the port it is seen at next, and says where it was', async (t) => {
  const { dataplane, open } = await startRings(t)
  const events: DataplaneEvent[] = []
  dataplane.listen((batch) => events.push(...batch))
  const a = await open('a')
  const b = await open('b')
  await dataplane.apply([
    {
      op: 'macSetRemote',
      vni,
      mac: macA,
      remote: '192.0.2.99',
      sticky: false,
      override: false,
    },
  ])
  await dataplane.ringSend(a, [hello])
  await until('the move away from the VTEP is told', () =>
    events.some(
      (each) =>
        each.event === 'macMoved' && each.port === a && each.previousRemote === '192.0.2.99',
    ),
  )
  await dataplane.ringSend(b, [hello])
  await until('the move between ports is told', () =>
    events.some((each) => each.event === 'macMoved' && each.port === b && each.mac === macA),
  )
  t.equal(dataplane.snapshot().macs.find((row) => row.mac === macA)?.port, b)
})

t.test(
  'one partial checksum for several ports: each gets it in the form it can take',
  async (t) => {
    const { dataplane, open, receive } = await startRings(t)
    const a = await open('a')
    // The order of ports is the order of sending: a completed copy comes before and behind an untouched one.
    const plainFirst = await open('plain-first', { offloads: 'no' })
    const offload = await open('offload', { offloads: 'yes' })
    const plainLast = await open('plain-last', { offloads: 'no' })
    for (const size of [1, 2, 63, 64, 1400]) {
      const sent = partialUdp({ sourceMac: macA, destinationMac: broadcast }, pattern(size))
      await dataplane.ringSend(a, [sent])
      for (const port of [plainFirst, plainLast]) {
        const [frame] = await receive(port, 1)
        t.equal(frame!.flags & 1, 0, `${size}: no promise is left`)
        t.ok(checksumsRight(frame!.bytes), `${size}: complete`)
      }
      const [frame] = await receive(offload, 1)
      t.match(frame, { flags: 1, checksumStart: 34, checksumOffset: 6 })
      t.same(Buffer.from(frame!.bytes), Buffer.from(sent.bytes), `${size}: untouched`)
    }
  },
)

t.test('a super-frame for several ports: whole for one, cut for the other', async (t) => {
  const { dataplane, open, receive } = await startRings(t)
  const a = await open('a')
  const cut = await open('cut', { offloads: 'no' })
  const whole = await open('whole', { offloads: 'yes' })
  const cutToo = await open('cut-too', { offloads: 'no' })
  const payload = pattern(5000)
  const sent = superTcp({ sourceMac: macA, destinationMac: broadcast }, payload, 1448)
  await dataplane.ringSend(a, [sent])
  for (const port of [cut, cutToo]) {
    const frames = await receive(port, 4)
    t.equal(frames.length, 4)
    const parts = frames.map(({ bytes }) => tcpParts(bytes))
    t.same(
      parts.map(({ sequence }) => sequence),
      [1000, 2448, 3896, 5344],
    )
    t.same(Buffer.concat(parts.map((part) => part.payload)), Buffer.from(payload))
    t.ok(frames.every(({ bytes, flags }) => (flags & 1) === 0 && checksumsRight(bytes)))
    t.same(
      parts.map(({ flags }) => flags & 8),
      [0, 0, 0, 8],
      'PSH only on the last',
    )
  }
  const [frame] = await receive(whole, 1)
  t.match(frame, { gsoType: 1, gsoSize: 1448, flags: 1 })
  t.same(Buffer.from(frame!.bytes), Buffer.from(sent.bytes))
  const { ports } = dataplane.counters()
  t.equal(ports.find(({ port }) => port === cut)?.txFrames, 1, 'a super-frame counts once')
})

t.test('says by name what becomes of frames that go nowhere', async (t) => {
  const { dataplane, open } = await startRings(t)
  const a = await open('a')
  const b = await open('b', { capacity: '1' })
  const dropped = (name: string): number => dataplane.counters().drops[name] ?? Number.NaN
  await dataplane.ringSend(a, [{ bytes: new Uint8Array(9) }])
  await until('too short', () => dropped('too_short') === 1)
  await dataplane.ringSend(a, [
    { bytes: udp({ sourceMac: '01:00:00:00:00:01', destinationMac: macB }, pattern(9)) },
  ])
  await until('source is a group', () => dropped('source_multicast') === 1)
  await dataplane.ringSend(a, [{ ...hello, flags: 1, checksumStart: 9000, checksumOffset: 6 }])
  await until('metadata beyond the end', () => dropped('bad_metadata') === 1)
  await dataplane.ringSend(a, [hello, hello, hello])
  await until('a ring of one', () => dropped('tx_queue_full') === 2)
  t.equal(dataplane.counters().ports.find(({ port }) => port === b)?.txDropped, 2)
  await dataplane.apply([{ op: 'portAttach', port: a, vni: 0 }])
  await dataplane.ringSend(a, [hello])
  await until('detached', () => dropped('port_detached') === 1)
})

t.test('closes a port under traffic without a word to the others', async (t) => {
  const { dataplane, open, receive } = await startRings(t, 2)
  const a = await open('a')
  const b = await open('b')
  const c = await open('c')
  await dataplane.ringSend(c, [
    { bytes: udp({ sourceMac: macC, destinationMac: macA }, pattern(9)) },
  ])
  await receive(a, 1)
  const closing = dataplane.closePort(c)
  for (let i = 0; i < 20; i++) {
    await dataplane.ringSend(a, [
      { bytes: udp({ sourceMac: macA, destinationMac: macC }, pattern(9)) },
      hello,
    ])
  }
  await closing
  t.equal(
    dataplane.snapshot().ports.some(({ name }) => name === 'c'),
    false,
  )
  t.equal(
    dataplane.snapshot().macs.some(({ mac }) => mac === macC),
    false,
    'its MAC went with it',
  )
  await receive(b, 20)
  await t.rejects(dataplane.closePort(c), { code: 'FAILED', message: /is not open/ })
  const again = await open('c')
  await dataplane.ringSend(a, [hello])
  t.equal((await receive(again, 1)).length, 1, 'the name and the number can be used again')
})

t.test('answers ARP where the binding is known', async (t) => {
  const { dataplane, open, receive } = await startRings(t)
  const a = await open('a')
  const b = await open('b')
  await dataplane.apply([
    { op: 'macSetRemote', vni, mac: macB, remote: '192.0.2.9', sticky: false, override: false },
    { op: 'neighbourSet', vni, ip: '10.1.0.2', mac: macB, origin: 'remote', router: false },
  ])
  const request = Uint8Array.from([
    ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x0a, 8, 6],
    ...[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x0a, 10, 1, 0, 1, 0, 0, 0, 0, 0, 0, 10, 1, 0, 2],
  ])
  await dataplane.ringSend(a, [{ bytes: request }])
  const [reply] = await receive(a, 1)
  t.same([...reply!.bytes.subarray(20, 22)], [0, 2], 'a reply')
  t.same([...reply!.bytes.subarray(22, 28)], [2, 0, 0, 0, 0, 0x0b], 'with the MAC that was set')
  t.same(await dataplane.ringReceive(b), [], 'and nobody else was asked')
  t.equal(dataplane.counters().ports.find(({ port }) => port === a)?.suppressed, 1)
})
