// Far VTEPs, and how the underlay leads to them.

import type { VtepView } from '../../host/views/index.js'
import { enc } from '../api.js'
import { useView } from '../live.js'
import { Facts } from '../parts/facts.js'
import { Mono, Problem, State } from '../parts/states.js'
import { type Column, DataTable } from '../parts/table.js'
import { href } from '../router.js'
import { addressKey, grouped } from '../text.js'

const columns: readonly Column<VtepView>[] = [
  {
    key: 'dst',
    title: 'VTEP',
    width: 18,
    text: ({ dst }) => dst,
    order: ({ dst }) => addressKey(dst),
    cell: ({ dst }) => <Mono>{dst}</Mono>,
  },
  {
    key: 'resolved',
    title: 'Underlay',
    width: 13,
    text: ({ resolved }) => (resolved ? 'resolved' : 'unresolved'),
    cell: ({ resolved }) => (
      <State tone={resolved ? 'good' : 'bad'}>{resolved ? 'resolved' : 'unresolved'}</State>
    ),
  },
  {
    key: 'via',
    title: 'Next hop',
    width: 16,
    text: ({ via }) => via,
    order: ({ via }) => addressKey(via),
    cell: ({ via }) => <Mono>{via}</Mono>,
  },
  { key: 'ifname', title: 'Interface', width: 12, text: ({ ifname }) => ifname },
  {
    key: 'mtu',
    title: 'MTU',
    width: 8,
    numeric: true,
    text: ({ mtu }) => (mtu === 0 ? '' : String(mtu)),
    order: ({ mtu }) => mtu,
  },
  {
    key: 'networks',
    title: 'Networks',
    width: 10,
    numeric: true,
    text: ({ vnis }) => grouped(vnis.length),
    order: ({ vnis }) => vnis.length,
  },
  {
    key: 'macs',
    title: 'MACs',
    width: 10,
    numeric: true,
    text: ({ macs }) => grouped(macs),
    order: ({ macs }) => macs,
    cell: ({ macs, dst }) => <a href={href('/macs', { dst })}>{grouped(macs)}</a>,
  },
]

export function Vteps() {
  const { data, error } = useView<VtepView>('vteps')
  return (
    <>
      <h1>VTEPs</h1>
      <Problem error={error} />
      <DataTable
        label="far VTEPs"
        columns={columns}
        rows={data}
        rowKey={({ dst }) => dst}
        empty="No far VTEP is known."
        details={(row) => (
          <>
            <h2 class="mono">{row.dst}</h2>
            <p>
              <a href={href('/macs', { dst: row.dst })}>MACs</a> ·{' '}
              <a href={href('/routes', { nextHop: row.dst })}>Routes</a> ·{' '}
              <a href={href('/topology', { q: row.dst })}>Topology</a> ·{' '}
              <a href={`lg/vteps/${enc(row.dst)}`}>Looking glass</a>
            </p>
            <Facts of={row} leaveOut={['dst']} />
          </>
        )}
      />
    </>
  )
}
