// Who gets a broadcast, and how often: every one has a number.

import { join } from 'node:path'
import type { Namespace } from './namespace.js'
import type { Service } from './service.js'
import { root } from './vtep.js'

const program = join(root, 'test/lab/broadcasts.py')

/** Receives what is broadcast to a tenant. */
export class BroadcastListener {
  readonly name: string
  readonly #service: Service

  private constructor(name: string, service: Service) {
    this.name = name
    this.#service = service
  }

  static async start(tenant: Namespace): Promise<BroadcastListener> {
    const service = tenant.start('broadcasts-in', ['python3', program, 'listen'])
    await service.said('ready')
    return new BroadcastListener(tenant.name, service)
  }

  /** How often each number of a sender has come. */
  counts(sender: string): ReadonlyMap<number, number> {
    const counts = new Map<number, number>()
    for (const line of this.#service.log().split('\n')) {
      const [, from, number] = line.split(' ')
      if (from === sender) counts.set(Number(number), (counts.get(Number(number)) ?? 0) + 1)
    }
    return counts
  }
}

/** Sends one every 10 ms. */
export class BroadcastSender {
  readonly name: string
  readonly #service: Service

  private constructor(name: string, service: Service) {
    this.name = name
    this.#service = service
  }

  static async start(tenant: Namespace, name: string, address: string): Promise<BroadcastSender> {
    const service = tenant.start(`broadcasts-${name}`, ['python3', program, 'send', name, address])
    await service.said('ready')
    return new BroadcastSender(name, service)
  }

  /** The last number. */
  get sent(): number {
    return Number(/sent (\d+)\n[^\n]*$/.exec(this.#service.log())?.[1] ?? 0)
  }

  async stop(): Promise<void> {
    await this.#service.stop()
  }
}
