// pmacct's BMP collector: what it understands of BMP messages, as lines of JSON.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../host.js'
import { until } from '../wait.js'

const program = '/usr/sbin/pmbmpd'

export interface BmpLog {
  readonly event_type: string
  readonly bmp_msg_type?: string
  readonly [field: string]: unknown
}

export class Pmbmpd {
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
  }

  /** Listens on the host's VTEP address, port 11019. */
  static async start(host: Host): Promise<Pmbmpd> {
    const file = join(host.directory, 'bmp.json')
    const configuration = join(host.directory, 'pmbmpd.conf')
    writeFileSync(
      configuration,
      [
        `bmp_daemon_ip: ${host.vtep4}`,
        'bmp_daemon_port: 11019',
        `bmp_daemon_msglog_file: ${file}`,
        'bmp_daemon_msglog_output: json',
        '',
      ].join('\n'),
    )
    const service = host.start('pmbmpd', [program, '-f', configuration])
    await until('pmbmpd listens', () => service.log().includes('waiting for BMP data'))
    return new Pmbmpd(file)
  }

  /** Everything it has logged so far. */
  lines(): BmpLog[] {
    const text = readFileSync(this.#file, 'utf8')
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as BmpLog)
  }
}
