// Real sockets on loopback: two speakers, and what goes wrong with ports and addresses.

import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { Speaker, type SpeakerAction, type TcpAoKey, type Transport } from '../../src/bgp/index.js'
import { Clock } from '../../src/io/clock.js'
import { type Drive, drive } from '../../src/io/drive.js'
import { loadAddon } from '../../src/io/native.js'
import { ListenError, Tcp, type TcpEvent } from '../../src/io/tcp.js'
import { until } from '../lab/wait.js'
import { imet, macIp } from './routes.js'

interface Running {
  readonly speaker: Speaker
  readonly running: Drive
  readonly actions: SpeakerAction[]
}

function start(t: Tap, asn: number, routerId: string): Running {
  const speaker = new Speaker({ asn, routerId })
  const actions: SpeakerAction[] = []
  const running = drive(speaker, { onAction: (action) => actions.push(action) })
  t.teardown(() => running.close())
  return { speaker, running, actions }
}

interface Tap {
  teardown(handler: () => Promise<unknown>): void
}

const stateOf = (speaker: Speaker): string | undefined => speaker.peers()[0]?.state
const count = (speaker: Speaker): number => [...speaker.locRib('evpn')].length

t.test('two speakers, 20 000 routes, and the end', async (t) => {
  const a = start(t, 65000, '10.0.0.1')
  const b = start(t, 65001, '10.0.0.2')
  const port = await b.running.tcp.listen('127.0.0.2', 0)
  const common = { families: ['evpn'], holdTimeSeconds: 3 } as const
  b.running.dispatch({
    event: 'rangeAdded',
    range: { id: 'lo', prefix: '127.0.0.0/8', asn: 'external', ...common },
  })
  const routes = Array.from({ length: 20_000 }, (_, n) => macIp(n))
  a.running.dispatch({ event: 'originate', routes })
  a.running.dispatch({
    event: 'peerAdded',
    peer: { id: 'b', address: '127.0.0.2', port, asn: 65001, updateSource: '127.0.0.3', ...common },
  })
  await until('all routes', () => count(b.speaker) === 20_000, { everySeconds: 0.01 })
  t.equal(b.speaker.peers()[0]?.id, '127.0.0.3', 'the source address is used')
  b.running.dispatch({ event: 'originate', routes: [imet('10.0.0.2:1', '10.0.0.2')] })
  await until('the other way', () => count(a.speaker) === 20_001)
  await until('keepalives', () => a.speaker.peers()[0]!.statistics.messagesReceived.keepalive > 3)
  t.equal(stateOf(a.speaker), 'Established')

  a.running.dispatch({ event: 'shutdown', communication: 'end' })
  await a.running.close()
  await until('the goodbye', () =>
    b.actions.some(
      (action) =>
        action.do === 'peerState' && action.reason === 'received cease/administrativeShutdown: end',
    ),
  )
  t.equal(count(b.speaker), 1, 'its routes are gone')
  t.equal(b.speaker.peers().length, 0, 'and the dynamic peer')
})

t.test('a peer that does not read blocks us once, and is flushed before the close', async (t) => {
  const sockets: Socket[] = []
  const deaf = createServer((socket) => sockets.push(socket.pause()))
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    deaf.close()
  })
  const events: TcpEvent[] = []
  const tcp = new Tcp((event) => events.push(event))
  t.teardown(() => tcp.close())
  const { port } = deaf.address() as { port: number }
  tcp.perform({ do: 'connect', peer: 'p', address: '127.0.0.1', port })
  await until('connected', () => events.some(({ event }) => event === 'connected'))
  const block = new Uint8Array(1 << 20)
  for (let i = 0; i < 16; i++) tcp.perform({ do: 'send', connection: 1, bytes: block })
  t.equal(events.filter(({ event }) => event === 'blocked').length, 1, 'blocked once')
  let octets = 0
  sockets[0]!.on('data', (data) => {
    octets += data.length
  })
  sockets[0]!.resume()
  await until('drained', () => events.some(({ event }) => event === 'drained'))
  tcp.perform({ do: 'send', connection: 1, bytes: Uint8Array.of(1, 2, 3) })
  tcp.perform({ do: 'close', connection: 1 })
  await until('all of it', () => octets === (16 << 20) + 3)
  t.notOk(
    events.some(({ event }) => event === 'closed'),
    'nothing is told of what we closed',
  )
})

