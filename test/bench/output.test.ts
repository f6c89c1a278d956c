// What the bench makes of its figures: tables, marks, summary and charts.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { validity } from '../../bench/environment.js'
import { goals } from '../../bench/goals.js'
import { marks, marksOf } from '../../bench/limits.js'
import { chart, scaleEnd } from '../../bench/plot.js'
import { charts, draw } from '../../bench/plots.js'
import { probes } from '../../bench/probes/index.js'
import type { RigRow } from '../../bench/rig.js'
import { judge, summaryTable } from '../../bench/summary.js'
import { probeTable, scaleTable, writeTable } from '../../bench/tables.js'
import { findProgram } from '../lab/index.js'

const row = (device: string, kind: RigRow['kind'], figures: Record<string, number[]>): RigRow => ({
  device,
  kind,
  summary: `${device} & co`,
  figures,
})

const rows: readonly RigRow[] = [
  row('tools alone', 'limit', { encap: [1, 0.9, 1.1], mpps: [0.6], tcp1: [40], rttApart50: [40] }),
  row('kernel', 'rival', {
    encap: [0.2, 0.25, 0.24],
    encapLoss: [0, 0, 0],
    tcp1: [10, 12, 11],
    rttApart50: [70, 80, 75],
  }),
  row('OVS AF_XDP', 'rival', { encap: [0.5], encapLoss: [30], tcp1: [2.5], rttApart50: [42] }),
  row('vtep netdev/raw', 'ours', {
    encap: [0.95],
    encapLoss: [20],
    tcp1: [9.9, 8.8, 9.35],
    rttApart50: [60],
    idleOwn: [0.5],
  }),
  row('vtep tap/udp', 'ours', { encap: [0.3], encapLoss: [10], tcp1: [5.5], idleOwn: [3] }),
]

const columns = Object.assign({}, ...probes.map((probe) => probe.columns)) as Record<
  string,
  (typeof probes)[number]['columns'][string]
>

test('every goal and every chart has a column of a probe, once', (t) => {
  const keys = probes.flatMap((probe) => Object.keys(probe.columns))
  t.equal(new Set(keys).size, keys.length, 'no column twice')
  for (const { column } of goals) t.ok(keys.includes(column), `goal ${column}`)
  for (const { columns: wanted } of charts) {
    for (const column of wanted) t.ok(keys.includes(column), `chart ${column}`)
  }
  t.end()
})

test('figures that say more of the tools than of the device are marked', (t) => {
  const mark = (device: number): string => marksOf('encap', columns['encap']!, rows[device]!, rows)
  t.equal(mark(0), '', 'the tools themselves')
  t.equal(mark(1), marks.unsaturated, 'nothing lost')
  t.equal(mark(2), '', 'overload, far from the limit')
  t.equal(mark(3), marks.near, 'within 10 % of the limit')
  t.equal(marksOf('rttApart50', columns['rttApart50']!, rows[2]!, rows), '', 'no such limit')
  t.end()
})

test('a goal is judged by medians, against the best of those that count', (t) => {
  const goal = (figure: string) => judge(goals.find((one) => one.figure === figure)!, rows)
  t.same(goal('TCP 1, BBR, veth tenant'), [
    'TCP 1, BBR, veth tenant',
    'kernel: 11 [10-12] Gbit/s',
    'vtep netdev/raw: 9.35 [8.8-9.9] Gbit/s',
    '0.85 ×',
    '≥ 0.75 ×',
    '≥ 1 ×',
    'floor',
  ])
  t.match(goal('TCP 1, BBR, tap tenant'), { 3: '0.5 ×', 6: 'below' })
  t.match(goal('TCP 1, BBR, to OVS'), { 1: /^OVS/, 3: '3.74 ×', 5: '-', 6: 'floor' })
  t.match(goal('64 B encap, one host'), { 1: /^OVS AF_XDP/, 3: '1.9 ×', 6: 'aim' })
  t.match(goal('64 B encap, one host'), { 2: new RegExp(`${marks.near}$`) })
  t.match(goal('round trip, two CPUs, p50'), { 3: '0.8 ×', 4: '≤ 1.3 ×', 6: 'floor' }, 'less')
  t.match(goal('idle CPU, 8 ports'), { 1: '-', 2: /^vtep netdev/, 4: '≤ 1 %', 6: 'floor' })
  t.equal(goal('64 B no-drop'), undefined, 'not measured')
  t.equal(
    summaryTable(rows)!.split('\n').length,
    2 + goals.filter((one) => judge(one, rows)).length,
  )
  t.equal(summaryTable([]), undefined)
  const micro = [
    {
      name: 'core',
      figures: [
        { what: 'bridge', unit: 'ns/frame', values: [20] },
        { what: 'bridge, limit', unit: 'ns/frame', values: [12] },
        { what: 'bridge, to limit', unit: '×', values: [1.6, 1.7, 1.8] },
      ],
    },
  ]
  t.equal(
    summaryTable([], micro)!.split('\n')[2],
    '| core: bridge, to limit | 12 [12-12] ns/frame | 20 [20-20] ns/frame | 1.7 × | ≤ 2 × | ≤ 1.5 × | floor |',
  )
  t.end()
})

