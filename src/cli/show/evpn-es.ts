import type { SegmentView } from '../../host/views/index.js'
import { columns, type ShowCommand } from './show-command.js'

const widths = [30, 5, 21, 40]

/** L = local, R = remote, N = we are not the designated forwarder of every network. */
function typeOf({ kind, members, networks }: SegmentView): string {
  const here = kind === 'local' ? 'L' : ''
  const there = members.length > 0 ? 'R' : ''
  const not = kind === 'local' && networks.some(({ designated }) => !designated) ? 'N' : ''
  return here + there + not
}

export const evpnEs: readonly ShowCommand[] = [
  {
    words: 'evpn es',
    summary: 'Ethernet segments.',
    async run(ask) {
      const rows = await ask('segments')
      return {
        json: rows.map((row) => ({
          esi: row.esi,
          type: [
            ...(row.kind === 'local' ? ['local'] : []),
            ...(row.members.length > 0 ? ['remote'] : []),
          ],
          accessPort: row.networks[0]?.ifname ?? '',
          vteps: row.members.map(({ dst, algorithm, preference }) => ({
            vtep: dst,
            ...(algorithm === null ? {} : { dfAlgorithm: algorithm }),
            ...(preference === null ? {} : { dfPreference: preference }),
          })),
        })),
        text: [
          'Type: B bypass, L local, R remote, N non-DF',
          columns(widths, ['ESI', 'Type', 'ES-IF', 'VTEPs']),
          ...rows.map((row) =>
            columns(widths, [
              row.esi,
              typeOf(row),
              row.networks[0]?.ifname ?? '-',
              row.members.map(({ dst }) => dst).join(','),
            ]),
          ),
        ].join('\n'),
      }
    },
  },
]
