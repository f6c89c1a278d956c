// The columns of every view. Titles are the JSON's keys, so what is read here can be asked for there.

import type {
  DropView,
  GroupView,
  MacView,
  NetworkView,
  PeerView,
  PortView,
  PrefixView,
  RouteView,
  SegmentView,
  StateReader,
  StatusView,
  VrfView,
  VtepView,
} from '../host/views/index.js'
import {
  type Column,
  formatCount,
  formatDuration,
  formatTable,
  type Paint,
  type Style,
} from './style.js'

/** How a view's rows read; a row per view. */
export const tables: {
  readonly [V in keyof StateReader]: (rows: ReturnType<StateReader[V]>, paint: Paint) => string
} = {
  status: formatStatus,
  // JSON is YAML: what is shown could be a file.
  config: (config) => `${JSON.stringify(config, undefined, 2)}\n`,
  peers: (rows, paint) => formatTable(peers, rows, paint),
  networks: (rows, paint) => formatTable(networks, rows, paint),
  vrfs: (rows, paint) => formatTable(vrfs, rows, paint),
  prefixes: (rows, paint) => formatTable(prefixes, rows, paint),
  vteps: (rows, paint) => formatTable(vteps, rows, paint),
  macs: (rows, paint) =>
    formatTable(rows.some(({ esi }) => esi !== null) ? macsOfSegments : macs, rows, paint),
  segments: (rows, paint) => formatTable(segments, rows, paint),
  groups: (rows, paint) => formatTable(groups, rows, paint),
  routes: (rows, paint) => formatTable(routes, rows, paint),
  ports: (rows, paint) => formatTable(ports, rows, paint),
  drops: (rows, paint) => formatDrops(rows, paint),
}

const text = <Row>(title: string, value: (row: Row) => string | null | undefined): Column<Row> => ({
  title,
  value: (row) => value(row) || '-',
})

const number = <Row>(
  title: string,
  value: (row: Row) => number | undefined,
  short = false,
): Column<Row> => ({
  title,
  right: true,
  value: (row) => {
    const n = value(row)
    return n === undefined ? '-' : short ? formatCount(n) : String(n)
  },
})

const list = (values: readonly unknown[], most = 3): string =>
  values.length <= most
    ? values.join(',')
    : `${values.slice(0, most).join(',')} +${values.length - most}`

const peers: readonly Column<PeerView>[] = [
  text('PEER', (row) => row.peer),
  number('ASN', (row) => row.asn),
  {
    title: 'STATE',
    value: (row) => row.state,
    style: (row) => (row.state === 'Established' ? 'green' : 'red'),
  },
  {
    title: 'UP',
    right: true,
    value: (row) => (row.uptimeSeconds > 0 ? formatDuration(row.uptimeSeconds) : '-'),
  },
  text('FAMILIES', (row) => row.families.join(',')),
  text('BFD', (row) => row.bfd),
  number('RECEIVED', (row) => row.received),
  number('SENT', (row) => row.sent),
]

const networks: readonly Column<NetworkView>[] = [
  text('NAME', (row) => row.name),
  number('VNI', (row) => row.vni),
  text('PORTS', (row) => list(row.ports)),
  number('LOCAL', (row) => row.macs.local),
  number('REMOTE', (row) => row.macs.remote),
  text('VTEPS', (row) => list(row.vteps)),
  text('REPLICATOR', (row) => row.assistedReplication?.replicator ?? '-'),
  text('RD', (row) => row.rd),
  text('IMPORT', (row) => list(row.routeTargets.import, 2)),
  text('EXPORT', (row) => list(row.routeTargets.export, 2)),
  text('SOURCE', (row) => row.source),
]

const vrfs: readonly Column<VrfView>[] = [
  text('NAME', (row) => row.name),
  number('VNI', (row) => row.vni),
  text('NETWORKS', (row) => list(row.networks)),
  number('PREFIXES', (row) => row.prefixes),
  number('PATHS', (row) => row.paths),
  text('ROUTERMAC', (row) => row.routerMac),
  text('SOURCE', (row) => row.source),
  text('RD', (row) => row.rd),
  text('IMPORT', (row) => list(row.routeTargets.import, 2)),
  text('EXPORT', (row) => list(row.routeTargets.export, 2)),
]

