// bridge + vxlan of the kernel, entries by hand: what everybody has.

import { run } from '../../test/lab/index.js'
import { type Device, extraPorts, macOf, type Site, tenantMtu, tenantOf, vni } from './device.js'
import { vmTenant } from './vm.js'

async function attach({ host, far, n, extra }: Site, vm = false) {
  const vtep = await host.kernelVtep(vni, { mtu: tenantMtu })
  await vtep.addRemote(far.vtep4, [macOf(3 - n)])
  const options = { ...tenantOf(n), bridge: vtep.bridge }
  const tenant = await (vm ? vmTenant(host, 'port0', options) : host.tenant('port0', options))
  for (const port of extraPorts(extra)) {
    await host.tenant(port.name, { ...tenantOf(port.n), bridge: vtep.bridge })
  }
  await host.bridge(
    'link set dev port0 learning off',
    `fdb replace ${macOf(n)} dev port0 master static`,
    `fdb replace ${macOf(3 - n)} dev ${vtep.device} master static`,
  )
  return tenant
}

export const kernel: Device = {
  name: 'kernel',
  summary: 'bridge + vxlan of the kernel, static entries',
  kind: 'rival',
  programs: [],
  tunnel: true,
  worksApart: false,
  attach: (site) => attach(site),
}

export const kernelVm: Device = {
  ...kernel,
  name: 'kernel, VM',
  summary: 'the same, tenants on taps as virtual machines have them',
  leaves: ['one-host', 'packets', 'framed-no-gro', 'idle'],
  attach: (site) => attach(site, true),
}

/** What has come from the wire goes on at CPU 1 (receive packet steering), which gives the kernel a second core. */
export const kernelRps: Device = {
  ...kernel,
  name: 'kernel + RPS',
  leaves: ['tcp'],
  summary: 'the same, and what comes from the wire is steered to CPU 1',
  async attach(site) {
    const tenant = await attach(site)
    const steer = 'for f in /sys/class/net/eth0/queues/rx-*/rps_cpus; do echo 2 > $f; done'
    // sysfs shows the namespace that it was mounted in: ip netns exec mounts one.
    await run(['ip', 'netns', 'exec', site.host.netns, 'sh', '-ec', steer])
    return tenant
  },
}
