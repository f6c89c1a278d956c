import type { RouteView } from '../../host/views/index.js'
import { CommandFailure, exitCode } from '../context.js'
import { type Answer, type Ask, ofVni, type ShowCommand } from './show-command.js'

const legend = `Status codes: * valid, > best, i - internal
Origin codes: i - IGP, e - EGP, ? - incomplete
EVPN type-1 prefix: [1]:[EthTag]:[ESI]
EVPN type-2 prefix: [2]:[EthTag]:[MAClen]:[MAC]:[IPlen]:[IP]
EVPN type-3 prefix: [3]:[EthTag]:[IPlen]:[OrigIP]
EVPN type-4 prefix: [4]:[ESI]:[IPlen]:[OrigIP]
EVPN type-5 prefix: [5]:[EthTag]:[IPlen]:[IP]

   Network          Next Hop            Metric LocPrf Weight Path
                    Extended Community`

const bits = (address: string): number => (address.includes(':') ? 128 : 32)

/** Types by their number, with the names that FRR takes for them. */
const prefixes: Readonly<Record<number, { name: string; of: (row: RouteView) => string }>> = {
  1: { name: 'ead', of: ({ ethernetTag, esi }) => `[${ethernetTag}]:[${esi}]` },
  2: {
    name: 'macip',
    of: ({ ethernetTag, mac, ip }) =>
      `[${ethernetTag}]:[48]:[${mac}]${ip === undefined ? '' : `:[${bits(ip)}]:[${ip}]`}`,
  },
  3: {
    name: 'multicast',
    of: ({ ethernetTag, originator = '' }) =>
      `[${ethernetTag}]:[${bits(originator)}]:[${originator}]`,
  },
  4: {
    name: 'es',
    of: ({ esi, originator = '' }) => `[${esi}]:[${bits(originator)}]:[${originator}]`,
  },
  5: {
    name: 'prefix',
    of: ({ ethernetTag, prefix = '' }) => {
      const [address, length] = prefix.split('/')
      return `[${ethernetTag}]:[${length}]:[${address}]`
    },
  },
}

function prefixOf(row: RouteView): string {
  const known = prefixes[Number(row.type)]
  if (known !== undefined) return `[${row.type}]:${known.of(row)}`
  const { ethernetTag, source, group, originator } = row
  const rest = [ethernetTag, source ?? '*', group ?? '*', originator]
  return `[${row.type}]:${rest.map((part) => `[${part ?? ''}]`).join(':')}`
}

interface Shown {
  readonly prefix: string
  readonly paths: readonly RouteView[]
}

/** By route distinguisher, then by route, best path first. */
function grouped(rows: readonly RouteView[]): ReadonlyMap<string, readonly Shown[]> {
  const byRd = new Map<string, Map<string, RouteView[]>>()
  for (const row of rows) {
    const rd = row.rd ?? '0:0'
    const routes = byRd.get(rd) ?? new Map<string, RouteView[]>()
    byRd.set(rd, routes)
    const prefix = prefixOf(row)
    routes.set(prefix, [...(routes.get(prefix) ?? []), row])
  }
  return new Map(
    [...byRd].map(([rd, routes]) => [
      rd,
      [...routes].map(([prefix, paths]) => ({
        prefix,
        paths: paths.toSorted((a, b) => Number(b.best) - Number(a.best)),
      })),
    ]),
  )
}

const origins: Readonly<Record<string, string>> = { igp: 'i', egp: 'e', incomplete: '?' }

const isLocal = ({ peer }: RouteView): boolean => peer === 'local'

function attribute(row: RouteView, name: string): string {
  const value = row.attributes[name]
  return value === undefined ? '' : `${value}`
}

function lines({ prefix, paths }: Shown): readonly string[] {
  return paths.flatMap((row, i) => {
    const status = ` *${row.best ? '>' : ' '} `
    const weight = isLocal(row) ? '32768' : '0'
    const local = attribute(row, 'localPref')
    const path = [attribute(row, 'asPath'), origins[attribute(row, 'origin')] ?? '?']
    return [
      ...(i === 0 ? [`${status}${prefix}`] : []),
      `${i === 0 ? '    ' : status}${' '.repeat(16)}${row.nextHop.padEnd(20)}${attribute(row, 'med').padStart(6)} ${local.padStart(6)} ${weight.padStart(6)} ${path.filter(Boolean).join(' ')}`,
      `${' '.repeat(20)}${communities(row)}`,
    ]
  })
}