const prefixes: readonly Column<PrefixView>[] = [
  text('VRF', (row) => row.vrf),
  text('PREFIX', (row) => row.prefix),
  text('KIND', (row) => row.kind),
  text('NETWORK', (row) => row.network),
  text('VIA', (row) => row.via),
  text('DST', (row) => row.dst),
  number('VNI', (row) => row.vni ?? undefined),
  text('MAC', (row) => row.mac),
]

const vteps: readonly Column<VtepView>[] = [
  text('DST', (row) => row.dst),
  {
    title: 'STATE',
    value: (row) => (row.resolved ? 'resolved' : 'unresolved'),
    style: (row) => (row.resolved ? 'green' : 'red'),
  },
  text('VIA', (row) => row.via),
  text('LLADDR', (row) => row.lladdr),
  text('IFNAME', (row) => row.ifname),
  number('MTU', (row) => (row.mtu === 0 ? undefined : row.mtu)),
  number('MACS', (row) => row.macs),
  text('VNIS', (row) => list(row.vnis, 6)),
]

const groups: readonly Column<GroupView>[] = [
  text('NETWORK', (row) => row.network),
  number('VNI', (row) => row.vni),
  text('GROUP', (row) => row.group),
  text('SOURCE', (row) => row.source),
  text('PORTS', (row) => list(row.ports)),
  text('VTEPS', (row) => list(row.vteps)),
]

const macs: readonly Column<MacView>[] = [
  text('NETWORK', (row) => row.network),
  number('VNI', (row) => row.vni),
  text('MAC', (row) => row.mac),
  text('KIND', (row) => row.kind),
  text('IFNAME', (row) => row.ifname),
  text('DST', (row) => row.dst),
  number('SEQUENCE', (row) => row.sequence),
  text('FLAGS', (row) =>
    [row.sticky && 'sticky', row.duplicate && 'duplicate'].filter(Boolean).join(','),
  ),
  text('IPS', (row) => list(row.ips)),
]

/** Shown where there are segments at all. */
const macsOfSegments = [...macs, text<MacView>('ESI', (row) => row.esi)]

const segments: readonly Column<SegmentView>[] = [
  text('ESI', (row) => row.esi),
  text('MODE', (row) => row.mode),
  {
    title: 'STATE',
    value: (row) => row.state,
    style: (row) => (row.state === 'up' || row.state === 'remote' ? 'green' : 'yellow'),
  },
  text('PORTS', (row) => list([...new Set(row.networks.map(({ ifname }) => ifname))])),
  text('ALGORITHM', (row) => row.algorithm),
  text('DF', (row) => list(row.networks.map(forwarderText))),
  text('MEMBERS', (row) =>
    list(
      row.members.map(({ dst, active }) => (active ? dst : `-${dst}`)),
      MOST_SHOWN,
    ),
  ),
]

/** Members of a segment are few. */
const MOST_SHOWN = 16

/** `blue=us`, `red=10.0.0.2`. */
const forwarderText = ({ network, df, designated }: SegmentView['networks'][number]): string =>
  `${network}=${designated ? 'us' : (df ?? '?')}`

const routes: readonly Column<RouteView>[] = [
  { title: '', value: (row) => (row.best ? '*' : ' '), style: () => 'green' },
  text('TYPE', (row) => String(row.type)),
  text('RD', (row) => row.rd),
  text('ROUTE', describeRoute),
  text('LABELS', (row) => (row.labels ?? []).join(',')),
  text('NEXTHOP', (row) => row.nextHop),
  text('RT', (row) => list(row.routeTargets, 2)),
  text('PEER', (row) => row.peer),
]

