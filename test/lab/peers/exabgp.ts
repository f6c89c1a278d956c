// ExaBGP: scripted routes. Version 4 has no words for EVPN: a generic attribute carries MP_REACH_NLRI (14) or
// MP_UNREACH_NLRI (15) beside an IPv4 route that only serves as its carrier.

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../command.js'
import type { Host } from '../host.js'
import { root } from '../vtep.js'
import { defaultHoldTimeSeconds, type PeerSpec } from './peer.js'

const pipe = join(root, 'test/lab/peers/exabgp-pipe.py')
const carrier = '203.0.113.1/32'

export class Exabgp {
  readonly host: Host
  readonly fifo: string
  readonly eventFile: string

  constructor(host: Host, fifo: string, eventFile: string) {
    this.host = host
    this.fifo = fifo
    this.eventFile = eventFile
  }

  command(line: string): void {
    appendFileSync(this.fifo, `${line}\n`)
  }

  /** Announces the bytes of an MP_REACH_NLRI attribute, with extended communities in ExaBGP's words. */
  reach(attribute: Uint8Array, communities: readonly string[]): void {
    this.command(
      `announce route ${carrier} next-hop ${this.host.vtep4} extended-community [ ${communities.join(' ')} ] attribute [ 0x0e 0x80 0x${hex(attribute)} ]`,
    )
  }

  unreach(attribute: Uint8Array): void {
    this.command(
      `announce route ${carrier} next-hop ${this.host.vtep4} attribute [ 0x0f 0x80 0x${hex(attribute)} ]`,
    )
  }

  /** What it received, as JSON lines. */
  events(): string {
    return readFileSync(this.eventFile, 'utf8')
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export async function startExabgp(
  host: Host,
  { asn, peers }: { readonly asn: number; readonly peers: readonly PeerSpec[] },
): Promise<Exabgp> {
  const fifo = join(host.directory, 'exabgp.in')
  const events = join(host.directory, 'exabgp.json')
  const file = join(host.directory, 'exabgp.conf')
  await run(['mkfifo', fifo])
  writeFileSync(events, '')
  const neighbour = (peer: PeerSpec): string => `
neighbor ${peer.address} {
  router-id ${host.vtep4};
  local-address ${host.vtep4};
  local-as ${asn};
  peer-as ${peer.asn};
  hold-time ${peer.holdTimeSeconds ?? defaultHoldTimeSeconds};
  ${peer.asn === asn ? '' : 'outgoing-ttl 4;'}
  family { ipv4 unicast; l2vpn evpn; }
  api { processes [ api ]; receive { parsed; update; notification; open; packets; } neighbor-changes; }
}`
  writeFileSync(
    file,
    `process api {
  run /usr/bin/python3 ${pipe} ${fifo} ${events};
  encoder json;
}
${peers.map(neighbour).join('')}
`,
  )
  host.start('exabgp', ['exabgp', file], {
    env: {
      'exabgp.daemon.user': 'root',
      'exabgp.daemon.drop': 'false',
      'exabgp.api.cli': 'false',
      'exabgp.log.level': 'WARNING',
      'exabgp.tcp.bind': '',
    },
  })
  return new Exabgp(host, fifo, events)
}
