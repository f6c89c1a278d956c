// A recording gives the run once more: the same actions in the same order, also where events came in the middle of a step.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { ReplayError, replay } from '../../src/host/index.js'
import { Machines } from '../../src/host/machines.js'
import { RecordingFile } from '../../src/host/recording.js'
import { until } from '../lab/index.js'
import { Daemon, freePort } from './daemon.js'

t.setTimeout(100_000)

const directory = mkdtempSync(join(tmpdir(), 'vt-replay-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

const speaker = { asn: 65000, routerId: '10.0.0.1' }
const evpn = { ...speaker, vtep: '10.0.0.1', profile: 'frr' } as const
const vni = 10100
const mac = (n: number): string => `02:00:00:00:00:0${n}`

const step = fc.record({
  do: fc.constantFrom(
    'frame' as const,
    'age' as const,
    'bind' as const,
    'unbind' as const,
    'peer' as const,
  ),
  n: fc.integer({ min: 1, max: 3 }),
  /** The transport answers at once, in the middle of the step. */
  interrupts: fc.boolean(),
})

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function perform(machines: Machines, { do: what, n }: Step): void {
  const place = { vni, mac: mac(n), port: 1 }
  switch (what) {
    case 'frame':
      machines.toEvpn({
        event: 'dataplane',
        events: [{ event: 'macLearned', ...place, timeNanoseconds: 2n ** 60n }],
      })
      return
    case 'age':
      machines.toEvpn({ event: 'dataplane', events: [{ event: 'macAged', ...place }] })
      return
    case 'bind':
      machines.toEvpn({ event: 'portBound', binding: { ...place, ips: [`10.1.0.${n}`] } })
      return
    case 'unbind':
      machines.toEvpn({ event: 'portBound', binding: { vni, port: 1 } })
      return
    case 'peer': {
      const address = `10.0.1.${n}`
      machines.toSpeaker({
        event: 'peerAdded',
        peer: { id: address, address, asn: 65000, families: ['evpn'] },
      })
      return
    }
  }
}

let count = 0

/** The recording of a run of these steps, and the actions of the machines in it. */
async function record(steps: readonly Step[]): Promise<{ text: string; actions: string[] }> {
  const file = join(directory, `run-${count++}`)
  const recording = new RecordingFile(file, { version: '0', speaker, evpn }, assert.fail)
  const actions: string[] = []
  const tell = (action: object): void => void actions.push(JSON.stringify(action, plain))
  let interrupts = false
  const machines: Machines = new Machines(
    speaker,
    evpn,
    {
      transport: (action) => {
        tell(action)
        if (!interrupts || action.do !== 'connect') return
        interrupts = false
        machines.toSpeaker({ event: 'connectFailed', peer: action.peer, reason: 'at once' })
      },
      startTimer: (timer, seconds) => tell({ do: 'startTimer', timer, seconds }),
      stopTimer: (timer) => tell({ do: 'stopTimer', timer }),
      apply: (operations) => {
        tell({ do: 'apply', operations })
        if (!interrupts) return
        interrupts = false
        // In front of the routes that the same step originates.
        perform(machines, { do: 'frame', n: 3, interrupts: false })
      },
      tellHosts: () => {},
      readSnapshot: () => tell({ do: 'readSnapshot' }),
      peerState: (peer, state) => tell({ do: 'peerState', peer, state }),
      routes: () => {},
      endOfRib: (peer, family) => tell({ do: 'endOfRib', peer, family }),
      tell: (level, kind, text) => tell({ do: 'event', level, kind, text }),
    },
    recording,
  )
  machines.toEvpn({
    event: 'networkAdded',
    network: { name: 'blue', vni, agingSeconds: 300, suppress: true },
  })
  for (const one of steps) {
    interrupts = one.interrupts
    perform(machines, one)
  }
  recording.end(machines)
  await turn()
  return { text: readFileSync(file, 'utf8'), actions }
}

const plain = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value

t.test('the same events give the same actions, wherever they came in between', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20, size: 'max' }), async (steps) => {
      const { text, actions } = await record(steps)
      const again: string[] = []
      const { result } = replay(text, {
        onAction: (action) => again.push(JSON.stringify(action, plain)),
      })
      assert.deepEqual(again, actions)
      assert.equal(result, 'same')
    }),
    { numRuns: 300 },
  )
})

