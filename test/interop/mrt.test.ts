// MRT files for foreign eyes: bgpdump reads the unicast routes of a dump and the messages of a run, our own reader the
// EVPN routes, which bgpdump does not know.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { decodeMessage, decodeMrt, evpnKey, initialContext } from '../../src/wire/index.js'
import {
  missing,
  ping,
  type RouteRow,
  reaches,
  routedFabric,
  run,
  startFrr,
  startVtep,
} from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

const skip = missing('vtysh', 'bgpd', 'bgpdump')

test('tables and messages', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await h1.tenant('vm1', tenantOptions(1))
  const kernel = await h2.kernelVtep(vni)
  const peers = [{ address: h2.vtep4, asn: 65012, families: ['evpn', 'ipv4'] }]
  const recording = join(h1.directory, 'run.jsonl')
  const config = leaf(h1, { asn: 65011, peers, ports: ['vm1'] })
  const vtep = await startVtep(h1, config, { args: ['--record', recording] })
  // The peer comes when there is something to say, so that several messages are written at once.
  await ping(vm1, ipOf(2))
  await vtep.learned(macOf(1), { kind: 'local' })
  await startFrr(h2, {
    asn: 65012,
    peers: [{ address: h1.vtep4, asn: 65011 }],
    extra: [
      'router bgp 65012',
      'address-family ipv4 unicast',
      `neighbor ${h1.vtep4} activate`,
      `network ${h2.vtep4}/32`,
    ],
  })
  await vtep.established()
  await h2.tenant('vm2', { ...tenantOptions(2), bridge: kernel.bridge })
  await reaches(vm1, ipOf(2))
  await vtep.learned(macOf(2), { kind: 'remote' })

  await t.test('a dump of the tables', async (t) => {
    const { file, routes } = await vtep.read<{ file: string; routes: number }>('dump', 'routes.mrt')
    // Route targets that are asked for (RFC 4684) are between us and our peers.
    const rows = (await vtep.routes()).filter(({ type }) => type !== 'rtc')
    t.equal(routes, rows.length)
    const lines = (await run(['bgpdump', '-m', file])).split('\n')
    const line = lines.find((one) => one.includes(`|${h2.vtep4}/32|`))?.split('|') ?? []
    t.match(line, [
      'TABLE_DUMP2',
      /\d+/,
      'B',
      h2.vtep4,
      '65012',
      `${h2.vtep4}/32`,
      '65012',
      'IGP',
      h2.vtep4,
    ])

    const records = [...decodeMrt(readFileSync(file))].map(({ record }) => record)
    const [index] = records
    if (index?.kind !== 'peerIndex') return t.fail('no peers in front')
    t.match(index.peers, [
      { address: h1.vtep4, asn: 65011 },
      { address: h2.vtep4, asn: 65012, routerId: h2.vtep4 },
    ])
    const text = (row: Pick<RouteRow, 'type' | 'rd' | 'nextHop'>, mac: unknown, ip: unknown) =>
      [row.type, row.rd, mac ?? '', ip ?? '', row.nextHop].join(' ')
    const read = records.flatMap((record) => {
      if (record.kind !== 'rib' || record.family !== 'evpn') return []
      const { nlri, paths } = record
      if (!('type' in nlri)) return []
      const [type, rd, ...rest] = evpnKey(nlri).split('|')
      const [, mac, ip] = type === '2' ? rest : []
      return paths.map(
        ({ nextHop, peer }) => `${text({ type: Number(type), rd: rd!, nextHop }, mac, ip)} ${peer}`,
      )
    })
    const known = rows
      .filter(({ type }) => type !== 'ipv4')
      .map((row) => `${text(row, row['mac'], row['ip'])} ${row.peer === 'local' ? 0 : 1}`)
    t.same(read.sort(), known.sort(), 'all EVPN routes, with their paths')

    t.match(await vtep.cli('dump', '../x'), {
      code: 1,
      stderr: /name: expected a file name without a path, such as routes.mrt, got "\.\.\/x"/,
    })
  })

  await t.test('the messages of a run', async (t) => {
    await vtep.stop()
    const file = join(h1.directory, 'messages.mrt')
    t.match(await vtep.cli('replay', recording, '--mrt', file), { code: 0 })
    const lines = (await run(['bgpdump', '-m', file])).split('\n')
    t.ok(
      lines.some((line) => line.includes(`|A|${h2.vtep4}|65012|${h2.vtep4}/32|65012|IGP|`)),
      lines.slice(0, 5).join('\n'),
    )
    const kinds = new Map<string, number>()
    for (const { record } of decodeMrt(readFileSync(file))) {
      if (record.kind !== 'message') continue
      t.match(record.session, { peerAsn: 65012, localAsn: 65011, peerAddress: h2.vtep4 })
      const { message, problems } = decodeMessage(record.octets, initialContext)
      if (message === undefined) return t.fail(problems[0]!.text)
      kinds.set(message.kind, (kinds.get(message.kind) ?? 0) + 1)
    }
    t.ok((kinds.get('open') ?? 0) >= 2, 'both ways')
    t.ok((kinds.get('update') ?? 0) >= 4)
    t.ok((kinds.get('notification') ?? 0) >= 1, 'our good-bye')
  })
})
