// 64-byte frames through one host: from the tenant into the tunnel, and out of it. The other end of the wire is bare; where the
// device works on another CPU than the source's, source and sink share CPU 0 and leave CPU 1 to it.

import type { Bed } from '../bed.js'
import { macOf, vni, wireMacOf } from '../devices/index.js'
import { measureTrial, type Trial } from '../meter.js'
import type { Probe, ProbeOptions } from './probe.js'

const sides = (bed: Bed) => ({
  tenant: { netns: bed.tenant(1).netns, ifname: 'eth0' },
  wire: { netns: bed.hosts[1]!.netns, ifname: 'eth0' },
})

const common = (bed: Bed, { quick }: ProbeOptions) => ({
  seconds: quick ? 0.4 : 2,
  cpus: [0, bed.device.worksApart ? 0 : 1] as const,
})

/** Millions of verified frames per second. */
export function rateOf(trial: Trial, what: string): number {
  if (trial.duplicates + trial.corrupt + trial.corruptOuter > 0) {
    throw new Error(
      `${what}: ${trial.duplicates} duplicates, ${trial.corrupt} damaged, ${trial.corruptOuter} with a bad outer header`,
    )
  }
  return trial.inTime / trial.seconds / 1e6
}

export const lossOf = ({ sent, received }: Trial): number =>
  sent === 0 ? 0 : (100 * (sent - received)) / sent

export const oneHost: Probe = {
  name: 'one-host',
  title: 'One host: into the tunnel, out of the tunnel',
  note:
    '64-byte frames of 64 flows as fast as the source can, at one host whose other end of the wire is bare: sent by the tenant and counted, headers ' +
    'and all checksums verified, as VXLAN on the wire; sent as VXLAN into the wire and counted at the tenant. Source on CPU 0; sink on CPU 0 for ' +
    'devices that forward on CPU 1 then (threads of their own, or forwarding that moves there), else on CPU 1. Without a tunnel the frames are forwarded bare. The share that was lost is overload, not a fault.',
  hosts: 1,
  columns: {
    encap: { label: 'encap, Mpps', unit: 'Mpps', better: 'more', tools: { loss: 'encapLoss' } },
    encapLoss: { label: 'encap overload loss, %', unit: '%', better: 'less' },
    encapCores: { label: 'cores (encap)', unit: 'cores', better: 'less' },
    decap: { label: 'decap, Mpps', unit: 'Mpps', better: 'more', tools: { loss: 'decapLoss' } },
    decapLoss: { label: 'decap overload loss, %', unit: '%', better: 'less' },
    decapCores: { label: 'cores (decap)', unit: 'cores', better: 'less' },
  },
  suits: () => true,
  async measure(bed, options) {
    const { tenant, wire } = sides(bed)
    const [near, far] = [bed.hosts[0]!.vtep4, bed.hosts[1]!.vtep4]
    const { tunnel } = bed.device
    const encap = await measureTrial({
      ...common(bed, options),
      tx: tenant,
      rx: wire,
      to: macOf(2),
      from: macOf(1),
      ...(tunnel ? { expectVni: vni } : {}),
    })
    const decap = await measureTrial({
      ...common(bed, options),
      tx: wire,
      rx: tenant,
      to: macOf(1),
      from: macOf(2),
      ...(tunnel
        ? {
            tunnel: {
              vni,
              macs: { to: wireMacOf(1), from: wireMacOf(2) },
              addresses: { to: near, from: far },
            },
          }
        : {}),
    })
    return {
      encap: rateOf(encap, 'encap'),
      encapLoss: lossOf(encap),
      encapCores: encap.cores,
      decap: rateOf(decap, 'decap'),
      decapLoss: lossOf(decap),
      decapCores: decap.cores,
    }
  },
}
