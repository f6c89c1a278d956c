// Host attachments, their counters and offloads.

import type { NetworkView, PortView } from '../../host/views/index.js'
import { enc } from '../api.js'
import { useView } from '../live.js'
import { Facts } from '../parts/facts.js'
import { FilterSelect } from '../parts/filter-select.js'
import { Problem, State, type Tone } from '../parts/states.js'
import { type Column, DataTable } from '../parts/table.js'
import { href, usePlace } from '../router.js'
import { short } from '../text.js'

const tones: Readonly<Record<PortView['state'], Tone>> = {
  up: 'good',
  down: 'warn',
  missing: 'bad',
}

const columns: readonly Column<PortView>[] = [
  { key: 'ifname', title: 'Port', width: 16, text: ({ ifname }) => ifname },
  { key: 'kind', title: 'Kind', width: 11, text: ({ kind }) => kind },
  {
    key: 'network',
    title: 'Network',
    width: 14,
    text: ({ network }) => network,
    cell: ({ network }) => <a href={href('/networks', { open: network })}>{network}</a>,
  },
  {
    key: 'state',
    title: 'State',
    width: 11,
    text: ({ state }) => state,
    cell: ({ state }) => <State tone={tones[state]}>{state}</State>,
  },
  {
    key: 'mtu',
    title: 'MTU',
    width: 7,
    numeric: true,
    text: ({ mtu }) => (mtu === 0 ? '' : String(mtu)),
    order: ({ mtu }) => mtu,
  },
  { key: 'path', title: 'Path', width: 10, text: ({ path }) => path },
  {
    key: 'rxFrames',
    title: 'In',
    width: 10,
    numeric: true,
    text: ({ rxFrames }) => short(rxFrames),
    order: ({ rxFrames }) => rxFrames,
  },
  {
    key: 'txFrames',
    title: 'Out',
    width: 10,
    numeric: true,
    text: ({ txFrames }) => short(txFrames),
    order: ({ txFrames }) => txFrames,
  },
  {
    key: 'dropped',
    title: 'Dropped',
    width: 10,
    numeric: true,
    text: ({ rxDropped, txDropped }) => short(rxDropped + txDropped),
    order: ({ rxDropped, txDropped }) => rxDropped + txDropped,
  },
]

export function Ports() {
  const { query } = usePlace()
  const { network } = query
  const { data, error } = useView<PortView>(
    'ports',
    network === undefined ? '' : `network=${enc(network)}`,
  )
  const networks = useView<NetworkView>('networks')
  return (
    <>
      <h1>Ports</h1>
      <Problem error={error} />
      <DataTable
        label="ports"
        columns={columns}
        rows={data}
        rowKey={({ ifname }) => ifname}
        empty="No port."
        details={(row) => (
          <>
            <h2>{row.ifname}</h2>
            <p>
              <a href={href('/rates', { port: row.ifname })}>Rates</a> ·{' '}
              <a href={href('/macs', { ifname: row.ifname })}>MACs</a> ·{' '}
              <a href={`lg/ports/${enc(row.ifname)}`}>Looking glass</a>
            </p>
            <Facts of={row} leaveOut={['ifname']} />
          </>
        )}
        controls={
          <FilterSelect
            name="network"
            title="Network"
            values={networks.data?.map(({ name }) => name) ?? []}
          />
        }
      />
    </>
  )
}
