// Open vSwitch in user space: two bridges, one with the tenant and the vxlan port, one with the wire and the VTEP address.
// Its datapath takes no partial checksums from AF_PACKET and AF_XDP, so the tenants' offloads are off.

import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../test/lab/index.js'
import { type Device, extraPorts, type Site, tenantOf, vni, wireMacOf } from './device.js'
import { dpdkPrefix } from './dpdk.js'

const schema = '/usr/share/openvswitch/vswitch.ovsschema'
const plain = '/usr/lib/openvswitch-switch/ovs-vswitchd'
const withDpdk = '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk'
// In the tenant bridge, OpenFlow port numbers.
const tenantPort = 8
const tunnelPort = 9

interface Flavour {
  readonly vswitchd: string
  /** Settings of the database before the daemon starts. */
  readonly config: (site: Site) => readonly string[]
  /** Name and settings of the port that takes over an interface; `index` tells the ports of a host apart. */
  readonly port: (ifname: string, index: number) => { name: string; options: readonly string[] }
}

/** Host 1 polls on CPU 1, host 2 on CPU 0. */
const pmd = ({ n }: Site): string => `other_config:pmd-cpu-mask=${n === 1 ? 2 : 1}`

const netdev: Flavour = {
  vswitchd: plain,
  config: () => [],
  port: (name) => ({ name, options: [] }),
}

const afXdp: Flavour = {
  vswitchd: plain,
  config: (site) => [pmd(site)],
  port: (name) => ({
    name,
    options: ['type=afxdp', 'options:xdp-mode=native', 'options:n_rxq=1'],
  }),
}

const dpdk = (driver: string): Flavour => ({
  vswitchd: withDpdk,
  config: (site) => [
    'other_config:dpdk-init=true',
    `other_config:dpdk-extra="--no-pci --iova-mode=va --file-prefix=${dpdkPrefix(site.host)}"`,
    'other_config:dpdk-socket-mem=256',
    pmd(site),
  ],
  port: (ifname, index) => ({
    name: `d${ifname}`,
    options: ['type=dpdk', `options:dpdk-devargs=${driver}${index},iface=${ifname}`],
  }),
})

const device = (
  name: string,
  summary: string,
  flavour: Flavour,
  more: Partial<Device> = {},
): Device => ({
  name,
  summary: `Open vSwitch, ${summary}; tenants without offloads`,
  kind: 'rival',
  programs: [
    flavour.vswitchd,
    'ovsdb-server',
    'ovsdb-tool',
    'ovs-vsctl',
    'ovs-ofctl',
    'ovs-appctl',
  ],
  tunnel: true,
  worksApart: true,
  attach: (site) => attach(site, flavour),
  ...more,
})

const hugePages = 2048

export const ovsNetdev = device('OVS netdev', 'datapath in user space, AF_PACKET', netdev, {
  leaves: ['rtt'],
})
export const ovsAfXdp = device('OVS AF_XDP', 'AF_XDP (native), a polling thread per host', afXdp)
export const ovsDpdkAfXdp = device(
  'OVS-DPDK af_xdp',
  'DPDK with net_af_xdp, a polling thread per host, huge pages',
  dpdk('net_af_xdp'),
  { hugePages },
)
export const ovsDpdkAfPacket = device(
  'OVS-DPDK af_packet',
  'DPDK with net_af_packet, a polling thread per host, huge pages',
  dpdk('eth_af_packet'),
  { hugePages, leaves: ['idle', 'rtt'] },
)

async function attach(site: Site, flavour: Flavour) {
  const { host, n, extra } = site
  const tenants = [{ name: 'port0', n }, ...extraPorts(extra)]
  const [tenant] = await Promise.all(
    tenants.map(async (port) => {
      const made = await host.tenant(port.name, tenantOf(port.n))
      await made.exec(['ethtool', '-K', 'eth0', 'tx', 'off', 'tso', 'off', 'gso', 'off'])
      return made
    }),
  )
  await startSwitch(site, flavour)
  return tenant!
}

async function startSwitch(site: Site, flavour: Flavour): Promise<void> {
  const { host, far, n, extra } = site
  const folder = join(host.directory, 'ovs')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  const database = `unix:${folder}/db.sock`
  const env = { OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder }
  // Inside the namespace, so that what is cut off ends with the lab.
  const vsctl = (...words: readonly string[]): Promise<string> =>
    host.exec(['ovs-vsctl', `--db=${database}`, '--timeout=20', ...words], { env })

  await host.exec(['ovsdb-tool', 'create', join(folder, 'conf.db'), schema])
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
  const settings = flavour.config(site)
  if (settings.length > 0) await vsctl('--no-wait', 'set', 'Open_vSwitch', '.', ...settings)
  const daemon = host.start(
    'ovs-vswitchd',
    [flavour.vswitchd, database, `--unixctl=${folder}/vs.ctl`],
    {
      env,
    },
  )

  const wire = flavour.port('eth0', 0)
  const tenant = flavour.port('port0', 1)
  const add = (bridge: string, name: string, options: readonly string[]): string[] => [
    ...['--', 'add-port', bridge, name],
    ...(options.length > 0 ? ['--', 'set', 'interface', name, ...options] : []),
  ]
  const bridge = (name: string, ...options: readonly string[]): string[] => [
    ...['--', 'add-br', name, '--', 'set', 'bridge', name, 'datapath_type=netdev', ...options],
  ]
  // The wire's address moves to the bridge that has it as a port; its MAC is the tunnel's source.
  await host.ip('addr flush dev eth0')
  await vsctl(
    ...bridge('wire', `other_config:hwaddr=${wireMacOf(n)}`),
    ...add('wire', wire.name, wire.options),
    ...bridge('tenants', 'fail-mode=secure'),
    ...add('tenants', tenant.name, [...tenant.options, `ofport_request=${tenantPort}`]),
    ...add('tenants', 'tunnel', [
      'type=vxlan',
      `options:remote_ip=${far.vtep4}`,
      `options:key=${vni}`,
      `ofport_request=${tunnelPort}`,
    ]),
    ...extraPorts(extra).flatMap((port, index) => {
      const { name, options } = flavour.port(port.name, 2 + index)
      return add('tenants', name, options)
    }),
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${daemon.log().slice(-1500)}`)
  })
  await refused(vsctl)
  await host.ip(
    `addr add ${host.vtep4}/24 dev wire`,
    'link set wire up',
    'link set tenants up',
    `neigh replace ${far.vtep4} lladdr ${wireMacOf(3 - n)} dev wire nud permanent`,
  )
  for (const [from, to] of [
    [tenantPort, tunnelPort],
    [tunnelPort, tenantPort],
  ]) {
    const target = `unix:${folder}/tenants.mgmt`
    await host.exec(['ovs-ofctl', 'add-flow', target, `in_port=${from},actions=output:${to}`], {
      env,
    })
  }
  const neighbour = ['tnl/neigh/set', 'wire', far.vtep4, wireMacOf(3 - n)]
  await host.exec(['ovs-appctl', '-t', `${folder}/vs.ctl`, ...neighbour], { env })
}

/** A port that the daemon could not open has a word about it in the database; the command that added it succeeded. */
async function refused(vsctl: (...words: readonly string[]) => Promise<string>): Promise<void> {
  const text = await vsctl('--format=json', '--columns=name,error', 'list', 'interface')
  const { data } = JSON.parse(text) as { data: [string, string | readonly unknown[]][] }
  const bad = data.filter(([, error]) => typeof error === 'string' && error !== '')
  if (bad.length > 0) throw new Error(bad.map(([name, error]) => `${name}: ${error}`).join('; '))
}
