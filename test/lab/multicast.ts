// Tenants that receive and send multicast by the kernel's own IGMP and MLD, without the second that a command takes.

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.js'
import type { Namespace } from './namespace.js'
import type { Service } from './service.js'
import { root } from './vtep.js'
import { until } from './wait.js'

const program = join(root, 'test/lab/multicast.py')

export class MulticastHost {
  readonly #fifo: string
  readonly #service: Service

  private constructor(fifo: string, service: Service) {
    this.#fifo = fifo
    this.#service = service
  }

  static async start(tenant: Namespace): Promise<MulticastHost> {
    const fifo = join(tenant.directory, 'multicast')
    await run(['mkfifo', fifo])
    const service = tenant.start('multicast', ['python3', program, fifo])
    await service.said('ready')
    return new MulticastHost(fifo, service)
  }

  join(group: string, source = ''): void {
    this.#say(`join ${group} ${source}`)
  }

  leave(group: string, source = ''): void {
    this.#say(`leave ${group} ${source}`)
  }

  /** As a multicast router with this address. */
  query(address: string): void {
    this.#say(`query ${address}`)
  }

  async send(group: string, count: number): Promise<void> {
    const before = this.#count('sent')
    this.#say(`send ${group} ${count}`)
    await until(`${count} datagrams are sent`, async () => this.#count('sent') > before)
  }

  /** Datagrams received of a group so far. */
  received(group: string): number {
    return this.#count(`got ${group}`)
  }

  #count(what: string): number {
    return this.#service
      .log()
      .split('\n')
      .filter((line) => line.startsWith(what)).length
  }

  #say(line: string): void {
    appendFileSync(this.#fifo, `${line}\n`)
  }
}
