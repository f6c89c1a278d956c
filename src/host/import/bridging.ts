// What the kernel's bridges, vxlan devices and VRFs are, as networks with ports.

import type { DeviceRow, Devices } from '../../io/index.js'
import type { ImportNote } from './notes.js'

/** A VNI in a bridge, or in one VLAN of it. */
export interface KernelNetwork {
  readonly vni: number
  readonly vxlan: DeviceRow
  readonly bridge: DeviceRow | undefined
  readonly vlan: number | undefined
  readonly ports: readonly DeviceRow[]
  /** The interface with the addresses of the network. */
  readonly svi: DeviceRow | undefined
  readonly gateway: readonly string[]
  readonly gatewayMac: string | undefined
  /** VRF device that the SVI is in. */
  readonly vrf: string | undefined
  readonly remotes: readonly { readonly address: string; readonly macs: readonly string[] }[]
}

export interface Kernel {
  readonly networks: readonly KernelNetwork[]
  readonly addresses: readonly string[]
  addressesOf(ifname: string): readonly string[]
  readonly locals: readonly string[]
  readonly udpPorts: readonly number[]
  /** Devices that have to go before a vtep can begin, and the ports that have to leave them. */
  readonly obsolete: { readonly devices: readonly string[]; readonly ports: readonly string[] }
}

const kindOf = (device: DeviceRow | undefined): string => device?.linkinfo?.info_kind ?? ''

const dataOf = <T>(device: DeviceRow, key: string): T | undefined =>
  device.linkinfo?.info_data?.[key] as T | undefined

export function readKernel(from: Devices, note: (note: ImportNote) => void): Kernel {
  const { devices } = from
  const byName = new Map(devices.map((device) => [device.ifname, device]))
  const vxlans = devices.filter((device) => kindOf(device) === 'vxlan')
  const networks = vxlans.flatMap((vxlan) => networksOf(vxlan, from, byName, note))
  const addressesOf = (ifname: string): string[] =>
    (byName.get(ifname)?.addr_info ?? [])
      .filter(({ scope }) => scope === 'global')
      .map(({ local }) => local)
  const locals = vxlans.flatMap(
    (one) => dataOf<string>(one, 'local') ?? dataOf<string>(one, 'local6') ?? [],
  )
  const bridges = unique(networks.flatMap(({ bridge }) => bridge?.ifname ?? []))
  const svis = unique(networks.flatMap(({ svi }) => svi?.ifname ?? [])).filter(
    (name) => !bridges.includes(name),
  )
  return {
    networks,
    addresses: devices.flatMap(({ ifname }) => addressesOf(ifname)),
    addressesOf,
    locals: unique(locals),
    udpPorts: unique(vxlans.flatMap((one) => dataOf<number>(one, 'port') ?? [])),
    obsolete: {
      devices: [...vxlans.map(({ ifname }) => ifname), ...svis, ...bridges],
      ports: unique(networks.flatMap(({ ports }) => ports.map(({ ifname }) => ifname))),
    },
  }
}

type Note = (note: ImportNote) => void
type Names = ReadonlyMap<string, DeviceRow>

/** One, or as many as the device has VLANs when it is for many. */
function networksOf(vxlan: DeviceRow, from: Devices, byName: Names, note: Note): KernelNetwork[] {
  const where = vxlan.ifname
  const bridge = byName.get(vxlan.master ?? '')
  if (bridge !== undefined && kindOf(bridge) !== 'bridge') {
    note({
      kind: 'lost',
      where,
      what: `port of ${bridge.ifname}`,
      why: `${kindOf(bridge)} is no bridge of the kernel: its ports are not known`,
    })
  }
  const group = dataOf<string>(vxlan, 'group') ?? dataOf<string>(vxlan, 'group6')
  if (group !== undefined)
    note({
      kind: 'lost',
      where,
      what: `floods to multicast group ${group}`,
      why: 'broadcasts are replicated to each VTEP, which EVPN or `remotes` names',
    })
  const id = dataOf<number>(vxlan, 'id')
  const isForMany = dataOf<boolean>(vxlan, 'external') === true
  if (!isForMany && id === undefined) return []
  const tunnels = isForMany ? tunnelsOf(vxlan.ifname, from) : [{ vlan: undefined, vni: id! }]
  if (isForMany && tunnels.length === 0)
    note({
      kind: 'lost',
      where,
      what: 'a device for many VNIs',
      why: 'no VLAN of it has a VNI (bridge vlan tunnelshow)',
    })
  return tunnels.map(({ vlan, vni }) => {
    const own = vlan ?? vlanAwareVlan(vxlan, bridge, from)
    const isLost = bridge !== undefined && isVlanAware(bridge) && own === undefined
    if (isLost)
      note({
        kind: 'lost',
        where,
        what: `in no VLAN of ${bridge.ifname} without a tag`,
        why: 'which ports are in its network is not known',
      })
    const ports = bridge === undefined || isLost ? [] : portsOf(bridge, own, vxlan, from, note)
    const svi = bridge === undefined ? undefined : sviOf(bridge, own, byName)
    return {
      vni,
      vxlan,
      bridge,
      vlan: own,
      ports,
      svi,
      ...gatewayOf(svi, byName),
      vrf: kindOf(byName.get(svi?.master ?? '')) === 'vrf' ? svi?.master : undefined,
      remotes: isForMany ? [] : remotesOf(vxlan, from),
    }
  })
}

