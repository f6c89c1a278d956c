// BIRD 2: an underlay leaf by IPv4 and IPv6 unicast.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../host.js'
import { until } from '../wait.js'
import { defaultHoldTimeSeconds, type PeerSpec, type UnderlayPeerOptions } from './peer.js'

export class Bird {
  readonly host: Host
  readonly #socket: string

  constructor(host: Host, socket: string) {
    this.host = host
    this.#socket = socket
  }

  cli(...words: readonly string[]): Promise<string> {
    return this.host.exec(['birdc', '-s', this.#socket, ...words])
  }

  /** All that it has of a prefix; empty when that is nothing. */
  async route(prefix: string): Promise<string> {
    const words = ['birdc', '-s', this.#socket, 'show', 'route', prefix, 'all']
    const { stdout } = await this.host.attempt(words)
    return stdout.includes(prefix) ? stdout : ''
  }
}

export async function startBird(host: Host, options: UnderlayPeerOptions): Promise<Bird> {
  const socket = join(host.directory, 'bird.ctl')
  const file = join(host.directory, 'bird.conf')
  writeFileSync(file, configuration(host, options))
  const service = host.start('bird', ['bird', '-f', '-c', file, '-s', socket])
  const bird = new Bird(host, socket)
  await until(`bird in ${host.name}`, async () => {
    if (!service.running) throw new Error(`${service.status}: ${service.log()}`)
    return (await bird.cli('show', 'status')).includes('Daemon is up')
  })
  return bird
}

function configuration(
  host: Host,
  { asn, peers, prefixes, extra = [] }: UnderlayPeerOptions,
): string {
  const isIpv6 = (text: string): boolean => text.includes(':')
  const statics = (family: 4 | 6): string => `
protocol static {
  ipv${family};
${prefixes
  .filter((prefix) => isIpv6(prefix) === (family === 6))
  .map((prefix) => `  route ${prefix} blackhole;`)
  .join('\n')}
}`
  const neighbour = (peer: PeerSpec, index: number): string => `
protocol bgp peer${index} {
  local ${isIpv6(peer.address) ? host.vtep6 : host.vtep4} as ${asn};
  neighbor ${peer.address} as ${peer.asn};
  direct;
  hold time ${peer.holdTimeSeconds ?? defaultHoldTimeSeconds};
  connect retry time 1;
  connect delay time 1;
  error wait time 1, 2;
${peer.passive === true ? '  passive;\n' : ''}${extra.map((line) => `  ${line}\n`).join('')}
  ${isIpv6(peer.address) ? 'ipv6' : 'ipv4'} { import all; export where source = RTS_STATIC; };
}`
  return `router id ${host.vtep4};
protocol device {}
protocol direct { ipv4; ipv6; }
${statics(4)}${statics(6)}${peers.map(neighbour).join('')}
`
}
