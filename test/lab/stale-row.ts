// A row of the tables that nobody has written: as a bug or a broken memory would leave it.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.js'
import { root, type Vtep } from './vtep.js'

const program = join(root, 'test/lab/stale-row.py')

/** The process under the daemon that owns the tables. */
function dataplaneOf(vtep: Vtep): number {
  const children = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      const isChild = readFileSync(`/proc/${name}/status`, 'utf8').includes(
        `\nPPid:\t${vtep.service.pid}\n`,
      )
      return isChild && readFileSync(`/proc/${name}/maps`, 'utf8').includes('vtep-segment')
    } catch {
      return false
    }
  })
  if (children.length !== 1) throw new Error(`expected one dataplane, got ${children.length}`)
  return Number(children[0])
}

/** Frames to `mac` go where those to `like` go, until somebody notices. Both are behind VTEPs. */
export async function plantStaleRow(vtep: Vtep, mac: string, like: string): Promise<void> {
  await run(['python3', program, `${dataplaneOf(vtep)}`, mac, like])
}
