// What IP-VRFs forward by.

import type { PrefixView, VrfView } from '../../host/views/index.js'
import { useView } from '../live.js'
import { Facts } from '../parts/facts.js'
import { FilterSelect } from '../parts/filter-select.js'
import { Mono, Problem } from '../parts/states.js'
import { type Column, DataTable } from '../parts/table.js'
import { href, usePlace } from '../router.js'
import { addressKey, grouped } from '../text.js'

const columns: readonly Column<PrefixView>[] = [
  { key: 'vrf', title: 'VRF', width: 14, text: ({ vrf }) => vrf },
  {
    key: 'prefix',
    title: 'Prefix',
    width: 22,
    text: ({ prefix }) => prefix,
    order: ({ prefix }) => addressKey(prefix),
    cell: ({ prefix }) => <Mono>{prefix}</Mono>,
  },
  { key: 'kind', title: 'Kind', width: 11, text: ({ kind }) => kind },
  {
    key: 'via',
    title: 'By way of',
    width: 20,
    text: ({ network, via, dst }) => dst ?? via ?? network ?? '',
    order: ({ network, via, dst }) => addressKey(dst ?? via ?? network ?? ''),
    cell: ({ network, via, dst }) =>
      dst !== null ? (
        <a href={href('/vteps', { open: dst })}>{dst}</a>
      ) : via !== null ? (
        via
      ) : network === null ? null : (
        <a href={href('/networks', { open: network })}>{network}</a>
      ),
  },
  {
    key: 'vni',
    title: 'VNI',
    width: 9,
    numeric: true,
    text: ({ vni }) => String(vni ?? ''),
    order: ({ vni }) => vni ?? 0,
  },
  {
    key: 'mac',
    title: 'Router MAC',
    width: 19,
    text: ({ mac }) => mac ?? '',
    cell: ({ mac }) => <Mono>{mac}</Mono>,
  },
]

const kinds = ['own', 'connected', 'gateway', 'remote', 'blackhole']
/** More are not carried to the browser at once. */
const MANY = 100_000

export function Prefixes() {
  const { query } = usePlace()
  const vrfs = useView<VrfView>('vrfs')
  const chosen = new URLSearchParams(
    (['vrf', 'kind'] as const).flatMap((key) =>
      query[key] === undefined ? [] : [[key, query[key]] as [string, string]],
    ),
  ).toString()
  const paths = vrfs.data?.reduce((sum, vrf) => sum + vrf.paths, 0)
  const many = chosen === '' && paths !== undefined && paths > MANY
  const { data, error } = useView<PrefixView>('prefixes', chosen, paths !== undefined && !many)
  return (
    <>
      <h1>Prefixes</h1>
      <Problem error={error} />
      {many ? (
        <p class="banner">The VRFs have {grouped(paths)} paths. Choose a VRF or a kind.</p>
      ) : null}
      <DataTable
        label="prefixes"
        columns={columns}
        rows={data}
        rowKey={({ vrf, prefix, kind, dst, via }) => `${vrf} ${prefix} ${kind} ${dst ?? via ?? ''}`}
        empty="No prefix: no VRF is configured, or nothing is routed yet."
        details={(row) => (
          <>
            <h2 class="mono">{row.prefix}</h2>
            <p>
              <a href={href('/routes', { type: '5', q: row.prefix })}>Routes</a>
            </p>
            <Facts of={row} leaveOut={['prefix']} />
          </>
        )}
        controls={
          <>
            <FilterSelect
              name="vrf"
              title="VRF"
              values={vrfs.data?.map(({ name }) => name) ?? []}
            />
            <FilterSelect name="kind" title="Kind" values={kinds} />
          </>
        }
      />
    </>
  )
}
