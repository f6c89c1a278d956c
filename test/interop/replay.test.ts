// The recording of a run with a real peer, real tenants and a crash plays back to what the controller knew.

import { join } from 'node:path'
import { test } from 'tap'
import { type MacRow, missing, reaches, routedFabric, startFrr, startVtep } from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions, vni } from './support.js'

const skip = missing('vtysh', 'bgpd')

interface Played {
  readonly result: string
  readonly peers: readonly { readonly peer: string; readonly state: string }[]
  readonly macs: readonly MacRow[]
  readonly routes: readonly { readonly nextHop: string }[]
}

/** Without IPv6: a tenant would go on announcing addresses while the two runs are compared. */
function silent(n: number): { mac: string; ip4: string; ipv6: boolean } {
  const { mac, ip4 } = tenantOptions(n)
  return { mac, ip4, ipv6: false }
}

test('a run with FRR', { skip }, async (t) => {
  const { hosts } = await routedFabric(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await h1.tenant('vm1', silent(1))
  const kernel = await h2.kernelVtep(vni)
  await h2.tenant('vm2', { ...silent(2), bridge: kernel.bridge })
  await startFrr(h2, { asn: 65000, peers: [{ address: h1.vtep4, asn: 65000 }] })
  const peers = [{ address: h2.vtep4, asn: 65000 }]
  const file = join(h1.directory, 'run.jsonl')
  const vtep = await startVtep(h1, leaf(h1, { peers, ports: ['vm1'] }), {
    args: ['--record', file],
  })
  await vtep.established()
  await reaches(vm1, ipOf(2))
  await vtep.learned(macOf(2), { kind: 'remote', dst: h2.vtep4 })
  const macs = await vtep.macs()
  const routes = (await vtep.routes()).filter(({ peer }) => peer === h2.vtep4)

  vtep.service.signal('SIGKILL')
  await vtep.service.ended()
  const played = await vtep.read<Played>('replay', file)
  t.equal(played.result, 'cut')
  t.match(played.peers, [{ peer: h2.vtep4, state: 'Established' }])
  const known = (rows: readonly MacRow[]) =>
    rows
      .map(({ mac, kind, ips, sequence }) => [mac, kind, sequence, ...ips.toSorted()].join(' '))
      .sort()
  t.same(known(played.macs), known(macs))
  t.equal(played.routes.filter(({ nextHop }) => nextHop === h2.vtep4).length, routes.length)

  await vtep.run(['--record', file])
  await vtep.established()
  await vtep.stop()
  t.match(await vtep.cli('replay', file), {
    code: 0,
    stdout: /same: the machines came to the same end/,
  })
})
