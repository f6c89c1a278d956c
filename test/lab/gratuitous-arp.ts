// Gratuitous ARP without the second that a command takes: one process of the tenant sends it whenever asked.

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.js'
import type { Tenant } from './tenant.js'
import { root } from './vtep.js'
import { until } from './wait.js'

const program = join(root, 'test/lab/gratuitous-arp.py')

/** Answers what sends one, and resolves when it is out. */
export async function gratuitousArp(
  tenant: Tenant,
  mac: string,
  address: string,
): Promise<() => Promise<void>> {
  const fifo = join(tenant.directory, 'gratuitous-arp')
  await run(['mkfifo', fifo])
  const service = tenant.start('gratuitous-arp', ['python3', program, fifo])
  let asked = 0
  return async () => {
    appendFileSync(fifo, `${mac} ${address}\n`)
    const number = ++asked
    const sent = (): number => service.log().split('\n').length - 1
    await until('a gratuitous ARP is out', () => sent() >= number, { everySeconds: 0.002 })
  }
}
