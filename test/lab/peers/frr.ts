// FRR: zebra, staticd and bgpd in a namespace; a leaf over the kernel's VXLAN, or a route reflector.

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../command.js'
import type { Host } from '../host.js'
import type { Service } from '../service.js'
import { until } from '../wait.js'
import { defaultHoldTimeSeconds, keepaliveSeconds, type PeerSpec } from './peer.js'

const programs = '/usr/lib/frr'

export interface FrrOptions {
  readonly asn: number
  readonly peers: readonly PeerSpec[]
  /** leaf announces the kernel's VNIs; reflector passes routes on with next hop and attributes kept. */
  readonly role?: 'leaf' | 'reflector'
  /** BFD's daemon, too. */
  readonly bfd?: boolean
  /** Further configuration lines. */
  readonly extra?: readonly string[]
}

export class Frr {
  readonly host: Host
  readonly directory: string
  readonly #others: readonly Service[]
  #bgpd: Service
  #starts = 1

  constructor(host: Host, directory: string, services: readonly Service[]) {
    this.host = host
    this.directory = directory
    this.#others = services.slice(0, -1)
    this.#bgpd = services.at(-1)!
  }

  /** Ends all of it, in order. */
  async stop(): Promise<void> {
    for (const service of [this.#bgpd, ...this.#others.toReversed()]) await service.stop()
  }

  /** kill -9 of bgpd: zebra and the kernel keep what they have. */
  async killBgpd(): Promise<void> {
    this.#bgpd.signal('SIGKILL')
    await this.#bgpd.ended()
    rmSync(join(this.directory, 'bgpd.vty'), { force: true })
  }

  /** A new bgpd with the configuration of the one before. */
  async startBgpd(): Promise<void> {
    this.#starts += 1
    this.#bgpd = await startDaemon(this.host, this.directory, 'bgpd', `frr-bgpd-${this.#starts}`)
    await this.configure()
  }

  /** Reads frr.conf. */
  async configure(): Promise<void> {
    const file = join(this.directory, 'frr.conf')
    await this.host.exec(['vtysh', '--vty_socket', this.directory, '-f', file])
  }

  vtysh(...commands: readonly string[]): Promise<string> {
    const args = commands.flatMap((command) => ['-c', command])
    return this.host.exec(['vtysh', '--vty_socket', this.directory, ...args])
  }

  async json<T>(command: string): Promise<T> {
    return JSON.parse(await this.vtysh(`${command} json`)) as T
  }

  async established(peer: string, seconds = 20): Promise<void> {
    interface Summary {
      peers: Record<string, { state: string }>
    }
    await until(
      `${this.host.name} (FRR): BGP with ${peer}`,
      async () =>
        (await this.json<Summary>('show bgp l2vpn evpn summary')).peers[peer]?.state ===
        'Established',
      { seconds, everySeconds: 0.2 },
    )
  }

  /** What it thinks of its next hops, peers and MACs, and the end of its log: for the error of a test that waited in vain. */
  async state(): Promise<string> {
    const shown = await this.vtysh(
      'show bgp nexthop',
      'show ip nht',
      'show ip route',
      'show bgp l2vpn evpn summary',
      'show bgp neighbors',
      'show evpn mac vni all',
    )
    const log = readFileSync(join(this.directory, 'frr.log'), 'utf8').split('\n').slice(-60)
    return [shown, ...log].join('\n')
  }

  /** What zebra holds of a MAC. Its FDB entry on the vxlan device outlives a move to a local port: ask here. */
  async mac(vni: number, mac: string): Promise<FrrMac | undefined> {
    const rows = await this.json<Record<string, FrrMac>>(`show evpn mac vni ${vni} mac ${mac}`)
    return rows[mac]
  }

  /** The paths of the EVPN table, flattened: prefix in FRR's notation, path as FRR's JSON has it. */
  async paths(): Promise<{ readonly prefix: string; readonly path: FrrPath }[]> {
    const table = await this.json<Record<string, unknown>>('show bgp l2vpn evpn route detail')
    const out: { prefix: string; path: FrrPath }[] = []
    for (const rd of Object.values(table)) {
      if (typeof rd !== 'object' || rd === null) continue
      for (const [prefix, entry] of Object.entries(rd as Record<string, unknown>)) {
        const groups = (entry as { paths?: FrrPath[][] } | null)?.paths
        for (const path of groups?.flat() ?? []) out.push({ prefix, path })
      }
    }
    return out
  }
}

/** Of `show evpn mac vni N mac M json`. */
export interface FrrMac {
  readonly type: 'local' | 'remote' | 'auto'
  readonly remoteVtep?: string
  readonly localSequence: number
  readonly remoteSequence: number
}

/** Of `show bgp l2vpn evpn route detail json`, the keys that tests look at. */
export interface FrrPath {
  readonly valid?: boolean
  readonly nexthops?: readonly { readonly ip: string; readonly used?: boolean }[]
  readonly extendedCommunity?: { readonly string: string }
  readonly [key: string]: unknown
}

export function startFrr(host: Host, options: FrrOptions): Promise<Frr> {
  return startFrrWith(host, configuration(host, options), options)
}

/** With a configuration that somebody else has written. */
export async function startFrrWith(
  host: Host,
  configuration: string,
  options: Pick<FrrOptions, 'bfd'> = {},
): Promise<Frr> {
  const directory = join(host.directory, 'frr')
  mkdirSync(directory, { mode: 0o755 })
  chmodSync(directory, 0o755)
  writeFileSync(join(directory, 'empty.conf'), '')
  writeFileSync(join(directory, 'frr.conf'), configuration)
  await run(['chown', '-R', 'frr:frr', directory])
  const services: Service[] = []
  for (const daemon of ['zebra', 'staticd', ...(options.bfd === true ? ['bfdd'] : []), 'bgpd']) {
    services.push(await startDaemon(host, directory, daemon))
  }
  const frr = new Frr(host, directory, services)
  await knowsRoutes(frr)
  await frr.configure()
  return frr
}

/** A next hop that bgpd asks for before zebra has read the kernel's routes may stay invalid for good. */
async function knowsRoutes(frr: Frr): Promise<void> {
  const hasDefault = (await frr.host.exec(['ip', 'route', 'show', 'default'])) !== ''
  await until(`zebra in ${frr.host.name} knows the kernel's routes`, async () => {
    const routes = await frr.vtysh('show ip route')
    return routes.includes('C>*') && (!hasDefault || /^K>\* 0\.0\.0\.0\/0/m.test(routes))
  })
}

async function startDaemon(
  host: Host,
  directory: string,
  daemon: string,
  name = `frr-${daemon}`,
): Promise<Service> {
  const argv = [
    join(programs, daemon),
    '-f',
    join(directory, 'empty.conf'),
    '-u',
    'frr',
    '-g',
    'frr',
    '--vty_socket',
    directory,
    '-z',
    join(directory, 'zserv.api'),
    '-i',
    join(directory, `${daemon}.pid`),
    '-A',
    '127.0.0.1',
    '--log',
    `file:${join(directory, 'frr.log')}`,
  ]
  if (daemon === 'bgpd') argv.push('-p', '179')
  const service = host.start(name, argv)
  await until(
    `${daemon} in ${host.name}`,
    () => {
      if (!service.running) throw new Error(`${service.status}: ${service.log()}`)
      return existsSync(join(directory, `${daemon}.vty`))
    },
    { everySeconds: 0.02 },
  )
  return service
}

function configuration(host: Host, options: FrrOptions): string {
  const { asn, peers, role = 'leaf' } = options
  const neighbour = (peer: PeerSpec): string[] => [
    ` neighbor ${peer.address} remote-as ${peer.asn}`,
    ` neighbor ${peer.address} update-source ${peer.address.includes(':') ? host.vtep6 : host.vtep4}`,
    ...(peer.asn === asn ? [] : [` neighbor ${peer.address} ebgp-multihop 4`]),
    ` neighbor ${peer.address} timers ${keepaliveSeconds(peer)} ${peer.holdTimeSeconds ?? defaultHoldTimeSeconds}`,
    ` neighbor ${peer.address} timers connect 1`,
    ` neighbor ${peer.address} advertisement-interval 0`,
    ...(peer.passive === true ? [` neighbor ${peer.address} passive`] : []),
  ]
  const activation = (peer: PeerSpec): string[] => [
    `  neighbor ${peer.address} activate`,
    ...(role === 'reflector' && peer.asn === asn
      ? [`  neighbor ${peer.address} route-reflector-client`]
      : []),
    ...(role === 'reflector' && peer.asn !== asn
      ? [`  neighbor ${peer.address} attribute-unchanged next-hop`]
      : []),
  ]
  return [
    `hostname ${host.name}`,
    'log timestamp precision 6',
    // VTEPs and peers may lie behind the default route.
    'ip nht resolve-via-default',
    'ipv6 nht resolve-via-default',
    `router bgp ${asn}`,
    ` bgp router-id ${host.vtep4}`,
    ' bgp log-neighbor-changes',
    ' no bgp default ipv4-unicast',
    ' no bgp ebgp-requires-policy',
    // bgpd 8.4 was seen to track a multihop peer's next hops as ones that must be connected (why was not traced): the session stood
    // with all its routes inaccessible, for good.
    ' bgp disable-ebgp-connected-route-check',
    ...peers.flatMap(neighbour),
    ' address-family l2vpn evpn',
    ...peers.flatMap(activation),
    ...(role === 'leaf' ? ['  advertise-all-vni'] : []),
    ' exit-address-family',
    'exit',
    ...(options.extra ?? []),
    '',
  ].join('\n')
}
