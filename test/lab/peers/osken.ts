// os-ken's BGP speaker with one EVPN vrf, driven by JSON lines on its standard input and reporting by JSON lines.

import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../command.js'
import type { Host } from '../host.js'
import type { Service } from '../service.js'
import { root } from '../vtep.js'
import type { PeerSpec } from './peer.js'

const speaker = join(root, 'test/lab/peers/osken-speaker.py')

export interface OskenReport {
  readonly event: 'peer-up' | 'peer-down' | 'best-path' | 'done' | 'error'
  readonly [field: string]: unknown
}

export class Osken {
  readonly service: Service
  readonly fifo: string

  constructor(service: Service, fifo: string) {
    this.service = service
    this.fifo = fifo
  }

  /** `call` is a method of os-ken's BGPSpeaker; the rest its arguments. */
  command(call: string, args: Readonly<Record<string, unknown>>): void {
    appendFileSync(this.fifo, `${JSON.stringify({ call, args })}\n`)
  }

  reports(): OskenReport[] {
    return this.service
      .log()
      .split('\n')
      .filter((line) => line.startsWith('{"event"'))
      .map((line) => JSON.parse(line) as OskenReport)
  }
}

export async function startOsken(
  host: Host,
  { asn, peers }: { readonly asn: number; readonly peers: readonly PeerSpec[] },
): Promise<Osken> {
  const fifo = join(host.directory, 'osken.in')
  await run(['mkfifo', fifo])
  const service = host.start('osken', [
    '/usr/bin/python3',
    '-u',
    speaker,
    fifo,
    `${asn}`,
    host.vtep4,
    ...peers.map((peer) => `${peer.address} ${peer.asn}`),
  ])
  await service.said('"event": "ready"', { seconds: 20 })
  return new Osken(service, fifo)
}

/** False when os-ken can be imported, or the reason to skip. */
export function oskenMissing(): Promise<string | false> {
  return new Promise((resolve) => {
    spawn('/usr/bin/python3', ['-c', 'import os_ken'], { stdio: 'ignore' })
      .on('error', () => resolve('not installed: python3 (npm run setup -- test)'))
      .on('exit', (code) =>
        resolve(code === 0 ? false : 'not installed: python3-os-ken (npm run setup -- test)'),
      )
  })
}