t.test('a recording that was cut off, changed or is none', async (t) => {
  const { text } = await record([
    { do: 'bind', n: 1, interrupts: false },
    { do: 'frame', n: 2, interrupts: false },
  ])
  const lines = text.trimEnd().split('\n')
  t.equal(replay(text).result, 'same')
  t.match(replay(`${lines.slice(0, -1).join('\n')}\n`), { result: 'cut', events: 3 })
  t.match(replay(text.slice(0, text.indexOf('portBound') + 4)), { result: 'cut', events: 1 })
  const other = text.replace(/"mac":"02:00:00:00:00:02"/, '"mac":"02:00:00:00:00:07"')
  t.match(replay(other), { result: 'different' })
  const missing = [...lines.slice(0, 2), ...lines.slice(3)].join('\n')
  t.match(replay(`${missing}\n`), { result: 'different', differsAt: 3 })
  for (const [bad, why] of [
    ['', 'line 1: expected a line of JSON, got ""'],
    ['{}\n', 'line 1: expected the head of a recording'],
    ['{"recording":9}\n', 'line 1: expected format 1, got 9: another version'],
    [`${lines[0]}\nnonsense\n`, 'line 2: expected a line of JSON, got "nonsense"'],
    [`${lines[0]}\n{}\n`, 'line 2: expected an event'],
  ] as const) {
    t.throws(() => replay(bad), new ReplayError(why))
  }
})

t.test('a whole daemon', async (t) => {
  const vtep = { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() }
  const ports = [{ name: 'r1', kind: 'ring' }]
  const multihoming = { eadPerEvi: 'ignore' }
  const networks = [{ name: 'blue', vni, ports }]
  const daemon = new Daemon(t, { asn: 65000, vtep, multihoming, networks })
  const file = join(daemon.directory, 'run.jsonl')
  await daemon.start('--record', file)
  t.equal((await daemon.cli('port', 'move', 'r1', '--mac', mac(1), '--ip', '10.1.0.1')).code, 0)
  t.equal((await daemon.cli('network', 'add', 'red', '--vni', '10200')).code, 0)

  interface Played {
    readonly result: string
    readonly macs: readonly { readonly mac: string; readonly ips: readonly string[] }[]
    readonly networks: readonly { readonly name: string }[]
    readonly routes: readonly { readonly mac?: string }[]
  }
  await t.test('that still runs', async (t) => {
    const played = await until('the verbs are in the recording', async () => {
      const now = await daemon.read<Played>('replay', file)
      return now.networks.length === 2 ? now : undefined
    })
    t.equal(played.result, 'cut')
    t.match(played.macs, [{ mac: mac(1), ips: ['10.1.0.1'] }])
    t.same(
      played.networks.map(({ name }) => name),
      ['blue', 'red'],
    )
    t.equal(played.routes.filter((route) => route.mac === mac(1)).length, 2)
  })

  t.equal(await daemon.stop(), 0)
  const [first] = readFileSync(file, 'utf8').split('\n')
  t.match(JSON.parse(first!), { evpn: { ignoreEadPerEvi: true } }, 'what the machines began with')
  const { code, stdout } = await daemon.cli('replay', file)
  t.equal(code, 0)
  t.match(stdout, 'same: the machines came to the same end')
  const actions = (await daemon.cli('replay', file, '--actions')).stdout
  t.match(actions, '"op":"macSetLocal"')
  t.match(actions, '"event":"portBound"')

  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(mac(1), mac(2)))
  const changed = await daemon.cli('replay', file)
  t.equal(changed.code, 1)
  t.match(changed.stdout, 'different')
  const none = await daemon.cli('replay', join(daemon.directory, 'none'))
  t.equal(none.code, 1)
  t.match(none.stderr, /^vtep: recording .*none: .*no such file/)
})