t.test('connections that fail say why', async (t) => {
  const events: TcpEvent[] = []
  const tcp = new Tcp((event) => events.push(event))
  t.teardown(() => tcp.close())
  const reason = async (peer: string, port: number, source?: string): Promise<string> => {
    const action = { do: 'connect', peer, address: '127.0.0.1', port } as const
    tcp.perform(source === undefined ? action : { ...action, source })
    const failed = await until('failed', () =>
      events.find((event) => event.event === 'connectFailed' && event.peer === peer),
    )
    return failed.event === 'connectFailed' ? failed.reason : ''
  }
  t.equal(await reason('a', 1), '127.0.0.1:1: connection refused')
  t.equal(
    await reason('b', 1, '192.0.2.1'),
    '127.0.0.1:1: expected the source address 192.0.2.1 on this host, it is not there',
  )
  tcp.perform({ do: 'connect', peer: 'c', address: '127.0.0.1', port: 1 })
  tcp.perform({ do: 'cancelConnect', peer: 'c' })
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.notOk(
    events.some((event) => 'peer' in event && event.peer === 'c'),
    'a cancelled one is silent',
  )
})

t.test('ports and addresses that cannot be listened on', async (t) => {
  const tcp = new Tcp(() => {})
  t.teardown(() => tcp.close())
  const port = await tcp.listen('127.0.0.1', 0)
  const message = async (address: string, wanted: number): Promise<string> => {
    const error: unknown = await new Tcp(() => {}).listen(address, wanted).catch((e: unknown) => e)
    t.type(error, ListenError)
    return (error as ListenError).message
  }
  const held = await message('0.0.0.0', port)
  t.match(held, `cannot listen on TCP 0.0.0.0:${port}: the port is held by `)
  t.match(held, `(pid ${process.pid})`)
  t.match(await message('192.0.2.1', 0), 'expected an address of this host, 192.0.2.1 is none')
  const six = await tcp.listen('::1', 0)
  t.match(await message('::1', six), `TCP [::1]:${six}: the port is held by`)
})

