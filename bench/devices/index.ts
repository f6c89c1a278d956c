import { bridge } from './bridge.js'
import type { Device } from './device.js'
import { direct } from './direct.js'
import { kernel, kernelRps, kernelVm } from './kernel.js'
import { ovsAfXdp, ovsDpdkAfPacket, ovsDpdkAfXdp, ovsNetdev } from './ovs.js'
import { testpmdAfPacket, testpmdAfXdp } from './testpmd.js'
import { vtep } from './vtep.js'

export { type Device, ipOf, macOf, type Site, vni, wireMacOf, wireMtu } from './device.js'
export { direct } from './direct.js'
export { forgetDpdk } from './dpdk.js'
export { kernel, kernelVm } from './kernel.js'

/** In the order of the tables. */
export const devices: readonly Device[] = [
  direct,
  bridge,
  testpmdAfXdp,
  testpmdAfPacket,
  kernel,
  kernelRps,
  kernelVm,
  ovsNetdev,
  ovsAfXdp,
  ovsDpdkAfXdp,
  ovsDpdkAfPacket,
  vtep({ port: 'netdev', uplink: 'raw' }),
  vtep({
    port: 'netdev',
    uplink: 'raw',
    but: { name: 'no fast path', config: { dataplane: { fastPath: false } } },
    leaves: ['framed-no-gro', 'idle'],
  }),
  vtep({ port: 'netdev', uplink: 'udp', leaves: ['framed-no-gro', 'idle', 'rtt'] }),
  vtep({ port: 'netdev', uplink: 'af_xdp', leaves: ['framed', 'framed-no-gro', 'idle'] }),
  vtep({ port: 'af_xdp', uplink: 'af_xdp', leaves: ['framed', 'framed-no-gro'] }),
  vtep({ port: 'tap', uplink: 'raw', leaves: ['framed-no-gro'] }),
  vtep({ port: 'tap', bridged: true, uplink: 'raw', leaves: ['idle'] }),
  vtep({
    port: 'netdev',
    vm: true,
    uplink: 'raw',
    leaves: ['one-host', 'packets', 'framed-no-gro', 'idle'],
  }),
  vtep({
    port: 'tap',
    bridged: true,
    vm: true,
    uplink: 'raw',
    leaves: ['one-host', 'packets', 'framed-no-gro', 'idle'],
  }),
  vtep({ port: 'tap', uplink: 'udp', leaves: ['framed-no-gro', 'idle', 'rtt'] }),
]
