// A tenant that is attached as a virtual machine is: by a tap that somebody else holds, QEMU or vhost, with all offloads that
// a guest's virtio card has. Its kernel is this one, so TCP runs at full speed; tools/virtual-nic.c carries the frames.

import { type Host, Tenant } from '../../test/lab/index.js'
import { addressing, type TenantOptions } from '../../test/lab/tenant.js'
import { toolPath } from '../meter.js'

/** The tap is called `name` in the host, up, and in `bridge` if there is one. */
export async function vmTenant(host: Host, name: string, options: TenantOptions): Promise<Tenant> {
  const tenant = await host.lab.add(new Tenant(host, `vm-${name}`))
  await tenant.settle(options)
  const nic = host.start(`nic-${name}`, [toolPath('virtual-nic'), name, tenant.netns, 'eth0'])
  await nic.said('ready')
  await host.ip(`link set ${name} mtu ${options.mtu ?? 1500} addrgenmode none up`)
  if (options.bridge !== undefined) await host.ip(`link set ${name} master ${options.bridge}`)
  await tenant.ip(...addressing(options))
  return tenant
}
