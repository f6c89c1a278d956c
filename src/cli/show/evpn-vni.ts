import type { NetworkView, PortView, VrfView } from '../../host/views/index.js'
import { type Ask, columns, ofVni, type ShowCommand } from './show-command.js'

interface VniRow {
  readonly vni: number
  readonly type: 'L2' | 'L3'
  readonly vxlanIf: string
  readonly numMacs: number
  readonly numArpNd: number
  readonly numRemoteVteps: number | 'n/a'
  readonly tenantVrf: string
  readonly remoteVteps?: readonly string[]
}

const widths = [10, 4, 21, 8, 8, 15, 37]

async function rowsOf(ask: Ask): Promise<readonly VniRow[]> {
  const [networks, vrfs, macs] = [await ask('networks'), await ask('vrfs'), await ask('macs')]
  const addresses = new Map<number, number>()
  for (const { vni, ips } of macs) addresses.set(vni, (addresses.get(vni) ?? 0) + ips.length)
  return [
    ...networks.map((network) => ofNetwork(network, addresses.get(network.vni) ?? 0)),
    ...vrfs.map(ofVrf),
  ]
}

const ofNetwork = ({ vni, name, macs, vteps, vrf }: NetworkView, numArpNd: number): VniRow => ({
  vni,
  type: 'L2',
  vxlanIf: name,
  numMacs: macs.local + macs.remote,
  numArpNd,
  numRemoteVteps: vteps.length,
  tenantVrf: vrf ?? 'default',
  remoteVteps: vteps,
})

const ofVrf = ({ vni, name }: VrfView): VniRow => ({
  vni,
  type: 'L3',
  vxlanIf: name,
  numMacs: 0,
  numArpNd: 0,
  numRemoteVteps: 'n/a',
  tenantVrf: name,
})

function detail(row: VniRow, network: NetworkView, ports: readonly PortView[]): string {
  const flood = network.vteps.map((address) => `  ${address} flood: HER`)
  return [
    `VNI: ${row.vni}`,
    ` Type: ${row.type}`,
    ` Tenant VRF: ${row.tenantVrf}`,
    ` VxLAN interface: ${row.vxlanIf}`,
    ` Route distinguisher: ${network.rd}`,
    ` Import route targets: ${network.routeTargets.import.join(' ')}`,
    ` Export route targets: ${network.routeTargets.export.join(' ')}`,
    ` Ports: ${ports.map(({ ifname }) => ifname).join(' ') || '-'}`,
    ...(flood.length === 0
      ? [' No remote VTEPs known for this VNI']
      : [' Remote VTEPs for this VNI:', ...flood]),
    ` Number of MACs (local and remote) known for this VNI: ${row.numMacs}`,
    ` Number of ARPs (IPv4 and IPv6, local and remote) known for this VNI: ${row.numArpNd}`,
  ].join('\n')
}

export const evpnVni: readonly ShowCommand[] = [
  {
    words: 'evpn vni',
    summary: 'VNIs: networks (L2) and VRFs (L3).',
    async run(ask) {
      const rows = await rowsOf(ask)
      const heading = [
        'VNI',
        'Type',
        'VxLAN IF',
        '# MACs',
        '# ARPs',
        '# Remote VTEPs',
        'Tenant VRF',
      ]
      const lines = rows.map(({ remoteVteps: _, ...row }) => columns(widths, Object.values(row)))
      return {
        json: Object.fromEntries(rows.map((row) => [row.vni, row])),
        text: [columns(widths, heading), ...lines].join('\n'),
      }
    },
  },
  {
    words: 'evpn vni <vni>',
    summary: 'One VNI, with its flood list and route targets.',
    async run(ask, { vni = '' }) {
      const row = ofVni(await rowsOf(ask), vni)
      const network = (await ask('networks')).find((one) => one.vni === row.vni)
      if (network === undefined) {
        const vrf = ofVni(await ask('vrfs'), vni)
        const text = [
          `VNI: ${vrf.vni}`,
          '  Type: L3',
          `  Tenant VRF: ${vrf.name}`,
          `  Router MAC: ${vrf.routerMac}`,
          `  L2 VNIs: ${vrf.networks.join(' ')}`,
        ]
        const json = { ...row, routerMac: vrf.routerMac, l2Vnis: vrf.networks }
        return { json, text: text.join('\n') }
      }
      const ports = (await ask('ports')).filter((port) => port.vni === row.vni)
      const { rd, routeTargets, vteps } = network
      return {
        json: {
          ...row,
          rd,
          importRts: routeTargets.import,
          exportRts: routeTargets.export,
          numRemoteVteps: vteps,
        },
        text: detail(row, network, ports),
      }
    },
  },
]
