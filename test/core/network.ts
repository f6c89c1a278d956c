// The network of the vectors: VNI 10100 with ports 1 and 2 and the VTEP 10.0.0.2, which has macC.

import type { ModelOperation } from '../../src/wire/frame/index.js'
import { macC } from './frames.js'

export const vni = 10100

export const nextHop = (
  remote: string,
  change: Partial<Extract<ModelOperation, { op: 'nextHopSet' }>> = {},
): ModelOperation => ({
  op: 'nextHopSet',
  remote,
  nextHop: remote,
  source: remote.includes(':') ? '2001:db8::1' : '10.0.0.1',
  ifindex: 3,
  mtu: 0,
  mac: '02:00:00:00:01:02',
  sourceMac: '02:00:00:00:01:01',
  ...change,
})

export const remoteMac = (
  mac = macC,
  remote = '10.0.0.2',
  change: Partial<Extract<ModelOperation, { op: 'macSetRemote' }>> = {},
): ModelOperation => ({
  op: 'macSetRemote',
  vni,
  mac,
  remote,
  static: false,
  sticky: false,
  override: false,
  ...change,
})

export const localMac = (mac: string, port: number, sticky = false): ModelOperation => ({
  op: 'macSetLocal',
  vni,
  mac,
  port,
  static: true,
  sticky,
})

export const binding = (
  ip: string,
  mac = macC,
  change: Partial<Extract<ModelOperation, { op: 'neighbourSet' }>> = {},
): ModelOperation => ({
  op: 'neighbourSet',
  vni,
  ip,
  mac,
  origin: 'remote',
  static: false,
  router: false,
  override: true,
  ...change,
})

/** Suppression on; aging after 300 seconds. */
export function network(remote = '10.0.0.2', mtu = 0): ModelOperation[] {
  return [
    { op: 'networkSet', vni, suppress: true, agingSeconds: 300 },
    { op: 'portAttach', port: 1, vni },
    { op: 'portAttach', port: 2, vni },
    { op: 'floodAdd', vni, remote },
    nextHop(remote, { mtu }),
    remoteMac(macC, remote),
  ]
}
