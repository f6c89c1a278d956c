// Between two BGP speakers: passes everything on, but EVPN withdrawals late, some of them twice, and so out of order.
// Of one route nothing overtakes anything, as in a chain of route reflectors.

import { fileURLToPath } from 'node:url'
import type { Host } from './host.js'
import { until } from './wait.js'

export interface BgpProxySettings {
  /** Address that one of the speakers connects to. */
  readonly listen: string
  /** The other speaker, and the address that it is connected to from. */
  readonly connect: { readonly address: string; readonly source: string }
  /** Least and most that a withdrawal waits. */
  readonly delaySeconds: readonly [number, number]
  /** Share of withdrawals that come twice, 0 to 1. */
  readonly duplicates: number
  readonly seed: number
}

/** What it did so far. */
export interface ProxyCounts {
  delayed: number
  duplicated: number
  /** Withdrawals that came when their time was over. */
  late: number
  /** Withdrawals that had to go at once, as their route was announced again. */
  forced: number
}

export class BgpProxy {
  readonly #log: () => string

  private constructor(log: () => string) {
    this.#log = log
  }

  static async start(host: Host, settings: BgpProxySettings): Promise<BgpProxy> {
    const program = fileURLToPath(new URL('bgp-proxy-program.js', import.meta.url))
    const argv = [process.execPath, program, JSON.stringify(settings)]
    const service = host.start('bgp-proxy', argv)
    await until('BGP proxy', () => service.log().includes('bgp-proxy: ready'))
    return new BgpProxy(() => service.log())
  }

  counts(): ProxyCounts {
    const last = this.#log().trimEnd().split('\n').at(-1) ?? ''
    return last.startsWith('{')
      ? (JSON.parse(last) as ProxyCounts)
      : { delayed: 0, duplicated: 0, late: 0, forced: 0 }
  }
}