t.test('IPv4 on an IPv6 socket is IPv4', async (t) => {
  const events: TcpEvent[] = []
  const tcp = new Tcp((event) => events.push(event))
  t.teardown(() => tcp.close())
  const port = await tcp.listen('::', 0)
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => void socket.destroy())
  const event = await until('connected', () => events.find(({ event }) => event === 'connected'))
  t.match(event, { direction: 'in', remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' })
})

const key = (sendId: number, password: string, receiveId = sendId): TcpAoKey => ({
  sendId,
  receiveId,
  algorithm: sendId % 2 === 0 ? 'aes-128-cmac-96' : 'hmac-sha-1-96',
  password,
})

/** Why this kernel can not sign by TCP-AO, or false. */
function tcpAoMissing(): string | false {
  const { tcp } = loadAddon()
  const descriptor = tcp.open(4)
  try {
    tcp.addKey(descriptor, '127.0.0.1', 32, 1, 1, 'hmac(sha1)', 'a', true)
    return false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOPROTOOPT') throw error
    return 'the kernel has no TCP-AO (CONFIG_TCP_AO)'
  } finally {
    closeSync(descriptor)
  }
}

const signatures: readonly {
  readonly name: string
  readonly skip: string | false
  readonly server: Transport
  readonly wrong: readonly Transport[]
  readonly right: readonly Transport[]
}[] = [
  {
    name: 'passwords (RFC 2385)',
    skip: false,
    server: { password: 'secret' },
    wrong: [{ password: 'wrong' }],
    right: [{ password: 'secret' }],
  },
  {
    name: 'keys (RFC 5925)',
    skip: tcpAoMissing(),
    server: { tcpAo: [key(1, 'old', 3), key(2, 'new', 4)] },
    wrong: [
      { password: 'old' },
      { tcpAo: [key(3, 'wrong', 1)] },
      { tcpAo: [key(1, 'old', 3)] },
      { tcpAo: [key(5, 'old')] },
    ],
    right: [{ tcpAo: [key(3, 'old', 1)] }, { tcpAo: [key(4, 'new', 2), key(3, 'old', 1)] }],
  },
]

for (const { name, skip, server: protection, wrong, right } of signatures) {
  t.test(name, { skip }, async (t) => {
    const rows = [
      { listen: '127.0.0.1', address: '127.0.0.1', prefix: '127.0.0.1/32' },
      { listen: '127.0.0.1', address: '127.0.0.1', prefix: '127.0.0.0/8' },
      { listen: '::1', address: '::1', prefix: '::1/128' },
      { listen: '::', address: '127.0.0.1', prefix: '127.0.0.0/8' },
    ]
    for (const { listen, address, prefix } of rows) {
      const accepted: TcpEvent[] = []
      const server = new Tcp((event) => accepted.push(event))
      t.teardown(() => server.close())
      const port = await server.listen(listen, 0)
      const attempt = async (transport?: Transport): Promise<boolean> => {
        const events: TcpEvent[] = []
        const tcp = new Tcp((event) => events.push(event))
        const own = address.includes(':') ? `${address}/128` : `${address}/32`
        if (transport !== undefined) tcp.perform({ do: 'protect', prefix: own, transport })
        tcp.perform({ do: 'connect', peer: 'p', address, port })
        const connected = () => events.some(({ event }) => event === 'connected')
        await until('connected', connected, { seconds: 0.5 }).catch(() => undefined)
        await tcp.close()
        return connected()
      }
      const what = `${address} of ${prefix} on ${listen}`
      t.ok(await attempt(), `${what}: open`)
      server.perform({ do: 'protect', prefix, transport: protection })
      t.notOk(await attempt(), `${what}: nobody who does not sign`)
      for (const one of wrong) t.notOk(await attempt(one), `${what}: nor by another`)
      const before = accepted.length
      for (const one of right) t.ok(await attempt(one), `${what}: with the right one`)
      t.ok(accepted.length > before)
      server.perform({ do: 'protect', prefix })
      t.ok(await attempt(), `${what}: open again`)
    }
  })
}

t.test(
  'where the kernel can not sign, nobody gets through',
  {
    skip: tcpAoMissing() === false ? 'the kernel has TCP-AO' : false,
  },
  async (t) => {
    const events: TcpEvent[] = []
    const tcp = new Tcp((event) => events.push(event))
    t.teardown(() => tcp.close())
    const port = await tcp.listen('127.0.0.1', 0)
    tcp.perform({ do: 'protect', prefix: '127.0.0.0/8', transport: { tcpAo: [key(1, 'secret')] } })
    tcp.perform({ do: 'connect', peer: 'p', address: '127.0.0.1', port })
    const failed = await until('failed', () =>
      events.find(({ event }) => event === 'connectFailed'),
    )
    t.match(failed, { reason: /the kernel has no TCP-AO \(CONFIG_TCP_AO, Linux 6\.7 and later\)/ })
    const stranger = connect(port, '127.0.0.1')
    stranger.on('error', () => undefined)
    await once(stranger, 'close')
    t.notOk(
      events.some(({ event }) => event === 'connected'),
      'whoever connects without is not heard',
    )
  },
)

t.test('TTL (RFC 5082): what comes from too far is not heard', async (t) => {
  // What is not heard is not closed either: all at once, as each waits some seconds for that.
  const all: Tcp[] = []
  t.teardown(() => Promise.all(all.map((tcp) => tcp.close())))
  for (const address of ['127.0.0.1', '::1']) {
    const prefix = address.includes(':') ? '::/0' : '127.0.0.0/8'
    for (const ttl of [254, 255]) {
      const got: TcpEvent[] = []
      const server = new Tcp((event) => got.push(event))
      const port = await server.listen(address, 0)
      server.perform({ do: 'protect', prefix, transport: { ttl: 255, minimumTtl: 255 } })
      const events: TcpEvent[] = []
      const client = new Tcp((event) => events.push(event))
      all.push(server, client)
      client.perform({ do: 'protect', prefix, transport: { ttl, minimumTtl: 255 } })
      client.perform({ do: 'connect', peer: 'p', address, port })
      await until('connected', () => events.some(({ event }) => event === 'connected'))
      client.perform({ do: 'send', connection: 1, bytes: Uint8Array.of(1) })
      const heard = () => got.some(({ event }) => event === 'received')
      await until('heard', heard, { seconds: 0.5 }).catch(() => undefined)
      t.equal(heard(), ttl === 255, `${address}, TTL ${ttl}`)
    }
  }
})

t.test('timers', async (t) => {
  const rung: string[] = []
  const clock = new Clock((timer) => rung.push(timer))
  clock.start('slow', 0.05)
  clock.start('stopped', 0.01)
  clock.stop('stopped')
  clock.start('again', 0.01)
  clock.start('again', 0.03, true)
  clock.start('now', 0)
  clock.start('never', 0)
  clock.stop('never')
  await until('slow', () => rung.includes('slow'), { everySeconds: 0.01 })
  t.same(rung, ['now', 'again', 'slow'])
  clock.start('late', 0.01)
  clock.stopAll()
  await new Promise((resolve) => setTimeout(resolve, 30))
  t.notOk(rung.includes('late'))
})
