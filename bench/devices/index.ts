import type { Device } from './device.js'
import { kernel } from './kernel.js'
import { ovs } from './ovs.js'
import { vtep } from './vtep.js'

export { type Device, ipOf, macOf, wireMtu } from './device.js'

/** In the order of the table; the first is what ratios refer to. */
export const devices: readonly Device[] = [
  kernel,
  ovs,
  vtep('netdev', 'udp'),
  vtep('netdev', 'raw'),
  vtep('tap', 'udp'),
  vtep('tap', 'raw'),
]
