// Bridge domains.

import type { NetworkView } from '../../host/views/index.js'
import { enc } from '../api.js'
import { useView } from '../live.js'
import { Facts } from '../parts/facts.js'
import { Problem } from '../parts/states.js'
import { type Column, DataTable } from '../parts/table.js'
import { href } from '../router.js'
import { grouped } from '../text.js'

const columns: readonly Column<NetworkView>[] = [
  { key: 'name', title: 'Network', width: 18, text: ({ name }) => name },
  {
    key: 'vni',
    title: 'VNI',
    width: 10,
    numeric: true,
    text: ({ vni }) => String(vni),
    order: ({ vni }) => vni,
  },
  {
    key: 'ports',
    title: 'Ports',
    width: 9,
    numeric: true,
    text: ({ ports }) => grouped(ports.length),
    order: ({ ports }) => ports.length,
    cell: ({ ports, name }) => (
      <a href={href('/ports', { network: name })}>{grouped(ports.length)}</a>
    ),
  },
  {
    key: 'local',
    title: 'Local MACs',
    width: 14,
    numeric: true,
    text: ({ macs }) => grouped(macs.local),
    order: ({ macs }) => macs.local,
    cell: ({ macs, name }) => (
      <a href={href('/macs', { network: name, kind: 'local' })}>{grouped(macs.local)}</a>
    ),
  },
  {
    key: 'remote',
    title: 'Remote MACs',
    width: 15,
    numeric: true,
    text: ({ macs }) => grouped(macs.remote),
    order: ({ macs }) => macs.remote,
    cell: ({ macs, name }) => (
      <a href={href('/macs', { network: name, kind: 'remote' })}>{grouped(macs.remote)}</a>
    ),
  },
  {
    key: 'vteps',
    title: 'VTEPs',
    width: 9,
    numeric: true,
    text: ({ vteps }) => grouped(vteps.length),
    order: ({ vteps }) => vteps.length,
  },
  {
    key: 'vrf',
    title: 'VRF',
    width: 14,
    text: ({ vrf }) => vrf ?? '',
    cell: ({ vrf }) => (vrf === null ? null : <a href={href('/vrfs', { open: vrf })}>{vrf}</a>),
  },
  { key: 'gateway', title: 'Gateway', width: 20, text: ({ gateway }) => gateway.join(', ') },
]

export function Networks() {
  const { data, error } = useView<NetworkView>('networks')
  return (
    <>
      <h1>Networks</h1>
      <Problem error={error} />
      <DataTable
        label="networks"
        columns={columns}
        rows={data}
        rowKey={({ name }) => name}
        empty="No network is configured."
        details={(row) => (
          <>
            <h2>{row.name}</h2>
            <p>
              <a href={href('/macs', { network: row.name })}>MACs</a> ·{' '}
              <a href={href('/ports', { network: row.name })}>Ports</a> ·{' '}
              <a href={href('/topology', { network: row.name })}>Topology</a> ·{' '}
              <a href={`lg/networks/${enc(row.name)}`}>Looking glass</a>
            </p>
            <Facts of={row} leaveOut={['name']} />
          </>
        )}
      />
    </>
  )
}
