// The process of bgp-proxy.ts. Argument: its settings as JSON; standard output: a line of JSON for each thing it did.

import { createConnection, createServer, type Socket } from 'node:net'
import type { BgpProxySettings, ProxyCounts } from './bgp-proxy.js'
import { Framing, split, withdrawal } from './bgp-update.js'

const settings = JSON.parse(process.argv[2]!) as BgpProxySettings
const { listen, connect, delaySeconds, duplicates } = settings
const counts: ProxyCounts = { delayed: 0, duplicated: 0, late: 0, forced: 0 }
let seed = settings.seed

/** 0 to 1, the same row for the same seed (mulberry32). */
function random(): number {
  seed = (seed + 0x6d2b79f5) | 0
  let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
  return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
}

/** One direction: withdrawals wait, all else passes; of one route nothing overtakes anything. */
class Lane {
  readonly #to: Socket
  readonly #framing = new Framing()
  /** Withdrawals that wait, by route. */
  readonly #waiting = new Map<
    string,
    { readonly nlri: Buffer; readonly timers: Set<NodeJS.Timeout> }
  >()

  constructor(from: Socket, to: Socket) {
    this.#to = to
    from.on('data', (chunk) => {
      for (const message of this.#framing.push(chunk)) this.#pass(message)
    })
    from.on('error', () => this.#end())
    from.on('close', () => this.#end())
  }

  #pass(message: Buffer): void {
    const { rest, announced, withdrawn } = split(message)
    for (const key of announced) this.#release(key)
    if (rest !== undefined) this.#write(rest)
    for (const { key, nlri } of withdrawn) {
      this.#later(key, nlri)
      if (random() >= duplicates) continue
      counts.duplicated++
      this.#later(key, nlri)
    }
  }

  #later(key: string, nlri: Buffer): void {
    const { timers } = this.#waiting.get(key) ?? { timers: new Set() }
    this.#waiting.set(key, { nlri, timers })
    counts.delayed++
    const [least, most] = delaySeconds
    const expire = (): void => {
      timers.delete(timer)
      counts.late++
      if (timers.size === 0) this.#waiting.delete(key)
      this.#write(withdrawal(nlri))
    }
    const timer = setTimeout(expire, (least + (most - least) * random()) * 1000)
    timers.add(timer)
  }

  /** The route is announced anew: what was to be withdrawn has to be so before. */
  #release(key: string): void {
    const late = this.#waiting.get(key)
    if (late === undefined) return
    this.#waiting.delete(key)
    for (const timer of late.timers) clearTimeout(timer)
    counts.forced++
    this.#write(withdrawal(late.nlri))
  }

  #write(message: Buffer): void {
    if (!this.#to.destroyed) this.#to.write(message)
  }

  #end(): void {
    for (const { timers } of this.#waiting.values()) for (const timer of timers) clearTimeout(timer)
    this.#waiting.clear()
    this.#to.end()
  }
}

const server = createServer({ noDelay: true }, (near) => {
  const far = createConnection({
    host: connect.address,
    port: 179,
    localAddress: connect.source,
    noDelay: true,
  })
  new Lane(near, far)
  new Lane(far, near)
})
server.listen({ host: listen, port: 179 }, () => process.stdout.write('bgp-proxy: ready\n'))

setInterval(() => process.stdout.write(`${JSON.stringify(counts)}\n`), 100)
