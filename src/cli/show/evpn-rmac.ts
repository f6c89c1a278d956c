import { columns, type ShowCommand } from './show-command.js'

const widths = [17, 21]

export const evpnRmac: readonly ShowCommand[] = [
  {
    words: 'evpn rmac vni all',
    summary: 'Router MACs of the VTEPs that VRFs route by.',
    async run(ask) {
      const vrfs = await ask('vrfs')
      const prefixes = await ask('prefixes', { kind: 'remote' })
      const groups = vrfs.map(({ name, vni }) => {
        const rows = new Map<string, string>()
        for (const { vrf, mac, dst } of prefixes) {
          if (vrf === name && mac !== null && dst !== null) rows.set(mac, dst)
        }
        return { vni, rows: [...rows] }
      })
      return {
        json: Object.fromEntries(
          groups.map(({ vni, rows }) => [
            vni,
            {
              numRmacs: rows.length,
              ...Object.fromEntries(
                rows.map(([routerMac, vtepIp]) => [routerMac, { routerMac, vtepIp }]),
              ),
            },
          ]),
        ),
        text: groups
          .map(({ vni, rows }) =>
            [
              `VNI ${vni} #RMACs ${rows.length}`,
              '',
              columns(widths, ['RMAC', 'Remote VTEP']),
              ...rows.map((row) => columns(widths, row)),
            ].join('\n'),
          )
          .join('\n\n'),
      }
    },
  },
]
