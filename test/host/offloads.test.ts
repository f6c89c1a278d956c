// What is said of offloads: each with its state and the reason, and findings that name the place.

import t from 'tap'
import { PortFlag, UnderlayFlag } from '../../src/fib/tables.gen.js'
import { offloadFindings, portOffloads, underlayOffloads } from '../../src/host/state/offloads.js'

const all = PortFlag.checksum | PortFlag.tso | PortFlag.uso

t.test('a port', async (t) => {
  const states = (flags: number): Record<string, string> =>
    Object.fromEntries(portOffloads(flags).map(({ name, state }) => [name, state]))
  t.same(states(0), { checksum: 'none', tso: 'none', uso: 'none' })
  t.same(states(all), { checksum: 'on', tso: 'on', uso: 'on' })
  t.same(states(all | PortFlag.tsoOff), { checksum: 'on', tso: 'off', uso: 'on' })
  t.same(states(PortFlag.tso | PortFlag.tsoOff | PortFlag.offloadTrial), {
    checksum: 'none',
    tso: 'trial',
    uso: 'none',
  })
  t.same(states(all | PortFlag.checksumOff), { checksum: 'off', tso: 'off', uso: 'off' })
  t.match(
    portOffloads(all | PortFlag.usoOff | PortFlag.offloadSelfTest).find(
      ({ name }) => name === 'uso',
    ),
    { state: 'off', reason: /self-test/ },
  )
})

t.test('findings', async (t) => {
  const well = UnderlayFlag.tunnel | UnderlayFlag.trains | UnderlayFlag.checksum
  t.same(
    underlayOffloads(well).map(({ state }) => state),
    ['on', 'on', 'on'],
  )
  t.same(offloadFindings([{ name: 'vm1', flags: all }], [{ name: 'eth0', flags: well }]), [])
  const found = offloadFindings(
    [{ name: 'vm1', flags: all | PortFlag.tsoOff }],
    [{ name: 'eth0', flags: well | UnderlayFlag.tunnelOff | UnderlayFlag.offloadTrial }],
  )
  t.match(found, [
    { code: 'offloadOff', severity: 'warning', evidence: /^port vm1: TCP segmentation .* is off:/ },
    { code: 'offloadOff', severity: 'warning', evidence: /^interface eth0: .* is off on trial/ },
  ])
  t.ok(found.every(({ fix }) => fix.includes('ethtool')))
})
