// Gratuitous ARP without the second that a command takes: one process of the tenant sends it whenever asked.

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.js'
import type { Tenant } from './tenant.js'
import { root } from './vtep.js'

const program = join(root, 'test/lab/gratuitous-arp.py')

/** Answers what sends one. */
export async function gratuitousArp(
  tenant: Tenant,
  mac: string,
  address: string,
): Promise<() => void> {
  const fifo = join(tenant.directory, 'gratuitous-arp')
  await run(['mkfifo', fifo])
  tenant.start('gratuitous-arp', ['python3', program, fifo])
  return () => appendFileSync(fifo, `${mac} ${address}\n`)
}
