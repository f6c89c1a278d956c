// What a random script begins with.

import type { ModelOperation } from '../../src/wire/frame/index.js'
import { macA, macB, macC } from './frames.js'
import type { Step } from './legs.js'

/** A network to begin with, so that most frames have somewhere to go. */
export const beginning = (local: string): Step => {
  const first = local.includes(':') ? '2001:db8::2' : '10.0.0.2'
  const hop = { nextHop: first, source: local, ifindex: 3, mtu: 0, mac: macB, sourceMac: macA }
  const claim = {
    mac: macC,
    origin: 'remote',
    static: false,
    router: true,
    override: true,
  } as const
  return {
    apply: [
      { op: 'networkSet', vni: 10100, suppress: true, agingSeconds: 10 },
      { op: 'portAttach', port: 1, vni: 10100 },
      { op: 'portAttach', port: 2, vni: 10100 },
      { op: 'floodAdd', vni: 10100, remote: first },
      { op: 'nextHopSet', remote: first, ...hop },
      { op: 'neighbourSet', vni: 10100, ip: '10.1.0.11', ...claim },
      { op: 'neighbourSet', vni: 10100, ip: 'fd00::11', ...claim },
      ...routing(first),
    ],
  }
}

/** Frames to 02:00:00:00:00:0d are routed. */
function routing(remote: string): ModelOperation[] {
  const router = {
    vrf: 50001,
    routerMac: '02:00:00:00:00:0d',
    address4: '10.1.0.1',
    address6: 'fd00::1',
  }
  const nothing = { vni: 0, via: '::', mac: '00:00:00:00:00:00' }
  const add = { op: 'routeAdd', vrf: 50001 } as const
  const far = { ...nothing, kind: 'remote', vni: 50001, via: remote, mac: macC } as const
  return [
    { op: 'networkSet', vni: 50001, suppress: false, agingSeconds: 0, ...router },
    {
      op: 'networkSet',
      vni: 10100,
      suppress: true,
      snoop: true,
      suppressUnknown: remote.includes(':'),
      advertise: true,
      agingSeconds: 10,
      ...router,
    },
    { ...add, prefix: '10.1.0.0/24', ...nothing, kind: 'connected', vni: 10100 },
    { ...add, prefix: 'fd00::/64', ...nothing, kind: 'connected', vni: 10100 },
    { ...add, prefix: '10.1.0.12/32', ...far },
    { ...add, prefix: '10.1.0.10/32', ...nothing, kind: 'own' },
  ]
}
