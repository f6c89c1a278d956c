// Taps that are there before QEMU is: libvirt makes none for <target managed='no'/>, and opens what it finds.

import { exists, ip } from '../iproute.js'

export interface TapOptions {
  readonly queues: number
  readonly mtu?: number
}

export interface Taps {
  /** It stays when nobody has it open. The same again changes nothing. */
  make(name: string, options: TapOptions): Promise<void>
  /** One that is not there is no error. */
  remove(name: string): Promise<void>
}

/** By iproute2, in the network namespace of this process. */
export const kernelTaps: Taps = {
  async make(name, { queues, mtu }) {
    if (!(await exists(name))) {
      const several = queues > 1 ? ['multi_queue'] : []
      await ip('tuntap', 'add', 'dev', name, 'mode', 'tap', ...several)
    }
    const size = mtu === undefined ? [] : ['mtu', `${mtu}`]
    // The host itself says nothing on it.
    await ip('link', 'set', 'dev', name, 'addrgenmode', 'none', ...size, 'up')
  },

  async remove(name) {
    if (await exists(name)) await ip('link', 'delete', 'dev', name)
  },
}
