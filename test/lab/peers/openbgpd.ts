// OpenBGPD: an underlay leaf by IPv4 and IPv6 unicast. Outside OpenBSD it has no forwarding table.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../host.js'
import { until } from '../wait.js'
import { defaultHoldTimeSeconds, type PeerSpec, type UnderlayPeerOptions } from './peer.js'

export class Openbgpd {
  readonly host: Host
  readonly #socket: string

  constructor(host: Host, socket: string) {
    this.host = host
    this.#socket = socket
  }

  cli(...words: readonly string[]): Promise<string> {
    return this.host.exec(['bgpctl', '-s', this.#socket, ...words])
  }

  /** All that it has of a prefix; empty when that is nothing. */
  async route(prefix: string): Promise<string> {
    const text = await this.cli('show', 'rib', 'detail', prefix)
    return text.includes(prefix) ? text : ''
  }
}

/** Where it locks itself in. */
const jail = '/run/openbgpd'

export async function startOpenbgpd(host: Host, options: UnderlayPeerOptions): Promise<Openbgpd> {
  const socket = join(host.directory, 'openbgpd.sock')
  const file = join(host.directory, 'openbgpd.conf')
  writeFileSync(file, configuration(host, socket, options))
  // It refuses a file that others may read.
  chmodSync(file, 0o600)
  mkdirSync(jail, { recursive: true })
  const service = host.start('openbgpd', ['/usr/sbin/bgpd', '-d', '-f', file])
  const openbgpd = new Openbgpd(host, socket)
  await until(`openbgpd in ${host.name}`, async () => {
    if (!service.running) throw new Error(`${service.status}: ${service.log()}`)
    return (await openbgpd.cli('show')).includes('Neighbor')
  })
  return openbgpd
}

function configuration(
  host: Host,
  socket: string,
  { asn, peers, prefixes, extra = [] }: UnderlayPeerOptions,
): string {
  const neighbour = (peer: PeerSpec): string => {
    const isIpv6 = peer.address.includes(':')
    return `
neighbor ${peer.address} {
  remote-as ${peer.asn}
  local-address ${isIpv6 ? host.vtep6 : host.vtep4}
  announce ${isIpv6 ? 'IPv6' : 'IPv4'} unicast
  holdtime ${peer.holdTimeSeconds ?? defaultHoldTimeSeconds}
${peer.passive === true ? '  passive\n' : ''}${extra.map((line) => `  ${line}\n`).join('')}}`
  }
  return `AS ${asn}
router-id ${host.vtep4}
socket "${socket}"
fib-update no
connect-retry 1
${prefixes.map((prefix) => `network ${prefix}`).join('\n')}
${peers.map(neighbour).join('')}
allow from any
allow to any
`
}
