import type { MacView } from '../../host/views/index.js'
import { columns, ofVni, type ShowCommand } from './show-command.js'

const widths = [25, 6, 8, 17, 30, 8]
const heading = ['Neighbor', 'Type', 'State', 'MAC', 'Remote ES/VTEP', "Seq #'s"]

interface Neighbor {
  readonly ip: string
  readonly row: MacView
}

const neighborsOf = (macs: readonly MacView[]): readonly Neighbor[] =>
  macs.flatMap((row) => row.ips.map((ip) => ({ ip, row })))

const sequencesOf = ({ kind, sequence }: MacView): string =>
  kind === 'local' ? `${sequence}/0` : `0/${sequence}`

const table = (rows: readonly Neighbor[]): string =>
  [
    `Number of ARPs (local and remote) known for this VNI: ${rows.length}`,
    'Flags: I=local-inactive, P=peer-active, X=peer-proxy',
    columns(widths, heading),
    ...rows.map(({ ip, row }) =>
      columns(widths, [
        ip,
        row.kind,
        'active',
        row.mac,
        row.esi ?? row.dst ?? '',
        sequencesOf(row),
      ]),
    ),
  ].join('\n')

const asJson = (rows: readonly Neighbor[]) => ({
  numArpNd: rows.length,
  ...Object.fromEntries(
    rows.map(({ ip, row: { kind, mac, dst, sequence } }) => [
      ip,
      {
        type: kind,
        state: 'active',
        mac,
        ...(dst === null ? {} : { remoteVtep: dst }),
        localSequence: kind === 'local' ? sequence : 0,
        remoteSequence: kind === 'local' ? 0 : sequence,
      },
    ]),
  ),
})

export const evpnArpCache: readonly ShowCommand[] = [
  {
    words: 'evpn arp-cache vni all',
    summary: 'Addresses of all networks, IPv4 and IPv6.',
    async run(ask) {
      const macs = await ask('macs')
      const groups = (await ask('networks')).map(({ vni }) => ({
        vni,
        rows: neighborsOf(macs.filter((row) => row.vni === vni)),
      }))
      return {
        json: Object.fromEntries(groups.map(({ vni, rows }) => [vni, asJson(rows)])),
        text: groups
          .map(
            ({ vni, rows }) =>
              `VNI ${vni} #ARP (IPv4 and IPv6, local and remote) ${rows.length}\n\n${table(rows)}`,
          )
          .join('\n\n'),
      }
    },
  },
  {
    words: 'evpn arp-cache vni <vni>',
    summary: 'Addresses of a network, IPv4 and IPv6.',
    async run(ask, { vni = '' }) {
      const network = ofVni(await ask('networks'), vni)
      const rows = neighborsOf(await ask('macs', { vni: `${network.vni}` }))
      return { json: asJson(rows), text: table(rows) }
    },
  },
]
