// DPDK's virtio-user as the tenant of a vhost-user port. testpmd sends back what it gets, so frames pass its driver both
// ways; a ring port at the other side sees every octet and the metadata.

import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Lab, missing, Service } from '../lab/index.js'
import {
  checksumsRight,
  layer4,
  partialUdp,
  pattern,
  superTcp,
  tcp,
  tcpParts,
  udp,
} from '../worker/frames.js'
import { type Rings, startRings, vni } from '../worker/rings.js'

const flow = { sourceMac: '02:00:00:00:00:0a', destinationMac: '02:00:00:00:00:0b' }
const skip = missing('dpdk-testpmd')

interface TestpmdOptions {
  readonly packed: boolean
  readonly queues: number
  readonly arguments: readonly string[]
  /** Of testpmd's own command line. */
  readonly commands?: readonly string[]
}

/** A vhost-user port, and testpmd behind it. */
async function startTestpmd(t: Test, rings: Rings, options: TestpmdOptions): Promise<number> {
  const lab = Lab.open(t)
  const socket = join(lab.directory, 'socket')
  const commands = join(lab.directory, 'commands')
  writeFileSync(commands, `${(options.commands ?? []).join('\n')}\n`)
  const { dataplane } = rings
  const port = await dataplane.openPort({ name: 'v', kind: 'vhost-user', options: { socket } })
  await dataplane.apply([{ op: 'portAttach', port, vni }])
  const { packed, queues } = options
  const card = `path=${socket},queues=${queues},packed_vq=${packed ? 1 : 0},mac=${flow.destinationMac}`
  const testpmd = new Service(
    'testpmd',
    lab.directory,
    [
      'dpdk-testpmd',
      ...['--no-huge', '-m', '128', '--no-pci', '--no-telemetry', '--no-shconf', '-l', '0,1'],
      ...['--vdev', `net_virtio_user0,${card}`, '--'],
      ...['--port-topology=loop', '--stats-period=1', '--auto-start', '--total-num-mbufs=8192'],
      ...[`--rxq=${queues}`, `--txq=${queues}`, `--cmdline-file=${commands}`],
      ...options.arguments,
    ],
    { env: { RUNTIME_DIRECTORY: lab.directory } },
  )
  lab.adopt(testpmd)
  await testpmd.said('Port statistics', { seconds: 30 })
  return port
}

for (const packed of [false, true]) {
  const form = packed ? 'packed' : 'split'
  t.test(`${form} rings: frames come back as they were`, { skip }, async (t) => {
    const rings = await startRings(t)
    const a = await rings.open('a')
    await startTestpmd(t, rings, { packed, queues: 2, arguments: ['--forward-mode=macswap'] })
    const frames = Array.from({ length: 400 }, (_, i) =>
      udp(flow, randomBytes(18 + ((i * 977) % 1400))),
    )
    for (let at = 0; at < frames.length; at += 40) {
      const some = frames.slice(at, at + 40)
      await rings.dataplane.ringSend(
        a,
        some.map((bytes) => ({ bytes })),
      )
      const back = await rings.receive(a, some.length)
      t.equal(back.length, some.length)
      const expected = some.map((bytes) =>
        Buffer.concat([bytes.subarray(6, 12), bytes.subarray(0, 6), bytes.subarray(12)]),
      )
      t.ok(
        back.every(({ bytes }, i) => Buffer.compare(bytes, expected[i]!) === 0),
        'octet for octet, in order',
      )
    }
  })

  t.test(`${form} rings: checksum and segmentation are left to us`, { skip }, async (t) => {
    const rings = await startRings(t)
    const a = await rings.open('a')
    // Sees the same frames, and takes them only finished.
    const plain = await rings.open('plain', { offloads: 'no' })
    const port = await startTestpmd(t, rings, {
      packed,
      queues: 1,
      // UDP and TCP checksum, LRO and scattered receive; UDP and TCP checksum, TSO, several segments.
      arguments: ['--rx-offloads=0x201c', '--tx-offloads=0x802c'],
      commands: [
        'port stop 0',
        'csum set udp hw 0',
        'csum set tcp hw 0',
        'tso set 1000 0',
        'port start 0',
        'set fwd csum',
      ],
    })
    // Known, so that nobody else is given what goes there.
    const mac = flow.destinationMac
    await rings.dataplane.apply([{ op: 'macSetLocal', vni, mac, port, sticky: false }])
    // The switch asks the port about once a second what it takes.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const payload = pattern(20_000)
    await rings.dataplane.ringSend(a, [
      { bytes: tcp(flow, pattern(500)) },
      partialUdp(flow, pattern(777)),
      superTcp(flow, payload, 1400),
    ])
    const whole = await rings.receive(a, 3)
    t.equal(whole.length, 3)
    for (const { flags, checksumStart } of whole) t.same([flags, checksumStart], [1, layer4])
    t.same(
      whole.map(({ gsoType, gsoSize }) => [gsoType, gsoSize]),
      [
        [0, 0],
        [0, 0],
        [1, 1000],
      ],
      'the super-frame went there whole, and came back whole with the size that testpmd gave it',
    )
    t.ok(Buffer.compare(tcpParts(whole[2]!.bytes).payload, payload) === 0)
    const cut = await rings.receive(plain, 22)
    t.ok(
      cut.every(
        ({ bytes, flags, gsoType }) => flags === 0 && gsoType === 0 && checksumsRight(bytes),
      ),
      'finished by us for who can not',
    )
    const received = cut.slice(2).map(({ bytes }) => tcpParts(bytes).payload)
    t.ok(Buffer.compare(Buffer.concat(received), payload) === 0)
    const counters = rings.dataplane.counters().ports.find((each) => each.port === port)!
    t.equal(Number(counters.txFrames), 3, 'three frames to testpmd')
    t.equal(Number(counters.rxFrames), 3, 'and three from it')
  })
}
