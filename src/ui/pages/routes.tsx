// The loc-rib: every path, its attributes decoded, and which one is best.

import type { PeerView, RouteView } from '../../host/views/index.js'
import { useView } from '../live.js'
import { FilterSelect } from '../parts/filter-select.js'
import { RouteFacts } from '../parts/route-facts.js'
import { Mono, Problem, State } from '../parts/states.js'
import { type Column, DataTable } from '../parts/table.js'
import { href, usePlace } from '../router.js'
import { addressKey, grouped } from '../text.js'

/** What the NLRI is about, in one line. */
function subject({
  mac,
  ip,
  prefix,
  group,
  source,
  originator,
  target,
  esi,
  type,
}: RouteView): string {
  const parts = [
    mac,
    ip,
    prefix,
    source === undefined ? undefined : `(${source}, ${group ?? '*'})`,
    target,
  ]
  const text = parts.filter((part) => part !== undefined).join(' ')
  if (text !== '') return text
  return (type === 1 || type === 4 ? esi : undefined) ?? originator ?? group ?? esi ?? ''
}

const columns: readonly Column<RouteView>[] = [
  {
    key: 'best',
    title: 'Best',
    width: 6,
    text: ({ best }) => (best ? 'best' : ''),
    cell: ({ best }) =>
      best ? (
        <State tone="good">
          {''}
          <span class="hidden">best</span>
        </State>
      ) : null,
  },
  {
    key: 'type',
    title: 'Type',
    width: 7,
    text: ({ type }) => String(type),
    order: ({ type }) => String(type).padStart(3, '0'),
  },
  {
    key: 'rd',
    title: 'RD',
    width: 20,
    text: ({ rd = '' }) => rd,
    order: ({ rd = '' }) => addressKey(rd),
    cell: ({ rd = '' }) => <Mono>{rd}</Mono>,
  },
  {
    key: 'subject',
    title: 'Route',
    width: 34,
    text: subject,
    order: (route) => addressKey(subject(route)),
    cell: (route) => <Mono>{subject(route)}</Mono>,
  },
  {
    key: 'label',
    title: 'Label',
    width: 14,
    numeric: true,
    text: ({ labels = [] }) => labels.join(' '),
    order: ({ label = 0 }) => label,
  },
  {
    key: 'nextHop',
    title: 'Next hop',
    width: 15,
    text: ({ nextHop }) => nextHop,
    order: ({ nextHop }) => addressKey(nextHop),
    cell: ({ nextHop, peer }) =>
      peer === 'local' ? nextHop : <a href={href('/vteps', { open: nextHop })}>{nextHop}</a>,
  },
  {
    key: 'routeTargets',
    title: 'Route targets',
    width: 27,
    text: ({ routeTargets }) => routeTargets.join(', '),
    cell: ({ routeTargets }) => <Mono>{routeTargets.join(', ')}</Mono>,
  },
  {
    key: 'peer',
    title: 'Peer',
    width: 15,
    text: ({ peer }) => peer,
    order: ({ peer }) => addressKey(peer),
  },
]

const filters = ['family', 'type', 'peer', 'best', 'mac', 'nextHop', 'rd'] as const
const types = ['1', '2', '3', '4', '5', '6', '7', '8', 'ipv4', 'ipv6', 'rtc']
/** More are not carried to the browser at once. */
const MANY = 50_000

export function Routes() {
  const { query } = usePlace()
  const chosen = new URLSearchParams(
    filters.flatMap((key) =>
      query[key] === undefined ? [] : [[key, query[key]] as [string, string]],
    ),
  ).toString()
  const peers = useView<PeerView>('peers')
  const received = peers.data?.reduce((sum, peer) => sum + peer.received, 0)
  const many = chosen === '' && received !== undefined && received > MANY
  const { data, error } = useView<RouteView>('routes', chosen, received !== undefined && !many)
  return (
    <>
      <h1>Routes</h1>
      <Problem error={error} />
      {many ? (
        <p class="banner">Peers have sent {grouped(received)} routes. Choose a type or a peer.</p>
      ) : null}
      <DataTable
        label="routes"
        columns={columns}
        rows={data}
        rowKey={(route) =>
          `${route.type} ${route.rd ?? ''} ${subject(route)} ${route.ethernetTag ?? ''} ${route.esi ?? ''} ${route.peer} ${route.nextHop}`
        }
        empty="No route."
        details={(route) => (
          <>
            <h2>
              Type {route.type}: <span class="mono">{subject(route)}</span>
            </h2>
            {route.mac === undefined ? null : (
              <p>
                <a href={href('/why', { address: route.mac })}>Why?</a> ·{' '}
                <a href={href('/macs', { q: route.mac })}>MAC</a>
              </p>
            )}
            <RouteFacts of={route} />
          </>
        )}
        controls={
          <>
            <FilterSelect name="type" title="Type" values={types} />
            <FilterSelect
              name="peer"
              title="Peer"
              values={['local', ...(peers.data?.map(({ peer }) => peer) ?? [])]}
            />
            <FilterSelect name="best" title="Best" values={['true', 'false']} />
            {(['mac', 'nextHop', 'rd', 'family'] as const).map((key) =>
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
