// What the packet path saw, as sentences of the event stream.

import type { DataplaneEvent } from '../fib/index.js'
import type { EventFields, EventLevel } from './events.js'
import { portOffloadOff, underlayOffloadOff } from './state/index.js'
import { interfaceName } from './world.js'

export interface Notice {
  readonly level: EventLevel
  readonly text: string
  readonly fields: EventFields
}

type PortName = (id: number) => string

type Rows = {
  readonly [Name in DataplaneEvent['event']]: (
    event: Extract<DataplaneEvent, { readonly event: Name }>,
    portName: PortName,
  ) => Notice
}

/** Ports are named by `portName`. */
export function noticeOf(event: DataplaneEvent, portName: PortName): Notice {
  const row = rows[event.event] as (event: DataplaneEvent, portName: PortName) => Notice
  return row(event, portName)
}

type MacHere = Extract<DataplaneEvent, { readonly event: 'macLearned' | 'macMoved' }>
type MacGone = Extract<DataplaneEvent, { readonly event: 'macAged' | 'macFlushed' }>
type NeighbourHere = Extract<DataplaneEvent, { readonly event: 'neighbourLearned' }>

const rows: Rows = {
  macLearned: macHere,
  macMoved: macHere,
  macAged: macGone,
  macFlushed: macGone,
  neighbourLearned: neighbourHere,
  neighbourMoved: neighbourHere,
  neighbourAged: ({ vni, ip, mac }) => ({
    level: 'debug',
    text: `${ip} of VNI ${vni} is no longer at MAC ${mac}`,
    fields: { vni, ip, mac },
  }),
  multicastReport: ({ vni, port, group, source = '*', record }, portName) => {
    const ifname = portName(port)
    const text = `hosts behind port ${ifname} of VNI ${vni}: ${record} (${source}, ${group})`
    return { level: 'debug', text, fields: { vni, ifname, group, source } }
  },
  multicastQuery: ({ vni, port, querier }, portName) => {
    const ifname = port === undefined ? '' : portName(port)
    const place = port === undefined ? 'a VTEP' : `port ${ifname}`
    const text = `${querier} behind ${place} asks VNI ${vni} for multicast groups`
    return { level: 'debug', text, fields: { vni, ifname } }
  },
  routerSolicited: ({ vni, port, host }, portName) => {
    const ifname = portName(port)
    const text = `${host} behind port ${ifname} of VNI ${vni} looks for a router`
    return { level: 'debug', text, fields: { vni, ifname, ip: host } }
  },
  portUp: ({ port }, portName) => portNotice('info', portName(port), 'has carrier'),
  portDown: ({ port }, portName) => portNotice('warn', portName(port), 'has no carrier'),
  portGone: ({ port }, portName) => portNotice('warn', portName(port), 'lost its interface'),
  portOffloads: ({ port, flags }, portName) => {
    const off = portOffloadOff(flags)
    const why = 'frames that were left to it came again and again'
    return off === undefined
      ? portNotice('info', portName(port), 'has all its offloads on again')
      : portNotice('warn', portName(port), `: ${off}, as ${why}`)
  },
  underlayOffloads: ({ ifindex, flags }) => {
    const ifname = interfaceName(ifindex)
    const off = underlayOffloadOff(flags)
    const text =
      off === undefined
        ? 'has all its offloads on again'
        : `: ${off}, as what was left to it did not arrive`
    return {
      level: off === undefined ? 'info' : 'warn',
      text: `underlay interface ${ifname} ${text}`,
      fields: { ifname },
    }
  },
  remoteResolved: ({ remote }) => ({
    level: 'info',
    text: `VTEP ${remote} can be reached`,
    fields: { dst: remote },
  }),
  remoteUnresolved: ({ remote }) => ({
    level: 'warn',
    text: `VTEP ${remote}: the underlay has no route or no neighbour to it`,
    fields: { dst: remote },
  }),
  resync: () => ({
    level: 'warn',
    text: 'events of the dataplane were lost; the tables are read again',
    fields: {},
  }),
}

function macHere({ vni, mac, port, previousRemote }: MacHere, portName: PortName): Notice {
  const ifname = portName(port)
  const from = previousRemote === undefined ? '' : `, before at ${previousRemote}`
  const text = `MAC ${mac} of VNI ${vni} is behind port ${ifname}${from}`
  return { level: 'debug', text, fields: { vni, mac, ifname } }
}

function macGone({ vni, mac, port }: MacGone, portName: PortName): Notice {
  const ifname = portName(port)
  const text = `MAC ${mac} of VNI ${vni} is no longer behind port ${ifname}`
  return { level: 'debug', text, fields: { vni, mac, ifname } }
}

function neighbourHere({ vni, ip, mac }: NeighbourHere): Notice {
  return { level: 'debug', text: `${ip} of VNI ${vni} is at MAC ${mac}`, fields: { vni, ip, mac } }
}

function portNotice(level: EventLevel, ifname: string, what: string): Notice {
  return { level, text: `port ${ifname} ${what}`, fields: { ifname } }
}
