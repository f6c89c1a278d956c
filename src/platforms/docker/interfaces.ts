// The two ends of an endpoint. A veth of the kernel outlives the daemon, so a container keeps its interface through every
// restart; a tap would not.

import { exists, ip } from '../iproute.js'

export interface Interfaces {
  /** The near end comes up and says nothing by itself; the far end is the container's. The same again changes nothing. */
  make(near: string, far: string, mac: string): Promise<void>
  /** Both ends. One that is not there is no error. */
  remove(near: string): Promise<void>
}

/** By iproute2, in the network namespace of this process. */
export const kernelInterfaces: Interfaces = {
  async make(near, far, mac) {
    if (await exists(near)) return
    await ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'address', mac)
    await ip('link', 'set', near, 'addrgenmode', 'none', 'up')
  },

  async remove(near) {
    if (await exists(near)) await ip('link', 'delete', near)
  },
}
