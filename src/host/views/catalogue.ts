// What can be read, as a table without weight: the command line needs it at every start.

import type {
  ConfigView,
  DropView,
  GroupView,
  MacView,
  NetworkView,
  PeerView,
  PortView,
  PrefixView,
  RouteView,
  SegmentView,
  StatusView,
  VrfView,
  VtepView,
} from './schemas.js'

/** What every reader gets, at one moment. Calling a member reads anew. */
export interface StateReader {
  status(): StatusView
  config(): ConfigView
  peers(): PeerView[]
  networks(): NetworkView[]
  vrfs(): VrfView[]
  prefixes(): PrefixView[]
  vteps(): VtepView[]
  macs(): MacView[]
  segments(): SegmentView[]
  groups(): GroupView[]
  routes(): RouteView[]
  ports(): PortView[]
  drops(): DropView[]
}

export type ViewName = keyof StateReader

export interface View {
  readonly name: ViewName
  readonly summary: string
  /** One thing instead of a list of rows. */
  readonly single?: true
  /** Keys that `?key=value` selects rows by. */
  readonly filters: readonly string[]
}

/** Adding a view is one row here; the compiler then asks for its schema, its reader and its table on the command line. */
export const views: readonly View[] = [
  {
    name: 'status',
    summary: 'The host at a glance, and what is not as it should be.',
    single: true,
    filters: [],
  },
  {
    name: 'config',
    summary:
      'The configuration in force: the file and what was changed at run time. *** stands for a secret.',
    single: true,
    filters: [],
  },
  {
    name: 'peers',
    summary: 'BGP peers.',
    filters: ['peer', 'asn', 'state', 'families'],
  },
  {
    name: 'networks',
    summary: 'Bridge domains.',
    filters: ['name', 'vni', 'source'],
  },
  {
    name: 'vrfs',
    summary: 'IP-VRFs.',
    filters: ['name', 'vni'],
  },
  {
    name: 'prefixes',
    summary: 'What IP-VRFs forward by, one row per path.',
    filters: ['vrf', 'prefix', 'kind', 'dst', 'network'],
  },
  {
    name: 'vteps',
    summary: 'Far VTEPs.',
    filters: ['dst', 'vnis', 'resolved', 'ifname'],
  },
  {
    name: 'macs',
    summary: 'MAC addresses, local and remote.',
    filters: [
      'network',
      'vni',
      'mac',
      'ips',
      'kind',
      'ifname',
      'dst',
      'sticky',
      'duplicate',
      'esi',
    ],
  },
  {
    name: 'segments',
    summary: 'Ethernet segments: hosts behind several VTEPs.',
    filters: ['esi', 'kind', 'mode', 'state'],
  },
  {
    name: 'groups',
    summary: 'Multicast groups and who wants them, of networks that snoop.',
    filters: ['network', 'vni', 'group', 'source', 'ports', 'vteps'],
  },
  {
    name: 'routes',
    summary: 'Routes of the loc-rib, one row per path.',
    filters: [
      'family',
      'type',
      'rd',
      'mac',
      'ip',
      'prefix',
      'label',
      'nextHop',
      'routeTargets',
      'best',
      'peer',
    ],
  },
  {
    name: 'ports',
    summary: 'Host attachments and their counters.',
    filters: ['ifname', 'kind', 'network', 'vni', 'state', 'source'],
  },
  {
    name: 'drops',
    summary: 'Frames lost, by reason.',
    filters: ['reason'],
  },
]
