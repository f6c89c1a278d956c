// The event log on disk: bounds, restarts, kills, a disk that takes nothing; what can be asked of it.

import { spawn } from 'node:child_process'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { EventLog, type HostEvent, Journal, readEventsQuery } from '../../src/host/index.js'
import { networkName } from '../../src/host/journal/index.js'
import { until } from '../lab/index.js'
import { Daemon, freePort } from './daemon.js'

t.setTimeout(110_000)

interface Owner {
  teardown(handler: () => void): void
}

function folder(owner: Owner): string {
  const directory = mkdtempSync(join(tmpdir(), 'vt-journal-'))
  owner.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const bounds = { fileBytes: 4096, files: 3 }

/** A log that keeps little in memory, so that what is asked for is on disk. */
function open(directory: string, settings: Partial<typeof bounds> = {}, now = Date.now) {
  const log = new EventLog(now, { capacity: 4, debugPerSecond: 100_000 })
  const journal = new Journal(log, { directory, ...bounds, ...settings })
  return { log, journal }
}

const sequences = (events: readonly HostEvent[]): number[] => events.map(({ sequence }) => sequence)

t.test(
  'numbers go on over restarts; after a kill they leave a gap, and never come twice',
  async (t) => {
    const directory = folder(t)
    const one = open(directory)
    for (let n = 1; n <= 10; n++) one.log.add(n % 2 ? 'info' : 'debug', 'test', `event ${n}`, { n })
    one.journal.close()
    const two = open(directory)
    t.equal(two.log.last, 10)
    two.log.add('info', 'test', 'event 11')
    t.same(sequences(await two.log.past({}, 100)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    t.same(sequences(await two.log.past({ after: 7 }, 100)), [8, 9, 10, 11])
    t.same(sequences(await two.log.past({}, 3)), [9, 10, 11], 'the newest')
    t.same(sequences(await two.log.past({ level: 'info', after: 3 }, 100)), [5, 7, 9, 11])
    await two.journal.flushed()
    // Killed: no end is written, and the last line may be cut off.
    const [newest] = readdirSync(directory)
      .filter((name) => name.startsWith('events-'))
      .reverse()
    appendFileSync(join(directory, newest!), '{"sequence":12,"time":"2026-01-0')
    const three = open(directory)
    t.ok(three.log.last > 11 + 8192)
    three.log.add('warn', 'test', 'after the kill')
    const last = three.log.last
    t.same(sequences(await three.log.past({ after: 10 }, 100)), [11, last])
    three.journal.close()
    two.journal.close()
  },
)

t.test('a process that is killed in the middle loses no more than a moment', async (t) => {
  const directory = folder(t)
  const program = `
    import { EventLog, Journal } from ${JSON.stringify(new URL('../../src/host/index.js', import.meta.url).href)}
    const log = new EventLog(Date.now)
    new Journal(log, { directory: ${JSON.stringify(directory)}, fileBytes: 1 << 16, files: 4 })
    let n = 0
    setInterval(() => { for (let i = 0; i < 20; i++) log.add('info', 'test', 'event ' + ++n); console.log(n) }, 2)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let told = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    told = Number(text.trim().split('\n').at(-1))
  })
  await until('enough is told', () => told > 2000)
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('close', resolve))
  const { log, journal } = open(directory, { fileBytes: 1 << 16, files: 4 })
  const kept = sequences(await log.past({}, 100_000))
  t.same(
    kept,
    [...kept].sort((a, b) => a - b),
  )
  t.ok(told - kept.at(-1)! < 2000, `${told} told, ${kept.at(-1)} kept`)
  t.ok(log.last > told, 'no number is given twice')
  journal.close()
})

t.test('files stay within their bounds, and debug events push nobody else out', async (t) => {
  const directory = folder(t)
  const { log, journal } = open(directory)
  log.add('warn', 'important', 'first of all')
  for (let n = 0; n < 2000; n++) {
    log.add('debug', 'test', `debug event ${n}`)
    if (n % 100 === 0) await journal.flushed()
  }
  await journal.flushed()
  const files = readdirSync(directory)
  t.equal(files.filter((name) => name.startsWith('debug-')).length, 3)
  for (const name of files) t.ok(statSync(join(directory, name)).size < 4096 + 20_000, name)
  const events = await log.past({}, 100_000)
  t.equal(events[0]?.kind, 'important')
  const numbers = sequences(events.slice(1))
  t.same(
    numbers,
    numbers.map((_, i) => numbers[0]! + i),
    'of the others the newest, without a gap',
  )
  t.equal(numbers.at(-1), 2001)
  journal.close()
})

t.test('a disk that is full costs events, and nothing else', async (t) => {
  const directory = folder(t)
  const full = join(directory, 'events-0000000000000001.jsonl')
  symlinkSync('/dev/full', full)
  const { log, journal } = open(directory)
  const started = performance.now()
  for (let n = 0; n < 20_000; n++) log.add('info', 'test', `event ${n} ${'x'.repeat(600)}`)
  t.ok(performance.now() - started < 2000, 'nobody waits for it')
  await journal.flushed()
  t.match(log.archiveStatus, { failure: /ENOSPC/ })
  t.ok((log.archiveStatus?.lost ?? 0) > 0)
  t.equal(log.since(0).length, 4, 'memory has the newest')
  t.equal((await log.past({}, 10)).length, 4)
  journal.close()
  rmSync(full)
  const again = open(directory)
  again.log.add('info', 'test', 'there is room again')
  await again.journal.flushed()
  t.equal(again.log.archiveStatus?.failure, undefined)
  again.journal.close()
  const file = join(folder(t), 'file')
  writeFileSync(file, '')
  t.throws(() => open(file), { name: 'HostFailure', message: /events can not be kept there/ })
})

t.test('whatever is in the files, what is read are events in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.string(), fc.constant('{"sequence":1}'), fc.json()), { maxLength: 20 }),
      fc.boolean(),
      async (lines, isCut) => {
        const directory = folder(t)
        const good = JSON.stringify({
          sequence: 7,
          time: new Date(0).toISOString(),
          level: 'info',
          kind: 'a',
          text: 'b',
          fields: {},
        })
        const text = [...lines, good, ...lines].join('\n') + (isCut ? '' : '\n')
        writeFileSync(join(directory, 'events-0000000000000001.jsonl'), text)
        const { log, journal } = open(directory)
        const events = await log.past({}, 100)
        journal.close()
        rmSync(directory, { recursive: true })
        return events.some(({ kind }) => kind === 'a')
      },
    ),
    { numRuns: 50 },
  )
})

t.test('filters: one by one against a plain look at every event', async (t) => {
  const directory = folder(t)
  let now = Date.parse('2026-01-01T00:00:00Z')
  const { log, journal } = open(directory, { fileBytes: 65_536, files: 50 }, () => now)
  const levels = ['debug', 'info', 'warn', 'error'] as const
  const all: HostEvent[] = []
  log.subscribe((event) => all.push(event))
  for (let n = 0; n < 1500; n++) {
    now += 1000
    log.add(levels[n % 4]!, `kind${n % 7}`, `event ${n}`, {
      mac: `02:00:00:00:00:0${n % 5}`,
      vni: 10100 + (n % 3),
      ...(n % 2 ? { ip: `10.0.0.${n % 9}` } : { dst: `10.0.0.${n % 9}` }),
    })
  }
  const networks = [{ name: 'blue', vni: 10100 }]
  const read = (input: object) => readEventsQuery(input, now, (name) => networkName(networks, name))
  const rows: readonly (readonly [object, (event: HostEvent) => boolean])[] = [
    [{ since: '100' }, ({ sequence }) => sequence > 100],
    [{ since: '2026-01-01T00:10:00Z' }, ({ time }) => time >= '2026-01-01T00:10:00.000Z'],
    [{ since: '2026-01-01T01:10:00+01:00' }, ({ time }) => time >= '2026-01-01T00:10:00.000Z'],
    [{ since: '5m' }, ({ time }) => Date.parse(time) >= now - 300_000],
    [{ kind: ['kind1'] }, ({ kind }) => kind === 'kind1'],
    [{ kind: ['kind1', 'kind6'] }, ({ kind }) => kind === 'kind1' || kind === 'kind6'],
    [{ level: 'warn' }, ({ level }) => level === 'warn' || level === 'error'],
    [{ mac: '02-00-00-00-00-03' }, ({ fields }) => fields['mac'] === '02:00:00:00:00:03'],
    [
      { ip: '10.0.0.4' },
      ({ fields }) => fields['ip'] === '10.0.0.4' || fields['dst'] === '10.0.0.4',
    ],
    [{ network: 'blue' }, ({ fields }) => fields['vni'] === 10100],
    [{ network: '10102' }, ({ fields }) => fields['vni'] === 10102],
    [{ network: 'gone' }, () => false],
    [
      { mac: '02:00:00:00:00:03', level: 'info', since: '500' },
      ({ fields, level, sequence }) =>
        fields['mac'] === '02:00:00:00:00:03' && level !== 'debug' && sequence > 500,
    ],
  ]
  for (const [input, wanted] of rows) {
    const { filter } = read(input)
    t.same(await log.past(filter, 100_000), all.filter(wanted), JSON.stringify(input))
    t.same(await log.past(filter, 7), all.filter(wanted).slice(-7), `${JSON.stringify(input)}, 7`)
  }
  for (const since of ['yesterday', '-1', '2026-13-45T00:00:00Z', '10y', ''])
    t.throws(() => read({ since }), {
      name: 'Refusal',
      message: /since: expected a sequence number/,
    })
  t.throws(() => read({ level: 'loud', limit: 0, colour: 1 }), /colour.*\n.*level.*\n.*limit/)
  journal.close()
})

t.test('debug events beyond their rate are counted, and a sentence is not even made', async (t) => {
  const log = new EventLog(() => 0, { debugPerSecond: 10 })
  let made = 0
  for (let n = 0; n < 1000; n++)
    log.debug('many', () => {
      made++
      return ['one of many', { n }]
    })
  log.add('info', 'test', 'is always kept')
  t.equal(made, 20)
  t.equal(log.last, 21)
  await until('the others are summed up', () => log.last === 22)
  t.match(log.since(21), [
    { level: 'debug', kind: 'eventsOmitted', fields: { omitted: 980, many: 980 } },
  ])
  t.match(
    log.counts().filter(({ kind }) => kind === 'many'),
    [
      { level: 'debug', count: 20 },
      { level: 'omitted', count: 980 },
    ],
  )
})

t.test('a daemon: events outlive it, also a kill, and a reader goes on where it was', async (t) => {
  const mac = '02:00:00:00:00:01'
  const daemon = new Daemon(t, {
    asn: 65000,
    vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
    networks: [
      {
        name: 'blue',
        vni: 10100,
        ports: [
          { name: 'r1', kind: 'ring', mac },
          { name: 'r2', kind: 'ring' },
        ],
      },
    ],
  })
  await daemon.start()
  await daemon.http('POST', '/v1/ports/r2/move', { mac: '02:00:00:00:00:02', ip: ['10.1.0.2'] })
  await daemon.http('POST', '/v1/networks', { name: 'green', vni: 10200 })
  const all = await daemon.get<HostEvent[]>('events')
  const seen = all.at(-1)!.sequence
  t.match(
    all.find(({ kind }) => kind === 'configChanged'),
    {
      text: 'networkAdd by unix socket changed the configuration: networks.green added',
    },
  )
  await until('they are on disk', () =>
    readdirSync(join(daemon.runtimeDir, 'state/events')).some((name) =>
      readFileSync(join(daemon.runtimeDir, 'state/events', name), 'utf8').includes('configChanged'),
    ),
  )
  daemon.signal('SIGKILL')
  await daemon.ended()
  await daemon.start()
  const again = await daemon.get<HostEvent[]>('events')
  t.same(
    again.filter(({ sequence }) => sequence <= seen),
    all,
  )
  const first = again.find(({ sequence }) => sequence > seen)!
  t.ok(first.sequence > seen)
  t.same(await daemon.get('events?since=1h'), again)

  // As EventSource does after the daemon was away.
  const heard = listen(daemon, { 'last-event-id': String(seen - 1) })
  await until('the rest comes', () => heard().length >= again.length - seen + 1)
  t.same(heard().slice(0, 2), [seen, first.sequence])
  const history = await daemon.get<HostEvent[]>(`history?mac=${mac}`)
  t.match(history[0], { kind: 'routeReceived', fields: { mac, vni: 10100, peer: 'local' } })
  t.ok(history.every(({ fields }) => fields['mac'] === mac))
  t.same(JSON.parse((await daemon.cli('macs', '--history', mac, '--json')).stdout), history)
  t.match((await daemon.cli('macs', '--history', mac)).stdout, /we announce \[2\]:/)
  t.equal((await daemon.http('GET', '/v1/history')).status, 400)
  t.match((await daemon.http('GET', '/v1/history?mac=x')).json, { where: 'mac' })
  const lines = async (...words: string[]): Promise<HostEvent[]> =>
    JSON.parse((await daemon.cli('events', '--json', ...words)).stdout) as HostEvent[]
  t.equal((await lines('-n', '2')).length, 2)
  t.same(
    await lines('--since', String(seen - 1)),
    again.filter(({ sequence }) => sequence >= seen),
  )
  t.ok((await lines('--network', 'green', '--kind', 'networkAdded')).length > 0)
  t.match((await daemon.cli('events', '--level', 'loud')).code, 2)

  // With a good end there is no gap.
  t.equal(await daemon.stop(), 0)
  await daemon.start()
  const third = sequences(await daemon.get<HostEvent[]>(`events?since=${first.sequence - 1}`))
  t.same(
    third,
    third.map((_, i) => first.sequence + i),
  )
  t.equal(await daemon.stop(), 0)
})

/** Numbers of the events that a reader has heard so far. */
function listen(daemon: Daemon, headers: Readonly<Record<string, string>>): () => number[] {
  let text = ''
  const outgoing = request(
    { socketPath: join(daemon.runtimeDir, 'api.sock'), path: '/v1/events', headers },
    (response) =>
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      }),
  )
  outgoing.on('error', () => {})
  outgoing.end()
  return () => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
}