function tunnelsOf(ifname: string, { tunnels }: Devices): { vlan: number; vni: number }[] {
  return tunnels
    .filter((row) => row.ifname === ifname)
    .flatMap((row) => row.tunnels)
    .flatMap(({ vlan, vlanEnd = vlan, tunid }) =>
      Array.from({ length: vlanEnd - vlan + 1 }, (_, i) => ({ vlan: vlan + i, vni: tunid + i })),
    )
}

/** The VLAN of a vxlan device in a bridge that has several; undefined where it has none. */
function vlanAwareVlan(
  vxlan: DeviceRow,
  bridge: DeviceRow | undefined,
  { vlans }: Devices,
): number | undefined {
  if (bridge === undefined || !isVlanAware(bridge)) return undefined
  return untaggedOf(vxlan.ifname, vlans)
}

const isVlanAware = (bridge: DeviceRow): boolean =>
  Number(dataOf(bridge, 'vlan_filtering') ?? 0) === 1

function untaggedOf(ifname: string, vlans: Devices['vlans']): number | undefined {
  return vlans
    .find((row) => row.ifname === ifname)
    ?.vlans.find(({ flags = [] }) => flags.includes('PVID'))?.vlan
}

function portsOf(
  bridge: DeviceRow,
  vlan: number | undefined,
  vxlan: DeviceRow,
  { devices, vlans }: Devices,
  note: Note,
): DeviceRow[] {
  const members = devices.filter(
    (one) => one.master === bridge.ifname && one.ifname !== vxlan.ifname && kindOf(one) !== 'vxlan',
  )
  if (vlan === undefined) return members
  for (const { ifname } of members) {
    const row = vlans.find((one) => one.ifname === ifname)
    const isTagged = row?.vlans.some(
      (one) =>
        one.vlan <= vlan &&
        vlan <= (one.vlanEnd ?? one.vlan) &&
        !(one.flags ?? []).includes('Egress Untagged'),
    )
    if (isTagged === true)
      note({
        kind: 'lost',
        where: ifname,
        what: `carries VLAN ${vlan} with a tag`,
        why: `a port is in one network: make a VLAN interface of it (ip link add link ${ifname} name ${ifname}.${vlan} type vlan id ${vlan}), and that a port`,
      })
  }
  return members.filter(({ ifname }) => untaggedOf(ifname, vlans) === vlan)
}

/** The bridge itself, or the VLAN interface on it. */
function sviOf(bridge: DeviceRow, vlan: number | undefined, byName: Names): DeviceRow | undefined {
  if (vlan === undefined) return bridge
  for (const device of byName.values()) {
    if (kindOf(device) === 'vlan' && device.link === bridge.ifname && dataOf(device, 'id') === vlan)
      return device
  }
  return undefined
}

/** Its addresses, or those of a macvlan on it, which is how an anycast gateway is made. */
function gatewayOf(svi: DeviceRow | undefined, byName: Names) {
  if (svi === undefined) return { gateway: [], gatewayMac: undefined }
  const above = [...byName.values()].find(
    (one) => kindOf(one) === 'macvlan' && one.link === svi.ifname && globals(one).length > 0,
  )
  const device = above ?? svi
  const gateway = globals(device)
  return { gateway, gatewayMac: gateway.length === 0 ? undefined : device.address }
}

const globals = ({ addr_info }: DeviceRow): string[] =>
  addr_info
    .filter(({ scope }) => scope === 'global')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)

const EVERYBODY = '00:00:00:00:00:00'

/** Entries that somebody has put there for good; what EVPN has taught comes by EVPN again. */
function remotesOf({ ifname }: DeviceRow, { fdb }: Devices) {
  const remotes = new Map<string, string[]>()
  for (const { ifname: device, mac, dst, state, flags } of fdb) {
    if (device !== ifname || dst === undefined || state !== 'permanent') continue
    if (flags.includes('extern_learn')) continue
    const macs = remotes.get(dst) ?? []
    if (mac !== EVERYBODY) macs.push(mac)
    remotes.set(dst, macs)
  }
  return [...remotes].map(([address, macs]) => ({ address, macs }))
}

const unique = <T>(all: readonly T[]): T[] => [...new Set(all)]
