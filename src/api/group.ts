// Groups of this machine, by /etc/group: Node.js does not ask for them.

import { readFileSync } from 'node:fs'
import { HostFailure } from '../host/index.js'

/** Number of a group, by its name or the number itself. Throws HostFailure. */
export function groupId(name: string, file = '/etc/group'): number {
  if (/^\d{1,9}$/.test(name)) return Number(name)
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [group, , id] = line.split(':')
    if (group === name && id !== undefined) return Number(id)
  }
  throw new HostFailure(`api.readGroup: expected a group of this host, got ${JSON.stringify(name)}`)
}
