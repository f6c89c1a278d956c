// GoBGP: an EVPN reflector and injector.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../host.js'
import { until } from '../wait.js'
import { defaultHoldTimeSeconds, keepaliveSeconds, type PeerSpec } from './peer.js'

export interface GobgpOptions {
  readonly asn: number
  readonly peers: readonly PeerSpec[]
  /** Keep routes of a peer that restarts; without it GoBGP ends no family. */
  readonly gracefulRestart?: boolean
  /** Route-target constraint beside EVPN (RFC 4684). */
  readonly rtc?: boolean
}

export class Gobgp {
  readonly host: Host

  constructor(host: Host) {
    this.host = host
  }

  cli(...args: readonly string[]): Promise<string> {
    return this.host.exec(['gobgp', ...args])
  }

  /** The EVPN table as text, one line a path. */
  rib(): Promise<string> {
    return this.cli('global', 'rib', '-a', 'evpn')
  }

  /** Adds an EVPN route in GoBGP's own words, for example "macadv", "02:…", "0.0.0.0", … */
  async add(...words: readonly string[]): Promise<void> {
    await this.cli('global', 'rib', 'add', '-a', 'evpn', ...words)
  }

  async remove(...words: readonly string[]): Promise<void> {
    await this.cli('global', 'rib', 'del', '-a', 'evpn', ...words)
  }

  async established(peer: string, seconds = 20): Promise<void> {
    await until(
      `${this.host.name} (GoBGP): BGP with ${peer}`,
      async () =>
        (await this.cli('neighbor'))
          .split('\n')
          .some((line) => line.startsWith(`${peer} `) && line.includes('Establ')),
      { seconds, everySeconds: 0.2 },
    )
  }
}

export async function startGobgp(host: Host, options: GobgpOptions): Promise<Gobgp> {
  const file = join(host.directory, 'gobgp.toml')
  writeFileSync(file, configuration(host, options))
  const service = host.start('gobgpd', [
    'gobgpd',
    '-t',
    'toml',
    '-f',
    file,
    '--api-hosts',
    '127.0.0.1:50051',
    '--log-plain',
  ])
  const gobgp = new Gobgp(host)
  await until(
    `gobgpd in ${host.name}`,
    async () => {
      if (!service.running) throw new Error(`${service.status}: ${service.log()}`)
      await gobgp.cli('neighbor')
      return true
    },
    { everySeconds: 0.1 },
  )
  return gobgp
}

function configuration(
  host: Host,
  { asn, peers, rtc = false, gracefulRestart = rtc }: GobgpOptions,
): string {
  const family = (name: string): string => `
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${name}"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = ${gracefulRestart}`
  const neighbour = (peer: PeerSpec): string => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${peer.address}"
    peer-as = ${peer.asn}
  [neighbors.transport.config]
    local-address = "${host.vtep4}"
    passive-mode = ${peer.passive === true}
  [neighbors.timers.config]
    hold-time = ${peer.holdTimeSeconds ?? defaultHoldTimeSeconds}
    keepalive-interval = ${keepaliveSeconds(peer)}
    connect-retry = 1
    idle-hold-time-after-reset = 1
  [neighbors.ebgp-multihop.config]
    enabled = ${peer.asn !== asn}
    multihop-ttl = 4
  [neighbors.route-reflector.config]
    route-reflector-client = ${peer.client === true}
    route-reflector-cluster-id = "${host.vtep4}"
  [neighbors.graceful-restart.config]
    enabled = ${gracefulRestart}
    restart-time = 20
${family('l2vpn-evpn')}${rtc ? family('rtc') : ''}
`
  return `[global.config]
  as = ${asn}
  router-id = "${host.vtep4}"
${peers.map(neighbour).join('')}`
}
