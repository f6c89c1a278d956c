// Rates of ports, and drops by reason, as they are now and were in the last ten minutes.

import { useMemo } from 'preact/hooks'
import type { DropView } from '../../host/views/index.js'
import { useView } from '../live.js'
import { FilterSelect } from '../parts/filter-select.js'
import { Plot } from '../parts/plot.js'
import { Problem } from '../parts/states.js'
import { type Column, DataTable } from '../parts/table.js'
import { usePlace } from '../router.js'
import { type PortRate, type Sample, samples } from '../samples.js'
import { useSignal } from '../signal.js'
import { grouped, short } from '../text.js'

const MOST_REASONS = 7

export function Rates() {
  const { query } = usePlace()
  const taken = useSignal(samples)
  const { port, network } = query
  const times = useMemo(() => taken.map(({ time }) => time), [taken])
  const frames = useMemo(() => sums(taken, port, network), [taken, port, network])
  const drops = useMemo(() => reasons(taken), [taken])
  const now = taken.at(-1)
  const known = [...(now?.ports.values() ?? [])]
  return (
    <>
      <h1>Rates</h1>
      <div class="tools">
        <FilterSelect
          name="network"
          title="Network"
          values={[...new Set(known.map((rate) => rate.network))]}
        />
        <FilterSelect
          name="port"
          title="Port"
          values={known
            .filter((rate) => network === undefined || rate.network === network)
            .map(({ ifname }) => ifname)}
        />
        <output class="amount">
          {taken.length === 0
            ? 'measuring …'
            : `${Math.round((times.at(-1) ?? 0) - (times[0] ?? 0))} s, from when this page was opened`}
        </output>
      </div>
      <div class="plots">
        <Plot title="Frames" unit="frames/s" times={times} lines={frames.frames} />
        <Plot title="Throughput" unit="bit/s" times={times} lines={frames.bits} />
        <Plot title="Drops by reason" unit="frames/s" times={times} lines={drops} />
      </div>
      <h2>Ports</h2>
      <DataTable
        label="port rates"
        columns={columns}
        rows={known.filter(
          (rate) =>
            (port === undefined || rate.ifname === port) &&
            (network === undefined || rate.network === network),
        )}
        rowKey={({ ifname }) => ifname}
        empty={now === undefined ? 'The first sample takes two seconds.' : 'No port.'}
      />
      <Totals />
    </>
  )
}

/** Of the chosen port, or the ports of the chosen network, or all. */
function sums(taken: readonly Sample[], port: string | undefined, network: string | undefined) {
  const add = (key: 'rxFrames' | 'txFrames' | 'rxBits' | 'txBits'): number[] =>
    taken.map(({ ports }) => {
      let sum = 0
      for (const rate of ports.values()) {
        const counted =
          (port === undefined || rate.ifname === port) &&
          (network === undefined || rate.network === network)
        if (counted) sum += rate[key]
      }
      return sum
    })
  return {
    frames: [
      { label: 'from tenants', values: add('rxFrames') },
      { label: 'to tenants', values: add('txFrames') },
    ],
    bits: [
      { label: 'from tenants', values: add('rxBits') },
      { label: 'to tenants', values: add('txBits') },
    ],
  }
}

/** The reasons that lost most in this time, each a line; without any, one line that says so. */
function reasons(taken: readonly Sample[]) {
  const lost = new Map<string, number>()
  for (const { drops } of taken)
    for (const [reason, perSecond] of drops) lost.set(reason, (lost.get(reason) ?? 0) + perSecond)
  const most = [...lost].toSorted(([, a], [, b]) => b - a).slice(0, MOST_REASONS)
  if (most.length === 0) return [{ label: 'none', values: taken.map(() => 0) }]
  return most.map(([reason]) => ({
    label: reason,
    values: taken.map(({ drops }) => drops.get(reason) ?? 0),
  }))
}

const rateColumn = (
  key: 'rxFrames' | 'txFrames' | 'rxBits' | 'txBits' | 'dropped',
  title: string,
): Column<PortRate> => ({
  key,
  title,
  width: 12,
  numeric: true,
  text: (rate) => short(rate[key]),
  order: (rate) => rate[key],
})

const columns: readonly Column<PortRate>[] = [
  { key: 'ifname', title: 'Port', width: 16, text: ({ ifname }) => ifname },
  { key: 'network', title: 'Network', width: 14, text: ({ network }) => network },
  rateColumn('rxFrames', 'In frames/s'),
  rateColumn('txFrames', 'Out frames/s'),
  rateColumn('rxBits', 'In bit/s'),
  rateColumn('txBits', 'Out bit/s'),
  rateColumn('dropped', 'Dropped/s'),
]

/** Every reason that ever lost a frame since the dataplane started. */
function Totals() {
  const { data, error } = useView<DropView>('drops')
  const some = data?.filter(({ count }) => count > 0).toSorted((a, b) => b.count - a.count)
  return (
    <section aria-labelledby="drops">
      <h2 id="drops">Drops since the dataplane started</h2>
      <Problem error={error} />
      {some?.length === 0 ? <p class="empty">Not one frame was dropped.</p> : null}
      {some === undefined || some.length === 0 ? null : (
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Reason</th>
              <th scope="col" class="number">
                Frames
              </th>
              <th scope="col">What it means</th>
            </tr>
          </thead>
          <tbody>
            {some.map(({ reason, count, text }) => (
              <tr key={reason}>
                <td class="mono">{reason}</td>
                <td class="number">{grouped(count)}</td>
                <td>{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
