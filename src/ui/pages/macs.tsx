// MAC addresses, local and remote, with history and routes of one.

import type { EventView, MacView, RouteView } from '../../host/views/index.js'
import { enc } from '../api.js'
import { role, status, useRead, useView } from '../live.js'
import { EventLine } from '../parts/event-line.js'
import { Facts } from '../parts/facts.js'
import { FilterSelect } from '../parts/filter-select.js'
import { Operation } from '../parts/operation.js'
import { RouteFacts } from '../parts/route-facts.js'
import { Mono, Problem, State } from '../parts/states.js'
import { type Column, DataTable } from '../parts/table.js'
import { href, usePlace } from '../router.js'
import { useSignal } from '../signal.js'
import { addressKey, grouped } from '../text.js'

const columns: readonly Column<MacView>[] = [
  {
    key: 'network',
    title: 'Network',
    width: 14,
    text: ({ network }) => network,
    cell: ({ network }) => <a href={href('/networks', { open: network })}>{network}</a>,
  },
  {
    key: 'vni',
    title: 'VNI',
    width: 9,
    numeric: true,
    text: ({ vni }) => String(vni),
    order: ({ vni }) => vni,
  },
  {
    key: 'mac',
    title: 'MAC',
    width: 22,
    text: ({ mac }) => mac,
    cell: ({ mac }) => <Mono>{mac}</Mono>,
  },
  {
    key: 'ips',
    title: 'Addresses',
    width: 22,
    text: ({ ips }) => ips.join(', '),
    order: ({ ips }) => addressKey(ips[0] ?? '~'),
    cell: ({ ips }) => <Mono>{ips.join(', ')}</Mono>,
  },
  { key: 'kind', title: 'Kind', width: 10, text: ({ kind }) => kind },
  {
    key: 'where',
    title: 'Where',
    width: 18,
    text: ({ ifname, dst, esi }) => ifname ?? dst ?? esi ?? '',
    order: ({ ifname, dst, esi }) => addressKey(ifname ?? dst ?? esi ?? ''),
    cell: ({ ifname, dst, esi }) =>
      ifname !== null ? (
        <a href={href('/ports', { open: ifname })}>{ifname}</a>
      ) : dst !== null ? (
        <a href={href('/vteps', { open: dst })}>{dst}</a>
      ) : (
        esi
      ),
  },
  {
    key: 'sequence',
    title: 'Moves',
    width: 9,
    numeric: true,
    text: ({ sequence }) => String(sequence),
    order: ({ sequence }) => sequence,
  },
  {
    key: 'flags',
    title: 'Flags',
    width: 12,
    text: ({ sticky, duplicate }) =>
      [sticky ? 'sticky' : '', duplicate ? 'duplicate' : '']
        .filter((word) => word !== '')
        .join(' '),
    cell: ({ sticky, duplicate }) => (
      <>
        {sticky ? <span class="tag">sticky</span> : null}
        {duplicate ? <State tone="warn">duplicate</State> : null}
      </>
    ),
  },
]

export const macKey = ({ vni, mac }: MacView): string => `${vni} ${mac}`

/** More are not carried to the browser at once. */
const MANY = 100_000

/** The daemon selects: with many MACs only what is looked at is carried. */
const filters = ['network', 'kind', 'dst', 'ifname', 'vni'] as const

export function Macs() {
  const { query } = usePlace()
  const chosen = new URLSearchParams(
    filters.flatMap((key) =>
      query[key] === undefined ? [] : [[key, query[key]] as [string, string]],
    ),
  ).toString()
  const total = useSignal(status)?.macs
  const many = chosen === '' && total !== undefined && total.local + total.remote > MANY
  const { data, error } = useView<MacView>('macs', chosen, !many)
  const networks = useView<{ readonly name: string }>('networks')
  return (
    <>
      <h1>MACs</h1>
      <Problem error={error} />
      {many ? (
        <p class="banner">
          This host knows {grouped(total.local + total.remote)} MACs. Choose a network or a kind.
        </p>
      ) : null}
      <DataTable
        label="MAC addresses"
        columns={columns}
        rows={data}
        rowKey={macKey}
        empty="No MAC is known yet."
        details={(row) => <MacDetails of={row} />}
        controls={
          <>
            <FilterSelect
              name="network"
              title="Network"
              values={networks.data?.map(({ name }) => name) ?? []}
            />
            <FilterSelect name="kind" title="Kind" values={['local', 'remote']} />
            {(['dst', 'ifname', 'vni'] as const).map((key) =>
              query[key] === undefined ? null : (
                <FilterSelect key={key} name={key} title={key} values={[query[key]]} />
              ),
            )}
          </>
        }
      />
    </>
  )
}

function MacDetails({ of }: { readonly of: MacView }) {
  const operator = useSignal(role) === 'operator'
  return (
    <>
      <h2 class="mono">{of.mac}</h2>
      <p>
        <a href={href('/why', { address: of.mac, network: of.network })}>Why?</a> ·{' '}
        <a href={href('/routes', { mac: of.mac })}>Routes</a> ·{' '}
        <a href={`lg/macs/mac/${enc(of.mac)}`}>Looking glass</a>
      </p>
      {of.duplicate && operator ? (
        <Operation path={`v1/duplicates/${enc(of.mac)}/clear`} title="End the freeze" />
      ) : null}
      <Facts of={of} leaveOut={['mac']} />
      <History mac={of.mac} />
      <MacRoutes mac={of.mac} />
    </>
  )
}

/** Where a daemon keeps no history by MAC, its events of today say it. */
function History({ mac }: { readonly mac: string }) {
  const kept = useRead<readonly EventView[]>(
    `v1/history?mac=${enc(mac)}`,
    ({ fields }) => fields['mac'] === mac,
  )
  const missing = kept.error?.status === 404
  const recent = useRead<readonly EventView[]>(
    missing ? 'v1/events' : undefined,
    ({ fields }) => fields['mac'] === mac,
  )
  const events = missing ? recent.data?.filter(({ fields }) => fields['mac'] === mac) : kept.data
  return (
    <>
      <h3>History</h3>
      <Problem error={missing ? recent.error : kept.error} />
      {events?.length === 0 ? <p class="empty">No event of this MAC is kept.</p> : null}
      <ol class="events">
        {events
          ?.slice(-100)
          .toReversed()
          .map((event) => (
            <EventLine key={event.sequence} event={event} />
          ))}
      </ol>
    </>
  )
}

function MacRoutes({ mac }: { readonly mac: string }) {
  const { data } = useView<RouteView>('routes', `mac=${enc(mac)}`)
  if (data === undefined || data.length === 0) return null
  return (
    <>
      <h3>Routes</h3>
      {data.map((route, i) => (
        <details key={i} open={data.length === 1}>
          <summary>
            {route.best ? 'best, ' : ''}
            {route.ip ?? 'MAC only'} by {route.peer}
          </summary>
          <RouteFacts of={route} />
        </details>
      ))}
    </>
  )
}
