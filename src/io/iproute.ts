// The kernel's devices as iproute2 tells them in JSON: who wants more of them than names asks here.

import { execFile } from 'node:child_process'

/** Of `ip -j -d addr`, the keys that are read. */
export interface DeviceRow {
  readonly ifname: string
  readonly flags: readonly string[]
  readonly mtu: number
  readonly address?: string
  readonly num_rx_queues?: number
  readonly master?: string
  /** The device that a VLAN or macvlan is on. */
  readonly link?: string
  readonly addr_info: readonly {
    readonly family: string
    readonly local: string
    readonly prefixlen: number
    readonly scope: string
  }[]
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_data?: Readonly<Record<string, unknown>>
  }
}

/** Of `bridge -j vlan show`. */
export interface BridgeVlanRow {
  readonly ifname: string
  readonly vlans: readonly {
    readonly vlan: number
    readonly vlanEnd?: number
    readonly flags?: readonly string[]
  }[]
}

/** Of `bridge -j vlan tunnelshow`: VLAN and VNI of a vxlan device for many. */
export interface BridgeTunnelRow {
  readonly ifname: string
  readonly tunnels: readonly {
    readonly vlan: number
    readonly vlanEnd?: number
    readonly tunid: number
    readonly tunidEnd?: number
  }[]
}

/** Of `bridge -j fdb show`. */
export interface FdbRow {
  readonly mac: string
  readonly ifname: string
  readonly dst?: string
  readonly state?: string
  readonly flags: readonly string[]
}

export interface Devices {
  readonly devices: readonly DeviceRow[]
  readonly vlans: readonly BridgeVlanRow[]
  readonly tunnels: readonly BridgeTunnelRow[]
  readonly fdb: readonly FdbRow[]
}

/** Devices of this network namespace, with addresses. Rejects where iproute2 is missing. */
export async function readDevices(): Promise<readonly DeviceRow[]> {
  const rows = await json<DeviceRow>('ip', '-j', '-d', 'addr', 'show')
  return rows.filter(({ ifname }) => ifname !== undefined)
}

/** Devices, and what bridges know. */
export async function readBridging(): Promise<Devices> {
  const [devices, vlans, tunnels, fdb] = await Promise.all([
    readDevices(),
    json<BridgeVlanRow>('bridge', '-j', 'vlan', 'show'),
    json<BridgeTunnelRow>('bridge', '-j', 'vlan', 'tunnelshow'),
    json<FdbRow>('bridge', '-j', 'fdb', 'show'),
  ])
  return { devices, vlans, tunnels, fdb }
}

function json<Row>(program: string, ...words: readonly string[]): Promise<readonly Row[]> {
  const options = { maxBuffer: 1 << 28, env: { ...process.env, LC_ALL: 'C' } }
  return new Promise((resolve, reject) => {
    execFile(program, words, options, (error, stdout) => {
      if (error !== null) reject(new Error(`${program} ${words.join(' ')}: ${error.message}`))
      // With nothing to show it says nothing at all.
      else resolve(stdout.trim() === '' ? [] : (JSON.parse(stdout) as Row[]))
    })
  })
}
