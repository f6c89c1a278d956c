// Ethernet segments and the fast path: what leads to a group of VTEPs, or was only told of, is the workers'; a port that is
// blocked loses what was on the fast path until then.

import t from 'tap'
import { missing, passes } from '../lab/index.js'
import { addTenant, behind, kernelCarries, overlay, vni, warm } from './overlay.js'

t.setTimeout(60_000)

const ESI = '03:02:00:00:00:00:01:00:00:01'

t.test('groups, peers and blocked ports', { skip: missing('fping') }, async (t) => {
  const { hosts } = await overlay(t, [{ uplink: 'raw' }, { uplink: 'raw' }])
  const [a, b] = hosts
  const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24')
  const y = await addTenant(b, 'y', 'netdev', '10.1.0.2/24')
  const far = await y.tenant.mac()
  await a.dataplane.apply([behind(far, b.host.vtep4)])
  await b.dataplane.apply([behind(await x.tenant.mac(), a.host.vtep4)])
  await warm(x.tenant, '10.1.0.2')
  t.ok(await kernelCarries(hosts, x.tenant, '10.1.0.2'), 'to a VTEP without us')

  const group = { vni, esi: ESI }
  await a.dataplane.apply([
    { op: 'macGroupSet', ...group, remotes: [b.host.vtep4] },
    { op: 'macSetGroup', ...group, mac: far, sticky: false, override: true },
  ])
  await warm(x.tenant, '10.1.0.2')
  t.ok(await passes(x.tenant, '10.1.0.2'), 'to a group')
  t.notOk(await kernelCarries(hosts, x.tenant, '10.1.0.2'), 'by the workers')
  await a.dataplane.apply([behind(far, b.host.vtep4)])
  await warm(x.tenant, '10.1.0.2')
  t.ok(await kernelCarries(hosts, x.tenant, '10.1.0.2'), 'to a VTEP again')

  const dropped = () => b.dataplane.counters().drops['segment_blocked'] ?? 0
  const state = (blocked: boolean) =>
    b.dataplane.apply([
      { op: 'portSegmentSet', port: y.port, designated: !blocked, blocked, peers: [] },
    ])
  await state(true)
  const before = dropped()
  t.notOk(await passes(x.tenant, '10.1.0.2'), 'blocked')
  t.ok(dropped() >= before + 3, 'by name')
  await state(false)
  await warm(x.tenant, '10.1.0.2')
  t.ok(await kernelCarries(hosts, x.tenant, '10.1.0.2'), 'and back')
})
