// BGP peers.

import type { PeerView } from '../../host/views/index.js'
import { enc } from '../api.js'
import { role, useView } from '../live.js'
import { Facts } from '../parts/facts.js'
import { Operation } from '../parts/operation.js'
import { Mono, Problem, State } from '../parts/states.js'
import { type Column, DataTable } from '../parts/table.js'
import { href } from '../router.js'
import { useSignal } from '../signal.js'
import { addressKey, duration, grouped } from '../text.js'

const columns: readonly Column<PeerView>[] = [
  {
    key: 'peer',
    title: 'Peer',
    width: 18,
    text: ({ peer }) => peer,
    order: ({ peer }) => addressKey(peer),
    cell: ({ peer }) => <Mono>{peer}</Mono>,
  },
  {
    key: 'asn',
    title: 'AS',
    width: 11,
    numeric: true,
    text: ({ asn }) => String(asn),
    order: ({ asn }) => asn,
  },
  {
    key: 'state',
    title: 'State',
    width: 15,
    text: ({ state }) => state,
    cell: ({ state }) => <State tone={state === 'Established' ? 'good' : 'warn'}>{state}</State>,
  },
  {
    key: 'uptime',
    title: 'Up for',
    width: 12,
    text: ({ uptimeSeconds }) => (uptimeSeconds === 0 ? '' : duration(uptimeSeconds)),
    order: ({ uptimeSeconds }) => uptimeSeconds,
  },
  { key: 'families', title: 'Families', width: 16, text: ({ families }) => families.join(', ') },
  {
    key: 'received',
    title: 'Received',
    width: 10,
    numeric: true,
    text: ({ received }) => grouped(received),
    order: ({ received }) => received,
  },
  {
    key: 'sent',
    title: 'Sent',
    width: 10,
    numeric: true,
    text: ({ sent }) => grouped(sent),
    order: ({ sent }) => sent,
  },
  {
    key: 'bfd',
    title: 'BFD',
    width: 9,
    text: ({ bfd }) => bfd,
    cell: ({ bfd }) =>
      bfd === '' ? null : <State tone={bfd === 'up' ? 'good' : 'warn'}>{bfd}</State>,
  },
]

export function Peers() {
  const { data, error } = useView<PeerView>('peers')
  const operator = useSignal(role) === 'operator'
  return (
    <>
      <h1>Peers</h1>
      <Problem error={error} />
      <DataTable
        label="BGP peers"
        columns={columns}
        rows={data}
        rowKey={({ peer }) => peer}
        empty="No peer is configured."
        details={(row) => (
          <>
            <h2 class="mono">{row.peer}</h2>
            <p>
              <a href={href('/routes', { peer: row.peer })}>Routes from it</a> ·{' '}
              <a href={`lg/peers/${enc(row.peer)}`}>Looking glass</a>
            </p>
            <Facts of={row} leaveOut={['peer']} />
            {operator ? (
              <>
                <Operation
                  path={`v1/peers/${enc(row.peer)}/clear`}
                  body={{ soft: 'in' }}
                  title="Ask for its routes again"
                />
                <Operation path={`v1/peers/${enc(row.peer)}/clear`} title="Restart the session" />
              </>
            ) : null}
          </>
        )}
      />
    </>
  )
}