test('a table has the devices that were measured, and a dash for what was not', (t) => {
  const probe = probes.find(({ name }) => name === 'one-host')!
  const lines = probeTable(probe, rows)!.split('\n')
  t.equal(lines[0], `### ${probe.title}`)
  t.equal(lines[6], `| tools alone | 1 [0.9-1.1] | - | - | - | - | - |`)
  t.equal(lines[7], `| kernel | 0.24 [0.2-0.25] ${marks.unsaturated} | 0 [0-0] | - | - | - | - |`)
  t.equal(probeTable(probes.find(({ name }) => name === 'macs')!, rows), undefined)
  t.end()
})

test('a table is written between its marks and nowhere else', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vtep-bench-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'README.md')
  writeFileSync(file, 'a\n<!-- rig -->\nold\n<!-- /rig -->\nb\n')
  writeTable(file, 'rig', 'new')
  t.equal(readFileSync(file, 'utf8'), 'a\n<!-- rig -->\nnew\n<!-- /rig -->\nb\n')
  t.throws(() => writeTable(file, 'other', 'new'), /expected <!-- other -->/)
  t.end()
})

test('validity warns of load, few trials and drift, and says what is missing', (t) => {
  const calm = { rows: [], problems: [], others: [0, 0.01, 0, 0, 0.02], stolen: [0, 0, 0.01] }
  t.match(validity(calm), [/^the machine was quiet/])
  const drifting = row('kernel', 'rival', { tcp1: [8, 10, 12] })
  const rough = { rows: [drifting], problems: ['OVS: gone'], others: [0.5, 0.1, 0], stolen: [0.1] }
  t.match(validity(rough), [
    /^WARNING: others burned up to 0.5/,
    /^WARNING: the hypervisor gave up to 10 %/,
    /^WARNING: 3 trials/,
    /^WARNING: kernel varied by 40 %/,
    'not measured: OVS: gone',
  ])
  t.end()
})

test('scales end at a round number above all', (t) => {
  for (const [largest, end] of [
    [0.93, 1],
    [1.01, 1.2],
    [13, 16],
    [0, 1],
    [4200, 6000],
  ] as const) {
    t.equal(Math.round(scaleEnd(largest) * 1e6) / 1e6, end, `${largest}`)
  }
  t.end()
})

test('charts are drawn for what was measured, and a renderer takes them', (t) => {
  const drawn = draw(rows, 'a < b & c')
  t.same(Object.keys(drawn).sort(), [
    'idle.svg',
    'one-host.svg',
    'packets.svg',
    'rtt.svg',
    'tcp.svg',
  ])
  for (const { device, figures } of rows) {
    t.equal(drawn['tcp.svg']!.includes(`>${device}<`), figures['tcp1'] !== undefined, device)
  }
  const bars = [...drawn['tcp.svg']!.matchAll(/<rect x="190" y="\d+" width="([\d.]+)"/g)]
  const widths = bars.map(([, width]) => Number(width))
  t.ok(Math.abs(widths[1]! / widths[0]! - 11 / 40) < 0.01, 'lengths are in proportion')
  t.notMatch(chart('a<b', [], ''), 'a<b', 'text is escaped')
  if (findProgram('rsvg-convert') === undefined) {
    t.comment('not rendered: rsvg-convert is not installed')
  } else {
    for (const [name, input] of Object.entries(drawn)) {
      const { status, stderr } = spawnSync('rsvg-convert', ['-f', 'png'], { input })
      t.equal(status, 0, `${name} ${stderr}`)
    }
  }
  t.end()
})

test('the scale table says what is reached', async (t) => {
  const measured = (figure: string, speaker: string, value: number) => ({
    figure,
    speaker,
    unit: 's',
    values: [value, value, value],
  })
  const text = scaleTable([
    measured('100 k into the RIB', 'vtep', 0.5),
    measured('100 k into the RIB', 'FRR', 1),
    measured('100 k to 50 clients', 'vtep', 1),
    measured('100 k to 50 clients', 'FRR', 3.5),
    measured('100 k into the forwarding tables', 'vtep', 2.5),
    measured('something else', 'vtep', 1),
  ])
  const [, , rib, fan, tables, other] = text.split('\n')
  t.match(rib, /\| 2 × \| ≤ 1 \| ≤ 0.4 \| floor \|$/)
  t.match(fan, /\| 3.5 × \| ≥ 1 × \| ≥ 3 × \| aim \|$/, 'by its ratio')
  t.match(tables, /\| - \| - \| ≤ 2 \| ≤ 0.8 \| below \|$/)
  t.match(other, /\| - \| - \| - \|$/)
})
