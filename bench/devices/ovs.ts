// Open vSwitch in user space (datapath netdev): two bridges, one with the tenant and the vxlan port, one with the wire and
// the VTEP address. Its datapath takes no partial checksums from AF_PACKET, so the tenants' offloads are off.

import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Fabric, type Host, run, type Tenant, until } from '../../test/lab/index.js'
import { type Device, type Running, tenantOf, vni } from './device.js'

const schema = '/usr/share/openvswitch/vswitch.ovsschema'
// In the tenant bridge, OpenFlow port numbers.
const tenantPort = 8
const tunnelPort = 9

export const ovs: Device = {
  name: 'ovs',
  summary: 'Open vSwitch, datapath in user space (netdev, AF_PACKET), tenants without offloads',
  programs: ['ovs-vswitchd', 'ovsdb-server', 'ovsdb-tool', 'ovs-vsctl', 'ovs-ofctl', 'ovs-appctl'],
  async start({ hosts }: Fabric): Promise<Running> {
    const tenants: Tenant[] = []
    for (const [index, host] of hosts.entries()) {
      const tenant = await host.tenant('port0', tenantOf(index + 1))
      const off = ['tx', 'off', 'tso', 'off', 'gso', 'off']
      await tenant.exec(['ethtool', '-K', 'eth0', ...off])
      tenants.push(tenant)
      await startSwitch(host, hosts[1 - index]!)
    }
    return { tenants: [tenants[0]!, tenants[1]!] }
  },
}

async function startSwitch(host: Host, far: Host): Promise<void> {
  const folder = join(host.directory, 'ovs')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  const database = `unix:${folder}/db.sock`
  const env = { OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder }
  const vsctl = (...words: readonly string[]): Promise<string> =>
    run(['ovs-vsctl', `--db=${database}`, '--timeout=20', ...words], { env })

  await run(['ovsdb-tool', 'create', join(folder, 'conf.db'), schema])
  host.start(
    'ovsdb-server',
    [
      'ovsdb-server',
      join(folder, 'conf.db'),
      `--remote=p${database}`,
      `--unixctl=${folder}/db.ctl`,
    ],
    { env },
  )
  await until('ovsdb-server', () => vsctl('--no-wait', 'init').then(() => true))
  host.start('ovs-vswitchd', ['ovs-vswitchd', database, `--unixctl=${folder}/vs.ctl`], { env })
  // The wire's address moves to the bridge that has it as a port; its MAC is the tunnel's source.
  const [link] = await host.json<{ address: string }[]>(['ip', '-j', 'link', 'show', 'eth0'])
  const mac = link!.address
  await host.ip('addr flush dev eth0')
  const userspace = ['datapath_type=netdev', 'fail-mode=secure']
  await vsctl(
    'add-br',
    'wire',
    '--',
    'set',
    'bridge',
    'wire',
    'datapath_type=netdev',
    `other_config:hwaddr=${mac}`,
    '--',
    'add-port',
    'wire',
    'eth0',
    '--',
    'add-br',
    'tenants',
    '--',
    'set',
    'bridge',
    'tenants',
    ...userspace,
    '--',
    'add-port',
    'tenants',
    'port0',
    '--',
    'set',
    'interface',
    'port0',
    `ofport_request=${tenantPort}`,
    '--',
    'add-port',
    'tenants',
    'tunnel',
    '--',
    'set',
    'interface',
    'tunnel',
    'type=vxlan',
    `options:remote_ip=${far.vtep4}`,
    `options:key=${vni}`,
    `ofport_request=${tunnelPort}`,
  )
  await host.ip(`addr add ${host.vtep4}/24 dev wire`, 'link set wire up', 'link set tenants up')
  for (const [from, to] of [
    [tenantPort, tunnelPort],
    [tunnelPort, tenantPort],
  ]) {
    const bridge = `unix:${folder}/tenants.mgmt`
    await run(['ovs-ofctl', 'add-flow', bridge, `in_port=${from},actions=output:${to}`], { env })
  }
}