function communities(row: RouteView): string {
  const list = row.attributes['extendedCommunities']
  return Array.isArray(list) ? list.map(String).join(' ') : ''
}

function jsonOf(row: RouteView): object {
  const local = attribute(row, 'localPref')
  const address = row.ip === undefined ? {} : { ipLen: bits(row.ip), ip: row.ip }
  return {
    valid: true,
    bestpath: row.best,
    pathFrom: isLocal(row) ? 'local' : 'external',
    routeType: row.type,
    ...(row.ethernetTag === undefined ? {} : { ethTag: row.ethernetTag }),
    ...(row.mac === undefined ? {} : { macLen: 48, mac: row.mac, ...address }),
    ...(row.esi === undefined ? {} : { esi: row.esi }),
    ...(row.label === undefined ? {} : { vni: `${row.label}` }),
    ...(local === '' ? {} : { locPrf: Number(local) }),
    weight: isLocal(row) ? 32768 : 0,
    peerId: isLocal(row) ? '(unspec)' : row.peer,
    path: attribute(row, 'asPath'),
    origin: attribute(row, 'origin').toUpperCase(),
    extendedCommunity: { string: communities(row) },
    nexthops: [{ ip: row.nextHop, afi: row.nextHop.includes(':') ? 'ipv6' : 'ipv4', used: true }],
  }
}

async function answer(ask: Ask, chosen: (row: RouteView) => boolean): Promise<Answer> {
  const all = await ask('routes', { family: 'evpn' })
  const { routerId, asn } = await ask('status')
  const groups = grouped(all.filter(chosen))
  const count = [...groups.values()].reduce((sum, routes) => sum + routes.length, 0)
  const total = [...grouped(all).values()].reduce((sum, routes) => sum + routes.length, 0)
  const body = [...groups].flatMap(([rd, routes]) => [
    `Route Distinguisher: ${rd}`,
    ...routes.flatMap(lines),
  ])
  const tables = [...groups].map(([rd, routes]) => [
    rd,
    {
      rd,
      ...Object.fromEntries(
        routes.map(({ prefix, paths }) => [
          prefix,
          { prefix, paths: paths.map((row) => [jsonOf(row)]) },
        ]),
      ),
    },
  ])
  return {
    json: {
      bgpLocalRouterId: routerId,
      defaultLocPrf: 100,
      localAS: asn,
      ...Object.fromEntries(tables),
      numPrefix: count,
      numPaths: all.filter(chosen).length,
      totalPrefix: total,
    },
    text: [
      ...(count === 0 ? [] : [`BGP local router ID is ${routerId}`, legend, ...body, '']),
      `Displayed ${count} out of ${total} total prefixes`,
    ].join('\n'),
  }
}

function typeOf(word: string): number {
  const named = Object.entries(prefixes).find(
    ([number, { name }]) => number === word || name === word,
  )
  const type = named === undefined ? Number(word) : Number(named[0])
  if (Number.isInteger(type) && type >= 1 && type <= 255) return type
  const names = Object.values(prefixes).map(({ name }) => name)
  throw new CommandFailure(
    exitCode.usage,
    `show: expected a route type, 1 to 255 or ${names.join(', ')}, got ${JSON.stringify(word)}`,
  )
}

export const bgpRoutes: readonly ShowCommand[] = [
  {
    words: 'bgp l2vpn evpn',
    summary: 'All EVPN routes.',
    run: (ask) => answer(ask, () => true),
  },
  {
    words: 'bgp l2vpn evpn route',
    summary: 'The same.',
    run: (ask) => answer(ask, () => true),
  },
  {
    words: 'bgp l2vpn evpn route type <type>',
    summary: 'Those of a type: a number, ead, macip, multicast, es or prefix.',
    run: (ask, { type = '' }) => {
      const wanted = typeOf(type)
      return answer(ask, (row) => row.type === wanted)
    },
  },
  {
    words: 'bgp l2vpn evpn route rd <rd>',
    summary: 'Those of a route distinguisher.',
    run: (ask, { rd = '' }) => answer(ask, (row) => row.rd === rd),
  },
  {
    words: 'bgp l2vpn evpn route vni <vni>',
    summary: 'Those with the label of a network.',
    run: async (ask, { vni = '' }) => {
      const network = ofVni(await ask('networks'), vni)
      return answer(ask, (row) => row.label === network.vni)
    },
  },
]