function describeRoute(row: RouteView): string {
  const segment = row.esi?.replace(/^00(:00){9}$/, '')
  const { mac, ip, source, group, originator, prefix, target } = row
  return [mac, ip, source, group, originator, prefix, target, mac === undefined ? segment : '']
    .filter((part) => part !== undefined && part !== '')
    .join(' ')
}

const portStyle: Readonly<Record<PortView['state'], Style>> = {
  up: 'green',
  down: 'yellow',
  missing: 'red',
}

/** Only what is wrong: `--json` has all. */
const offloadText = (offloads: PortView['offloads']): string =>
  offloads
    .filter(({ state }) => state === 'off' || state === 'trial')
    .map(({ name, state, reason }) => `${name} ${state}: ${reason}`)
    .slice(0, 1)
    .join()

/** `checksum tso`, and with a minus what the device has and does not do well. */
const offloadNames = (offloads: PortView['offloads']): string =>
  offloads
    .filter(({ state }) => state !== 'none')
    .map(({ name, state }) => (state === 'on' ? name : `-${name}`))
    .join(' ')

const ports: readonly Column<PortView>[] = [
  text('IFNAME', (row) => row.ifname),
  text('KIND', (row) => row.kind),
  text('NETWORK', (row) => row.network),
  number('VNI', (row) => row.vni),
  { title: 'STATE', value: (row) => row.state, style: (row) => portStyle[row.state] },
  number('MTU', (row) => (row.mtu === 0 ? undefined : row.mtu)),
  text('PATH', (row) => row.path),
  text('OFFLOADS', (row) => offloadNames(row.offloads)),
  number('RX', (row) => row.rxFrames, true),
  number('RXBYTES', (row) => row.rxBytes, true),
  number('TX', (row) => row.txFrames, true),
  number('TXBYTES', (row) => row.txBytes, true),
  number('DROPPED', (row) => row.rxDropped + row.txDropped, true),
  { title: '', value: (row) => row.text || offloadText(row.offloads), style: () => 'red' },
]

/** Drops of each port; of `vtep drops --ports`. */
export const portDrops: readonly Column<PortView>[] = [
  text('IFNAME', (row) => row.ifname),
  text('NETWORK', (row) => row.network),
  number('RXDROPPED', (row) => row.rxDropped),
  number('TXDROPPED', (row) => row.txDropped),
]

const drops: readonly Column<DropView>[] = [
  number('COUNT', (row) => row.count),
  text('REASON', (row) => row.reason),
  text('', (row) => row.text),
]

function formatDrops(rows: readonly DropView[], paint: Paint): string {
  if (rows.length === 0) return 'no frame was dropped\n'
  return formatTable(
    drops,
    [...rows].sort((a, b) => b.count - a.count),
    paint,
  )
}

function formatStatus(status: StatusView, paint: Paint): string {
  const { peers: sessions, macs: known } = status
  const line = (name: string, value: string): string => `${paint('bold', name.padEnd(9))} ${value}`
  const allUp = sessions.established === sessions.total
  const health = status.health.map(({ severity, code, text: sentence }) =>
    line('', `${paint(severity === 'error' ? 'red' : 'yellow', severity)} ${code}: ${sentence}`),
  )
  return [
    line('vtep', `${status.version}, AS ${status.asn}, router ID ${status.routerId}`),
    line('address', `${status.vtep} by uplink ${status.uplink || '-'}`),
    line('fast path', status.fastPath || '-'),
    ...status.underlays.map(({ ifname, offloads }) =>
      line('offloads', `${ifname}: ${offloadNames(offloads) || '-'}`),
    ),
    line(
      'peers',
      paint(allUp ? 'green' : 'red', `${sessions.established} of ${sessions.total} established`),
    ),
    line('networks', String(status.networks)),
    line('macs', `${known.local} local, ${known.remote} remote`),
    line('audit', `${status.audit.rounds} rounds, ${status.audit.repaired} differences repaired`),
    line('health', health.length === 0 ? paint('green', 'good') : `${health.length} to look at`),
    ...health,
    '',
  ].join('\n')
}
