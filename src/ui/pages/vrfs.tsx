// IP-VRFs.

import type { VrfView } from '../../host/views/index.js'
import { useView } from '../live.js'
import { Facts } from '../parts/facts.js'
import { Mono, Problem } from '../parts/states.js'
import { type Column, DataTable } from '../parts/table.js'
import { href } from '../router.js'
import { grouped } from '../text.js'

const columns: readonly Column<VrfView>[] = [
  { key: 'name', title: 'VRF', width: 16, text: ({ name }) => name },
  {
    key: 'vni',
    title: 'L3 VNI',
    width: 10,
    numeric: true,
    text: ({ vni }) => String(vni),
    order: ({ vni }) => vni,
  },
  { key: 'rd', title: 'RD', width: 18, text: ({ rd }) => rd, cell: ({ rd }) => <Mono>{rd}</Mono> },
  {
    key: 'routerMac',
    title: 'Router MAC',
    width: 19,
    text: ({ routerMac }) => routerMac,
    cell: ({ routerMac }) => <Mono>{routerMac}</Mono>,
  },
  { key: 'networks', title: 'Networks', width: 20, text: ({ networks }) => networks.join(', ') },
  {
    key: 'prefixes',
    title: 'Prefixes',
    width: 10,
    numeric: true,
    text: ({ prefixes }) => grouped(prefixes),
    order: ({ prefixes }) => prefixes,
    cell: ({ prefixes, name }) => (
      <a href={href('/prefixes', { vrf: name })}>{grouped(prefixes)}</a>
    ),
  },
  {
    key: 'paths',
    title: 'Paths',
    width: 9,
    numeric: true,
    text: ({ paths }) => grouped(paths),
    order: ({ paths }) => paths,
  },
]

export function Vrfs() {
  const { data, error } = useView<VrfView>('vrfs')
  return (
    <>
      <h1>VRFs</h1>
      <Problem error={error} />
      <DataTable
        label="VRFs"
        columns={columns}
        rows={data}
        rowKey={({ name }) => name}
        empty="No VRF is configured."
        details={(row) => (
          <>
            <h2>{row.name}</h2>
            <Facts of={row} leaveOut={['name']} />
          </>
        )}
      />
    </>
  )
}
