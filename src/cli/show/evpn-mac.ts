import type { MacView } from '../../host/views/index.js'
import { CommandFailure, exitCode } from '../context.js'
import { type Answer, columns, ofVni, type ShowCommand } from './show-command.js'

const widths = [17, 6, 5, 30, 5, 8]
const heading = ['MAC', 'Type', 'Flags', 'Intf/Remote ES/VTEP', 'VLAN', "Seq #'s"]

const isLocal = ({ kind }: MacView): boolean => kind === 'local'

/** Ours first, as FRR counts them: what we announce, what was announced to us. */
const sequences = (row: MacView): { localSequence: number; remoteSequence: number } => ({
  localSequence: isLocal(row) ? row.sequence : 0,
  remoteSequence: isLocal(row) ? 0 : row.sequence,
})

function jsonOf(row: MacView): object {
  const { ifname, dst, esi, sticky, duplicate } = row
  return {
    type: row.kind,
    ...(isLocal(row) ? { intf: ifname ?? '' } : { remoteVtep: dst ?? '' }),
    ...(esi === null ? {} : { esi, remoteEs: esi }),
    ...(sticky ? { sticky: true } : {}),
    ...sequences(row),
    isDuplicate: duplicate,
  }
}

function lineOf(row: MacView): string {
  const { localSequence, remoteSequence } = sequences(row)
  const where = isLocal(row) ? row.ifname : (row.esi ?? row.dst)
  const cells = [row.mac, row.kind, '', where ?? '', '', `${localSequence}/${remoteSequence}`]
  return columns(widths, cells)
}

function table(rows: readonly MacView[], before = ''): string {
  return [
    `${before}Number of MACs (local and remote) known for this VNI: ${rows.length}`,
    'Flags: N=sync-neighs, I=local-inactive, P=peer-active, X=peer-proxy',
    columns(widths, heading),
    ...rows.map(lineOf),
  ].join('\n')
}

const asJson = (rows: readonly MacView[]) => ({
  numMacs: rows.length,
  macs: Object.fromEntries(rows.map((row) => [row.mac, jsonOf(row)])),
})

function one(row: MacView): Answer {
  const { localSequence, remoteSequence } = sequences(row)
  const where = isLocal(row) ? ` Intf: ${row.ifname ?? '-'}` : ` Remote VTEP: ${row.dst ?? '-'}`
  const neighbors = row.ips.map((ip) => `    ${ip} Active`)
  return {
    json: { [row.mac]: { ...jsonOf(row), neighbors: { active: row.ips } } },
    text: [
      `MAC: ${row.mac}`,
      where,
      ...(row.esi === null ? [] : [` ESI: ${row.esi}`]),
      ` Local Seq: ${localSequence} Remote Seq: ${remoteSequence}`,
      ...(row.sticky ? [' Sticky Mac'] : []),
      ` Duplicate, detected: ${row.duplicate ? 'yes' : 'no'}`,
      ...(neighbors.length === 0
        ? [' Neighbors:', '    No Neighbors']
        : [' Neighbors:', ...neighbors]),
    ].join('\n'),
  }
}

export const evpnMac: readonly ShowCommand[] = [
  {
    words: 'evpn mac vni all',
    summary: 'MACs of all networks.',
    async run(ask) {
      const macs = await ask('macs')
      const groups = (await ask('networks')).map(({ vni }) => ({
        vni,
        rows: macs.filter((row) => row.vni === vni),
      }))
      return {
        json: Object.fromEntries(groups.map(({ vni, rows }) => [vni, asJson(rows)])),
        text: groups
          .map(
            ({ vni, rows }) =>
              `VNI ${vni} #MACs (local and remote) ${rows.length}\n\n${table(rows)}`,
          )
          .join('\n\n'),
      }
    },
  },
  {
    words: 'evpn mac vni <vni>',
    summary: 'MACs of a network.',
    async run(ask, { vni = '' }) {
      const network = ofVni(await ask('networks'), vni)
      const rows = await ask('macs', { vni: `${network.vni}` })
      return { json: asJson(rows), text: table(rows) }
    },
  },
  {
    words: 'evpn mac vni <vni> mac <mac>',
    summary: 'One MAC.',
    async run(ask, { vni = '', mac = '' }) {
      ofVni(await ask('networks'), vni)
      const row = (await ask('macs', { vni })).find((each) => each.mac === mac.toLowerCase())
      if (row === undefined) {
        throw new CommandFailure(
          exitCode.failed,
          `show: expected a MAC that VNI ${vni} knows, got ${JSON.stringify(mac)}`,
        )
      }
      return one(row)
    },
  },
]
